"""Scripts that could not run: found at intake, before the first run is.

What an editor on Windows leaves in one, and what no shell takes; one that an overlay names, and the skill has not.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from skillbox_core.errors import InvalidRequestError, InvalidSkillError, RunnerNotImplementedError
from skillbox_core.skills.archive import BROUGHT, MAX_ENTRIES, SkillArchive, inspect_archive
from skillbox_core.skills.entry import find_entry
from skillbox_core.skills.environment_lock import lock_of
from skillbox_core.skills.node_lock import node_lock_of
from skillbox_core.skills.run_fields import WARM_LANGS

_SHELL = (".sh", ".bash")
_WARNED = 40


def inspect_new(path: Path, max_size: int, max_entries: int = MAX_ENTRIES) -> SkillArchive:
    """As `inspect_archive`, for an archive that is to be stored: its scripts and its lock are looked at as well.

    One that is stored already has no such rule: a version doesn't change, and stays as good as it was.

    Raises:
        InvalidSkillError: Names the entry and the rule.
    """
    archive = inspect_archive(path, max_size, max_entries)
    lock_of(archive)
    node_lock_of(archive)
    warnings = [*archive.warnings, *entrypoint_warnings(archive)]
    if archive.manifest.warm and archive.entrypoint is not None and archive.lang not in WARM_LANGS:
        warnings.append(f"warm has no effect for {archive.lang}")
    for file in archive.files:
        if file.path.startswith(BROUGHT):
            continue
        if problem := script_problem(archive.read(file), shell=file.path.endswith(_SHELL)):
            if archive.entrypoint is None:
                # Somebody else's skill, whose other scripts can be called.
                warnings.append(f"{file.path!a} {problem}")
                continue
            raise InvalidSkillError(
                f"invalid skill: {file.path!a} {problem}",
                hint="save it with Unix line ends (LF), as UTF-8 without a byte-order mark",
            )
    return replace(archive, warnings=tuple(warnings[:_WARNED]))


def entrypoint_warnings(archive: SkillArchive) -> list[str]:
    """Sentences about entrypoints of an overlay that no run could start. The skill's others can be called."""
    warnings = []
    for name, entrypoint in archive.overlay.entrypoints.items():
        try:
            find_entry(archive, entrypoint.call.script)
        except (InvalidRequestError, RunnerNotImplementedError) as error:
            warnings.append(f"overlay: entrypoints.{name}.script: {error}")
    return warnings


def script_problem(chunks: Iterable[bytes], *, shell: bool) -> str | None:
    """What keeps a script from being run as it was meant, as the end of a sentence; None for a good one.

    Args:
        chunks: Its bytes. Of what is no shell script only the first chunk is looked at, for a `#!` line.
    """
    lines, carried = 1, b""
    for number, chunk in enumerate(chunks):
        if number == 0:
            if shell and chunk.startswith(codecs.BOM_UTF8):
                return "begins with a byte-order mark, which a shell takes for a part of the first command"
            if chunk.startswith(b"#!") and chunk.partition(b"\n")[0].endswith(b"\r"):
                return "has a carriage return (CRLF) at the end of its #! line, as a part of the interpreter's name"
            if not shell:
                return None
        data = carried + chunk
        if (at := data.find(b"\r\n")) >= 0:
            line = lines + data.count(b"\n", 0, at)
            return f"has Windows line ends (CRLF, first in line {line}), which a shell takes for a part of each command"
        lines += chunk.count(b"\n")
        carried = data[-1:]
    return None
