"""The skills in a folder of several, as a repository has them.

Bounds and what is passed over are those that the format's client guide advises.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import SKILL_MD, SKILL_MD_LOWER
from skillbox_core.skills.manifest import MAX_SKILL_MD, parse_manifest

LEFT_OUT = frozenset(
    {".git", ".hg", ".venv", "venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".DS_Store", ".idea"}
)
"""Names that are no part of a skill, nor lead to one."""
MAX_DEPTH = 6
MAX_FOLDERS = 2_000
_PASSED_OVER = LEFT_OUT | {"node_modules"}


@dataclass(frozen=True)
class FoundSkill:
    """A folder with a SKILL.md.

    Attributes:
        name: Under which it would be kept; None where its SKILL.md can't be read.
    """

    folder: Path
    name: str | None


def has_skill_md(folder: Path) -> bool:
    """Whether a folder is a skill's; a link is for whoever packages it to judge.

    Raises:
        InvalidSkillError: The folder can't be read.
    """
    try:
        places = [folder / name for name in (SKILL_MD, SKILL_MD_LOWER)]
        return any(place.is_file() or place.is_symlink() for place in places)
    except OSError as error:
        raise InvalidSkillError(f"{folder} can't be read: {error.strerror}") from None


def find_skills(top: Path) -> list[FoundSkill]:
    """The skills in a folder, sorted by path; links are not followed, and what lies in a skill is a part of it.

    Raises:
        InvalidSkillError: There are too many folders to look into, or one can't be read.
    """

    def refuse(error: OSError) -> None:
        raise InvalidSkillError(f"{error.filename or top} can't be read: {error.strerror}") from None

    found: list[FoundSkill] = []
    for count, (root, folders, _) in enumerate(os.walk(top, onerror=refuse), start=1):
        if count > MAX_FOLDERS:
            raise InvalidSkillError(
                f"{top} has over {MAX_FOLDERS} folders, and skills are looked for in no more",
                hint="name the skills' own folders",
            )
        folder = Path(root)
        if has_skill_md(folder):
            found.append(FoundSkill(folder, _name(folder)))
            folders.clear()
        elif len(folder.relative_to(top).parts) >= MAX_DEPTH:
            folders.clear()
        folders[:] = sorted(set(folders) - _PASSED_OVER)
    return found


def _name(folder: Path) -> str | None:
    for name in (SKILL_MD, SKILL_MD_LOWER):
        path = folder / name
        if path.is_file() and not path.is_symlink():
            try:
                with path.open("rb") as file:
                    return parse_manifest(file.read(MAX_SKILL_MD + 1)).name
            except (InvalidSkillError, OSError):
                return None
    return None
