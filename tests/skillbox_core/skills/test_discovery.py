"""Which skills a repository has, and what a skill has to run."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.discovery import MAX_FOLDERS, find_skills
from skillbox_core.skills.package import package
from skillbox_core.skills.scripts import inspect_new


def write(folder: Path, name: str | None = None, file: str = "SKILL.md") -> Path:
    folder.mkdir(parents=True)
    (folder / file).write_text(f"---\nname: {name or folder.name}\ndescription: d\n---\n")
    return folder


def found(top: Path) -> dict[str, str | None]:
    return {skill.folder.relative_to(top).as_posix(): skill.name for skill in find_skills(top)}


def test_all_skills_of_a_repository_are_found_by_their_skill_md(tmp_path: Path) -> None:
    write(tmp_path / "skills" / "b")
    write(tmp_path / "skills" / "a", "A Skill", "skill.md")
    write(tmp_path / ".agents" / "skills" / "c")
    write(tmp_path / "skills" / "b" / "inner")
    for passed_over in (".git", "node_modules", ".venv"):
        write(tmp_path / passed_over / "d")
    (write(tmp_path / "skills" / "odd") / "SKILL.md").write_text("no front matter")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "skills")
    assert found(tmp_path) == {".agents/skills/c": "c", "skills/a": "a-skill", "skills/b": "b", "skills/odd": None}


def test_a_pipe_called_skill_md_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "SKILL.md")
    assert found(tmp_path) == {}


def test_a_skills_own_folder_is_one_skill(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "a" / "b")
    assert found(tmp_path / "a") == {".": "a"}


def test_looking_for_skills_has_bounds(tmp_path: Path) -> None:
    write(tmp_path / "1/2/3/4/5/6")
    write(tmp_path / "a/2/3/4/5/6/7")
    assert found(tmp_path) == {"1/2/3/4/5/6": "6"}
    for number in range(MAX_FOLDERS):
        (tmp_path / "many" / str(number)).mkdir(parents=True)
    with pytest.raises(InvalidSkillError, match="over 2000 folders"):
        find_skills(tmp_path)


def test_a_folder_of_skills_is_told_from_a_skill(tmp_path: Path) -> None:
    write(tmp_path / "skills" / "b")
    write(tmp_path / "a", "A Skill")
    with pytest.raises(InvalidSkillError, match=r"has 2 in it: a \(a-skill\), skills/b \(b\)") as caught:
        package(tmp_path, tmp_path / "x.zip", 1_000_000)
    assert "push --all" in (caught.value.hint or "")


def archive(folder: Path, *paths: str, text: str = "") -> SkillArchive:
    with zipfile.ZipFile(folder / "s.zip", "w") as packed:
        packed.writestr("SKILL.md", "---\nname: pdf\ndescription: d\n---\n")
        for path in paths:
            packed.writestr(path, text)
    return inspect_new(folder / "s.zip", 1_000_000)


def test_windows_line_ends_in_a_script_of_somebody_elses_skill_are_a_warning(tmp_path: Path) -> None:
    (warning,) = archive(tmp_path, "scripts/a.sh", text="echo\r\n").warnings
    assert "'scripts/a.sh' has Windows line ends" in warning
    with pytest.raises(InvalidSkillError, match="Windows line ends"):
        archive(tmp_path, "main.sh", "scripts/a.sh", text="echo\r\n")
