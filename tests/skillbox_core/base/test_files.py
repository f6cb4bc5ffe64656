"""A place that can't be written: whose fault that is; and what lies below one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from skillbox_core.base.files import sizes_below, unwritable
from skillbox_core.errors import DiskError, InvalidRequestError, SkillboxError


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskError),
        (errno.EDQUOT, DiskError),
        (errno.EACCES, InvalidRequestError),
        (errno.ENOTDIR, InvalidRequestError),
    ],
)
def test_a_wrong_place_is_the_callers_fault_and_a_full_disk_is_not(number: int, kind: type[SkillboxError]) -> None:
    error = unwritable(Path("/some/where"), OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert str(error) == f"/some/where can't be written: {os.strerror(number)}"


@pytest.mark.parametrize(
    ("files", "folder", "found"),
    [
        ({}, "", {}),
        ({"a": 1, "b/c/d.zip": 2, "b/e": 0}, "", {"a": 1, "b/c/d.zip": 2, "b/e": 0}),
        ({"a": 1, "b/c/d.zip": 2, "bc/e": 3}, "/b", {"c/d.zip": 2}),
        ({".a": 1, ".b/c": 1, "d/.e": 1, "d/f": 1}, "", {"d/f": 1}),
        ({"a": 1}, "/nowhere", {}),
        ({"a": 1}, "/a", {}),
    ],
)
def test_files_below_a_folder(tmp_path: Path, files: dict[str, int], folder: str, found: dict[str, int]) -> None:
    for name, size in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "gone.zip").symlink_to("nowhere")
    assert sizes_below(f"{tmp_path}{folder}") == found


def test_links_to_folders_are_followed_and_those_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    for place in ("elsewhere/1.0.0", "store/skill"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "elsewhere/1.0.0/skill.zip").write_bytes(b"x")
    (tmp_path / "store/skill/1.0.0").symlink_to(tmp_path / "elsewhere/1.0.0")
    (tmp_path / "store/skill/round").symlink_to(tmp_path / "store")
    found = sizes_below(str(tmp_path / "store"))
    assert found["skill/1.0.0/skill.zip"] == 1
    assert len(found) == 2, "the second by way of the circle, and no third"


def test_a_folder_that_can_not_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        sizes_below(str(tmp_path))
