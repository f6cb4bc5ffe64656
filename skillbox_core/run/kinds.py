"""Which waiting containers a skill can run in: told from its image, its limits and what its script imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from skillbox_core.base.quantities import parse_duration
from skillbox_core.installation import Installation
from skillbox_core.models import LoadedSkill
from skillbox_core.sandbox.waiting import Kind
from skillbox_core.sandbox.warming import LANGS, is_told_late, modules_of, warm_start
from skillbox_core.skills.archive import VENDOR, SkillArchive

MAX_SOURCE = 1024 * 1024
"""Bytes of a script that is looked through for what it imports."""
MAX_READINESS = 120
"""Characters, of a line of a table."""


def kind_of(
    installation: Installation, archive: SkillArchive, skill: LoadedSkill, image_id: str, env: Mapping[str, str]
) -> Kind:
    """The waiting containers in which this skill can run.

    Args:
        env: What the caller sets: an interpreter that has imported its packages can't be told of it any more.
    """
    settings = installation.settings
    asked = None if is_told_late(env) else _asked_modules(archive, skill)
    warm = "" if asked is None else warm_start(skill.lang, skill.entrypoint, asked, prepared=skill.tree is not None)
    return Kind(
        image_id=image_id,
        memory=skill.memory,
        scratch=skill.scratch,
        cpu_quota=skill.cpu_quota,
        runtime=settings.runtime,
        waits=int(parse_duration(settings.pool_idle)),
        warm=warm,
        image=skill.image,
        ready_for=readiness(skill.lang, skill.entrypoint, asked),
    )


def readiness(lang: str, entrypoint: str, modules: Sequence[str] | None) -> str:
    """What waits in a container, in words of at most `MAX_READINESS` characters. Pure.

    Args:
        modules: What the interpreter has imported; None where a shell waits.
    """
    if modules is None:
        return "a shell"
    said = f"{lang} {entrypoint}" + (f": {', '.join(modules)}" if modules else "")
    return said if len(said) <= MAX_READINESS else f"{said[: MAX_READINESS - 3]}..."


def _asked_modules(archive: SkillArchive, skill: LoadedSkill) -> Sequence[str] | None:
    """The modules with which an interpreter waits for this skill; None where none can wait, or is to."""
    asked = archive.manifest.warm
    if skill.lang not in LANGS or asked == ():
        return None
    # What a skill brings along lies nearer to its script than an environment, and can't be told apart by then.
    if skill.lang == "node" and any("node_modules" in PurePosixPath(file.path).parts for file in archive.files):
        return None
    if asked is None:
        script = next(file for file in archive.files if file.path == skill.entrypoint)
        if script.size > MAX_SOURCE:
            return None
        source = b"".join(archive.read(script)).decode("utf-8", errors="replace")
        asked = modules_of(skill.lang, source, _beside(archive, skill))
    return asked


def _beside(archive: SkillArchive, skill: LoadedSkill) -> set[str]:
    """Names of what the skill's script may import of the skill's own."""
    folders = {skill.entrypoint.rpartition("/")[0], VENDOR, *([""] if skill.own_folder else [])}
    paths = [PurePosixPath(file.path) for file in archive.files]
    return {
        path.parts[len(PurePosixPath(folder).parts)]
        for path in paths
        for folder in folders
        if path.is_relative_to(folder) and path != PurePosixPath(folder)
    }
