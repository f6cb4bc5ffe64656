"""What a skill has to run: an entrypoint, or scripts that can be called one by one, or neither."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from skillbox_core.errors import RunnerNotImplementedError
from skillbox_core.skills.archive import SkillArchive

_CALLED = (".py", ".js", ".mjs", ".cjs", ".sh")
_BROUGHT = ("vendor/", "node_modules/")
_NAMED = 3


def callable_scripts(paths: Iterable[str]) -> list[str]:
    """The files that can be called as scripts, those in `scripts/` first; no package's own and none that is brought."""
    found = [
        path for path in paths if path.endswith(_CALLED) and "__init__." not in path and not path.startswith(_BROUGHT)
    ]
    return sorted(found, key=lambda path: (not path.startswith("scripts/"), path.count("/"), path))


def what_it_has(archive: SkillArchive) -> str:
    """The entrypoint of a skill, or what it has instead, in a few words."""
    if archive.entrypoint:
        return archive.entrypoint
    count = len(callable_scripts(file.path for file in archive.files))
    return f"none: {count} script{'s' * (count > 1)}" if count else "none: instructions only"


def not_runnable(archive: SkillArchive) -> RunnerNotImplementedError | None:
    """The error for running a skill as a whole that has no entrypoint, with what can be done instead."""
    if archive.entrypoint:
        return None
    name = archive.manifest.name
    scripts = callable_scripts(file.path for file in archive.files)
    if not scripts:
        return RunnerNotImplementedError(
            f"skill {name} has instructions only, nothing that can be run",
            hint="add main.py, run.py, main.js or main.sh",
        )
    first, *others = (ascii(shlex.quote(script))[1:-1] for script in scripts[:_NAMED])
    also = f"; there is {', '.join(others)} too" if others else ""
    count = f"{len(scripts)} script{'s' * (len(scripts) > 1)}"
    return RunnerNotImplementedError(
        f"skill {name} has no main.py, run.py, main.js or main.sh, and {count}",
        hint=f"call one: `skillbox run {name} {first}`{also}",
    )
