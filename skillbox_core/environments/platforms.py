"""Which wheels an image takes: uv's name for its platform, and whether its Python is one that is asked for. Pure."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet

from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills.archive import LOCK
from skillbox_core.skills.environment_lock import Lock

_GLIBC = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
"""Minor versions of glibc 2 that uv knows, https://docs.astral.sh/uv/reference/cli (--python-platform)."""
_OLDEST_MUSL = (1, 2)
_OWN_IMAGE = "use an image that has the packages, and `environment: none` in SKILL.md"


def uv_platform(interpreter: Interpreter) -> str:
    """The highest platform of uv's list at or below the image's.

    Raises:
        InvalidSkillError: There is none.
    """
    kind, _, version = interpreter.libc.partition(" ")
    major, minor = (int(part) for part in version.split("."))
    if kind == "musl" and (major, minor) >= _OLDEST_MUSL:
        return f"{interpreter.machine}-unknown-linux-musl"
    fitting = [known for known in _GLIBC if kind == "glibc" and (2, known) <= (major, minor)]
    if not fitting:
        raise InvalidSkillError(
            f"there are no wheels for an image with {interpreter.libc}: it is too old",
            hint=f"glibc 2.17 and musl 1.2 are the oldest; {_OWN_IMAGE}",
        )
    return f"{interpreter.machine}-manylinux_2_{max(fitting)}"


def check_reach(lock: Lock, interpreter: Interpreter) -> None:
    """Refuses an interpreter that a lock was not made for.

    Raises:
        InvalidSkillError: Names both, and the way out.
    """
    mine = Interpreter.parse(lock.python)
    if mine is not None and lock.universal:
        reaches = _number(interpreter) >= _number(mine)
    else:
        reaches = mine is not None and _platform(mine) == _platform(interpreter)
    if not reaches:
        raise InvalidSkillError(
            f"{LOCK} was made for Python {lock.python}, and does not reach {interpreter.text}, "
            "which the skill's image has now",
            hint="push a new version of the skill: it is locked for the image of today",
        )


def _number(interpreter: Interpreter) -> tuple[int, ...]:
    return tuple(map(int, interpreter.minor.split(".")))


def _platform(interpreter: Interpreter) -> tuple[str, ...]:
    return interpreter.minor, interpreter.machine, interpreter.libc


def check_python(interpreter: Interpreter, specifier: str, path: str) -> None:
    """Refuses an image whose Python is not one that the skill asks for.

    Raises:
        InvalidSkillError: Names both.
    """
    # "3.11" of a setting stands for every 3.11.
    version = interpreter.version if interpreter.version.count(".") == 2 else f"{interpreter.version}.999"
    if specifier and not SpecifierSet(specifier).contains(version, prereleases=True):
        raise InvalidSkillError(
            f"{path} needs Python {specifier}, and the skill's image has {interpreter.version}",
            hint="`image:` in SKILL.md names another one",
        )
