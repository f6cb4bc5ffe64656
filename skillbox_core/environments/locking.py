"""From what a skill asks for to a lock: uv chooses the versions, and nothing of a package or of the skill runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from packaging.requirements import Requirement

from skillbox_core.environments import uv
from skillbox_core.environments.platforms import check_python
from skillbox_core.environments.uv_errors import NoWheelError
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills.environment_lock import MAX_LOCK, Lock, Pin, read_pins
from skillbox_core.skills.sources import PythonSource

_LINUX = "sys_platform == 'linux'"
"""All that a sandbox ever is: without it a lock would have to reach Windows too."""
_LOCKED = "locked.txt"
_CONSTRAINTS = "constraints.txt"
_PYTHONS = tuple(f"3.{minor}" for minor in range(8, 15))
_MAX_SIZE = 1024**3
"""Bytes of what uv keeps while it locks: metadata, and of an index without any the packages themselves."""


def make_lock(source: PythonSource, interpreter: Interpreter) -> Lock:
    """Locks what a skill asks for: for an interpreter, and where that can be for other machines and newer Pythons too.

    Raises:
        InvalidSkillError: It can't be had for this interpreter; names the package, the rule and the way out.
        IndexUnavailableError: The index can't be reached.
    """
    check_python(interpreter, source.requires_python, source.path)
    if not source.requirements:
        return Lock(source.path, source.digest, interpreter.text, True, ())
    with tempfile.TemporaryDirectory(prefix="skillbox-lock-") as temporary:
        folder = Path(temporary)
        _write(folder / "asked.txt", source.requirements)
        _write(folder / "linux.txt", map(on_linux, source.requirements))
        _write(folder / _CONSTRAINTS, source.constraints)
        try:
            _compile(source, interpreter, folder, ["asked.txt", *uv.for_interpreter(interpreter)])
        except NoWheelError as error:
            pythons = _pythons_with_wheels(error.package, source, interpreter, folder)
            there = f"there are wheels for Python {', '.join(pythons)}" if pythons else "there is source only"
            raise InvalidSkillError(f"{error.message}; {there}", hint=error.hint) from error
        pins, universal = _read(folder), False
        try:
            # What was found is preferred, so that this image gets what was chosen for it.
            _write(folder / _LOCKED, (pin.exact for pin in pins))
            _compile(source, interpreter, folder, ["linux.txt", "--universal", "--python-version", interpreter.minor])
        except InvalidSkillError:
            pass  # some package is for this platform only: then so is the lock
        else:
            pins, universal = _together(_read(folder), pins), True
    kept = tuple(_only(pin, source) for pin in pins)
    return Lock(source.path, source.digest, interpreter.text, universal, kept)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), "ascii")


def on_linux(requirement: str) -> str:
    """The same requirement, for Linux only."""
    parsed = Requirement(requirement)
    marker = f"({parsed.marker}) and {_LINUX}" if parsed.marker else _LINUX
    parsed.marker = None
    return f"{parsed} ; {marker}"


def _compile(source: PythonSource, interpreter: Interpreter, folder: Path, target: Sequence[str]) -> None:
    arguments = ["--generate-hashes", "--no-header", "--no-annotate", "--no-strip-markers", *target]
    arguments += ["--constraints", _CONSTRAINTS, "--output-file", _LOCKED]
    uv.run_uv(
        ("pip", "compile"),
        arguments,
        folder,
        path=source.path,
        interpreter=interpreter,
        timeout=uv.LOCK_TIMEOUT,
        max_size=_MAX_SIZE,
    )


def _pythons_with_wheels(package: str, source: PythonSource, interpreter: Interpreter, folder: Path) -> list[str]:
    """The Pythons for which there are wheels of a package on an interpreter's platform."""
    _write(folder / _CONSTRAINTS, ())
    _write(folder / "package.txt", (package,))
    found: list[str] = []
    for python in _PYTHONS:
        (folder / _LOCKED).unlink(missing_ok=True)
        with suppress(InvalidSkillError):
            target = uv.for_interpreter(replace(interpreter, version=python))
            _compile(source, interpreter, folder, ["package.txt", "--no-deps", *target])
            found.append(python)
    return found


def _read(folder: Path) -> tuple[Pin, ...]:
    locked = folder / _LOCKED
    if locked.stat().st_size > MAX_LOCK:
        raise InvalidSkillError(
            f"the lock is over {MAX_LOCK // 1024**2} MiB: there are too many packages",
            hint="use an image that has them (`image:` and `environment: none` in SKILL.md)",
        )
    return read_pins(locked.read_text("ascii"))


def _together(pins: Iterable[Pin], before: Iterable[Pin]) -> tuple[Pin, ...]:
    """The packages with the hashes of both: of a folder, uv tells only those of the files that it would take."""
    known = {pin.exact: pin.hashes for pin in before}
    return tuple(replace(pin, hashes=tuple(sorted({*pin.hashes, *known.get(pin.exact, ())}))) for pin in pins)


def _only(pin: Pin, source: PythonSource) -> Pin:
    """The same package, with those hashes only that the author gave, where some were given."""
    path, given = source.path, source.hashes.get(pin.exact) or source.hashes.get(pin.name)
    if given is None:
        if source.whole:
            raise InvalidSkillError(f"{path} does not have {pin.exact}, which is needed", hint="`uv lock` mends it")
        return pin
    hashes = tuple(digest for digest in pin.hashes if digest in given)
    if not hashes:
        raise InvalidSkillError(
            f"{path}: the index has other files of {pin.exact} than {path} says: no SHA-256 fits",
            hint="`uv lock` or `pip-compile --generate-hashes` writes them anew, if the index is right",
        )
    return replace(pin, hashes=hashes)
