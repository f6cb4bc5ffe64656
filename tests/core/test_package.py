"""Packaging: the same bytes each time, dependencies prepared, links refused."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.package import package

MAX = 10_000_000


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "skill"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: s\ndescription: d\nlang: python\n---\n")
    (folder / "main.py").write_text("print(1)")
    return folder


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_same_folder_gives_the_same_bytes_whatever_its_times_and_modes(skill: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    package(skill, first, MAX)
    os.utime(skill / "main.py", (1, 1))
    (skill / "main.py").chmod(0o600)
    (skill / "__pycache__").mkdir()
    (skill / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert package(skill, second, MAX).digest == package(skill, first, MAX).digest
    assert names(second) == ["SKILL.md", "main.py"]


def test_links_and_folders_without_skill_md_are_refused(skill: Path, tmp_path: Path) -> None:
    (skill / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidSkillError, match="symbolic link"):
        package(skill, tmp_path / "x.zip", MAX)
    with pytest.raises(InvalidSkillError, match=r"no SKILL\.md"):
        package(tmp_path, tmp_path / "x.zip", MAX)


def test_python_dependencies_are_prepared_in_vendor(skill: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "greeter-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeter.py", "def greet(): return 'hello'\n")
        archive.writestr("greeter-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
        archive.writestr(
            "greeter-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("greeter-1.0.dist-info/RECORD", "")
    (skill / "requirements.txt").write_text(f"--no-index\n{wheel.as_uri()}\n")
    archive = package(skill, tmp_path / "s.zip", MAX)
    assert "vendor/greeter.py" in names(tmp_path / "s.zip")
    assert archive.vendored
    assert archive.warnings == ()
    assert not (skill / "vendor").exists(), "the author's folder stays as it is"


def test_what_can_not_be_prepared_is_said(skill: Path, tmp_path: Path) -> None:
    (skill / "requirements.txt").write_text("--no-index\nno-such-package-here==1\n")
    with pytest.raises(InvalidSkillError, match=r"requirements\.txt can't be prepared"):
        package(skill, tmp_path / "s.zip", MAX)
    (skill / "requirements.txt").unlink()
    (skill / "package.json").write_text("{")
    with pytest.raises(InvalidSkillError, match=r"package\.json can't be read"):
        package(skill, tmp_path / "s.zip", MAX)
