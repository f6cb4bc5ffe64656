"""What a run starts: the skill's own entrypoint or one of its scripts, by which interpreter, in which folder. Pure.

**One rule for the layout.** A skill with an entrypoint of Skillbox (`main.py`, `run.py`, `main.js`, `main.sh`, at its
root or in `scripts/`) runs in `/sandbox`, as the original has it, whichever of its scripts is called. Any other runs in
its own folder, which is laid out as in its repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError, RunnerNotImplementedError
from skillbox_core.skills.archive import SkillArchive

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
_FIRST_LINE = 256
"""Bytes of a `#!` line that are looked at, as many as Linux does (BINPRM_BUF_SIZE)."""
_NAMED = 5


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
    name = archive.manifest.name
    if script is None:
        if archive.entrypoint is None:
            raise RunnerNotImplementedError(f"skill {name} has nothing that runs by itself", hint=_callable(archive))
        return Entry(archive.entrypoint, archive.lang)
    file = next((file for file in archive.files if file.path == script), None)
    if file is None:
        raise InvalidRequestError(f"skill {name} has no script {shown(script)}", hint=_callable(archive))
    head = next(iter(archive.read(file)), b"")
    lang = script_lang(script, head)
    if lang is None:
        raise RunnerNotImplementedError(
            f"nothing here can run {shown(script)} of skill {name}",
            hint=f"by its ending ({', '.join(_ENDINGS)}) or its #! line it must be for Python, Node or a shell",
        )
    return Entry(script, lang, archive.entrypoint is None)


def script_lang(path: str, head: bytes) -> str | None:
    """The language of a script by its ending, else by its `#!` line; None where neither says one that runs here.

    Args:
        head: Its first bytes.
    """
    ending = "." + path.rpartition("/")[2].rpartition(".")[2].lower()
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    line = head[:_FIRST_LINE].partition(b"\n")[0].decode(errors="replace")
    if not line.startswith("#!"):
        return None
    words = line[2:].split()
    if words and words[0].rpartition("/")[2] == "env":
        # `env -S` splits what follows, and may set variables before it.
        words = [word for word in words[1:] if not word.startswith("-") and not _ASSIGNED.match(word)]
    interpreter = words[0].rpartition("/")[2] if words else ""
    return "python" if _PYTHON.match(interpreter) else _INTERPRETERS.get(interpreter)


def scripts_of(archive: SkillArchive) -> list[str]:
    """The scripts that can be called: by their ending, or marked as executable."""
    return [
        file.path
        for file in archive.files
        if "." + file.path.rpartition("/")[2].rpartition(".")[2].lower() in _ENDINGS or file.mode & 0o100
    ]


def _callable(archive: SkillArchive) -> str:
    scripts = scripts_of(archive)
    if not scripts:
        return "it has instructions only; add main.py, run.py, main.js or main.sh"
    count = f"{len(scripts)} scripts" if len(scripts) != 1 else "one script"
    listed = ", ".join(shown(script)[1:-1] for script in scripts[:_NAMED]) + (", ..." if len(scripts) > _NAMED else "")
    return f"it has {count}; call one (`skillbox run {archive.manifest.name} SCRIPT -- ARGS`): {listed}"
