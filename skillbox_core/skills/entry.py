"""What a run starts: the skill's own entrypoint or one of its scripts, by which interpreter, in which folder. Pure.

**One rule for the layout.** A skill with an entrypoint of Skillbox (`main.py`, `run.py`, `main.js`, `main.sh`, at its
root or in `scripts/`) runs in `/sandbox`, as the original has it, whichever of its scripts is called. Any other runs in
its own folder, which is laid out as in its repository.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skillbox_core.base.meant import name_meant
from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError, RunnerNotImplementedError
from skillbox_core.skills.archive import BROUGHT, SkillArchive
from skillbox_core.skills.overlay import EntryPoint

_ENDINGS = {
    **dict.fromkeys((".py",), "python"),
    **dict.fromkeys((".js", ".mjs", ".cjs"), "node"),
    **dict.fromkeys((".sh", ".bash"), "bash"),
}
_INTERPRETERS: Mapping[str, str] = {
    **dict.fromkeys(("python", "python3", "uv"), "python"),
    **dict.fromkeys(("node", "nodejs"), "node"),
    **dict.fromkeys(("bash", "sh", "dash"), "bash"),
}
_PYTHON = re.compile(r"python3(\.\d+)?\Z")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
FIRST_LINE = 256
"""Bytes of a `#!` line that are looked at, as many as Linux does (BINPRM_BUF_SIZE)."""
_NAMED = 3


@dataclass(frozen=True)
class Entry:
    """What a run starts.

    Attributes:
        script: Path inside the skill.
        lang: Of its interpreter.
        own_folder: It runs in the skill's own folder, not in `/sandbox`.
    """

    script: str
    lang: str
    own_folder: bool = False


def find_entry(archive: SkillArchive, script: str | None) -> Entry:
    """What a run of a skill starts.

    Args:
        script: The one that is called; None for the skill's own entrypoint.

    Raises:
        InvalidRequestError: The skill has no such script.
        RunnerNotImplementedError: There is nothing to start, or nothing here to start it with.
    """
    if script is None:
        if archive.entrypoint is None:
            raise _no_entrypoint(archive)
        return Entry(archive.entrypoint, archive.lang)
    file = next((file for file in archive.files if file.path == script), None)
    if file is None:
        raise _no_script(archive, script)
    head = next(iter(archive.read(file)), b"")
    lang = script_lang(script, head)
    if lang is None:
        raise RunnerNotImplementedError(
            f"nothing here can run {shown(script)} of skill {archive.manifest.name}",
            hint=f"by its ending ({', '.join(_ENDINGS)}) or its #! line it must be for Python, Node or a shell",
        )
    return Entry(script, lang, archive.entrypoint is None)


def find_named(archive: SkillArchive, name: str) -> EntryPoint:
    """The entrypoint of a name that a skill's overlay gives.

    Raises:
        InvalidRequestError: It has none of that name; says which there are.
    """
    entrypoints = archive.overlay.entrypoints
    if name in entrypoints:
        return entrypoints[name]
    meant = name_meant(name, entrypoints)
    has = ", ".join(_some(list(entrypoints))) or "none: its overlay names them, and `--overlay` gives it one at a push"
    raise InvalidRequestError(
        f"skill {archive.manifest.name}@{archive.manifest.version} has no entrypoint {shown(name)}",
        hint=f"did you mean {meant}? it has {has}" if meant else f"it has {has}",
    )


def script_lang(path: str, head: bytes) -> str | None:
    """The language of a script by its ending, else by its `#!` line; None where neither says one that runs here.

    Args:
        head: Its first bytes.
    """
    ending = _ending(path)
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    line = head[:FIRST_LINE].partition(b"\n")[0].decode(errors="replace")
    if not line.startswith("#!"):
        return None
    words = line[2:].split()
    if words and words[0].rpartition("/")[2] == "env":
        # `env -S` splits what follows, and may set variables before it.
        words = [word for word in words[1:] if not word.startswith("-") and not _ASSIGNED.match(word)]
    interpreter = words[0].rpartition("/")[2] if words else ""
    return "python" if _PYTHON.match(interpreter) else _INTERPRETERS.get(interpreter)


def callable_scripts(archive: SkillArchive) -> list[str]:
    """The scripts that can be called, by their ending or marked as executable; those in `scripts/` come first.

    No package's own `__init__`, and none that was brought along.
    """
    found = [
        file.path
        for file in archive.files
        if (_ending(file.path) in _ENDINGS or file.mode & 0o100)
        and "__init__." not in file.path
        and not file.path.startswith(BROUGHT)
    ]
    return sorted(found, key=lambda path: (not path.startswith("scripts/"), path.count("/"), path))


def has_something_to_run(archive: SkillArchive) -> bool:
    """Whether a skill has an entrypoint, or a script that can be called."""
    return archive.entrypoint is not None or bool(callable_scripts(archive))


def what_it_has(archive: SkillArchive) -> str:
    """The entrypoint of a skill, or what it has instead, in a few words."""
    if archive.entrypoint:
        return archive.entrypoint
    if archive.overlay.entrypoints:
        return f"entrypoints: {', '.join(_some(list(archive.overlay.entrypoints)))}"
    count = len(callable_scripts(archive))
    return f"none: {_count(count)}" if count else "none: instructions only"


def _ending(path: str) -> str:
    return "." + path.rpartition("/")[2].rpartition(".")[2].lower()


def _count(scripts: int) -> str:
    return f"{scripts} script{'s' * (scripts != 1)}"


def _no_entrypoint(archive: SkillArchive) -> RunnerNotImplementedError:
    name, scripts = archive.manifest.name, callable_scripts(archive)
    if not scripts:
        return RunnerNotImplementedError(
            f"skill {name} has instructions only, nothing that can be run",
            hint="add main.py, run.py, main.js or main.sh",
        )
    if named := _some(list(archive.overlay.entrypoints)):
        return RunnerNotImplementedError(
            f"skill {name} has no main.py, run.py, main.js or main.sh, and the entrypoints {', '.join(named)}",
            hint=f"call one: `skillbox run {name}#{named[0]}`",
        )
    first, *others = _listed(scripts)
    also = f"; there is {', '.join(others)} too" if others else ""
    return RunnerNotImplementedError(
        f"skill {name} has no main.py, run.py, main.js or main.sh, and {_count(len(scripts))}",
        hint=f"call one: `skillbox run {name} {first}`{also}",
    )


def _no_script(archive: SkillArchive, script: str) -> InvalidRequestError:
    scripts = callable_scripts(archive)
    has = f"it has {_count(len(scripts))}: {', '.join(_listed(scripts))}" if scripts else "it has none"
    meant = name_meant(script, scripts)
    hint = f"did you mean {_listed([meant])[0]}? {has}" if meant else has
    return InvalidRequestError(f"skill {archive.manifest.name} has no script {shown(script)}", hint=hint)


def _listed(scripts: Sequence[str]) -> list[str]:
    """The first of them, as a shell takes them."""
    return [ascii(shlex.quote(script))[1:-1] if script != "..." else script for script in _some(scripts)]


def _some(names: Sequence[str]) -> list[str]:
    return [*names[:_NAMED], "..."] if len(names) > _NAMED else list(names)
