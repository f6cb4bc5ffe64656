"""Where a skill was: read from git's files, never by running git, whose configuration may be a stranger's."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from skillbox_core.skills.origin import Origin, find_origin

ONE, TWO = "1" * 40, "2" * 64


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "skills" / "pdf"
    folder.mkdir(parents=True)
    return folder


def git(skill: Path, **files: str) -> None:
    for name, text in files.items():
        path = skill.parents[1] / ".git" / name.replace("__", "/").replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_folder_in_no_checkout_has_no_commit(skill: Path) -> None:
    assert find_origin(skill) == Origin(str(skill))


@pytest.mark.parametrize(
    ("files", "commit"),
    [
        ({"HEAD": f"{ONE}\n"}, ONE),
        ({"HEAD": "ref: refs/heads/main\n", "refs__heads__main": f"{TWO}\n"}, TWO),
        ({"HEAD": "ref: refs/heads/main\n", "packed_refs": f"# packed\n{ONE} refs/heads/main\n^{TWO}\n"}, ONE),
        ({"HEAD": "ref: refs/heads/born-later\n"}, None),
        ({"HEAD": "ref: refs/heads/../../HEAD\n"}, None),
        ({"HEAD": "ref: refs/heads/main\n", "refs__heads__main": "not a commit\n"}, None),
        ({"HEAD": "nothing\n"}, None),
        ({"config": "[core]\n"}, None),
    ],
)
def test_the_commit_is_the_one_that_is_checked_out(skill: Path, files: dict[str, str], commit: str | None) -> None:
    git(skill, **files)
    assert find_origin(skill) == Origin(str(skill), commit)


def test_a_working_tree_of_its_own_has_a_head_of_its_own(skill: Path, tmp_path: Path) -> None:
    git(skill, refs__heads__side=f"{ONE}\n", worktrees__side__HEAD="ref: refs/heads/side\n")
    git(skill, worktrees__side__commondir="../..\n")
    side = tmp_path / "side"
    side.mkdir()
    (side / ".git").write_text(f"gitdir: {skill.parents[1] / '.git' / 'worktrees' / 'side'}\n")
    assert find_origin(side).commit == ONE


def test_a_pipe_in_the_place_of_a_file_holds_nothing_up(skill: Path) -> None:
    (skill / ".git").mkdir()
    os.mkfifo(skill / ".git" / "HEAD")
    assert find_origin(skill).commit is None


@pytest.mark.parametrize(("comment", "commit"), [(ONE, ONE), (TWO, TWO), ("made by hand", None), ("x" * 40, None)])
def test_an_archive_says_its_commit_where_git_archive_does(tmp_path: Path, comment: str, commit: str | None) -> None:
    path = tmp_path / "pdf.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("SKILL.md", "x")
        packed.comment = comment.encode()
    assert find_origin(path) == Origin(str(path), commit)


def test_a_link_to_a_folder_is_the_folder_and_odd_bytes_can_be_shown(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    (tmp_path / "link").symlink_to(odd)
    found = find_origin(tmp_path / "link").folder
    assert found == f"{tmp_path}/caf\\udce9"


def test_a_link_in_the_place_of_gits_files_leads_nowhere(skill: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(ONE)
    git(skill)
    (skill.parents[1] / ".git").mkdir()
    (skill.parents[1] / ".git" / "HEAD").symlink_to(secret)
    assert find_origin(skill).commit is None
