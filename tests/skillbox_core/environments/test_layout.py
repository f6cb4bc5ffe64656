"""What may be a file of a tree: rules for what a package brought, whoever unpacked it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skillbox_core.environments.layout import lay_out
from skillbox_core.environments.tree import Member, check_members, write_tree
from skillbox_core.errors import InvalidSkillError


def never(info: str) -> Path:
    raise AssertionError(info)


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "pipe"])
def test_only_plain_files_and_folders_are_taken(tmp_path: Path, kind: str) -> None:
    (tmp_path / "package").mkdir()
    if kind == "pipe":
        os.mkfifo(tmp_path / "package" / "odd")
    else:
        (tmp_path / "package" / "odd").symlink_to("/etc/passwd" if kind == "link to a file" else "/etc")
    with pytest.raises(InvalidSkillError, match=r'a package has "package/odd", which is no plain file'):
        lay_out(tmp_path, "3.11", "/venv/bin/python", never, 100)


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["lib/../../evil"], "'..' part"),
        (["/etc/passwd"], "empty, '.' or '..' part"),
        (["lib//x"], "empty"),
        (["lib/a\\b"], "backslash"),
        (["lib/new\nline"], "control or invisible"),
        (["lib/" + "x" * 256], "over 255 bytes"),
        (["lib/" + "/".join(["d"] * 50)], "levels deep"),
        (["/".join(["d" * 200] * 6)], "over 1000 bytes"),
        (["lib/File.py", "lib/file.py"], "case or form only"),
        (["lib/A/x.py", "lib/a/y.py"], "case or form only"),
        (["lib/x", "lib/x"], "two files of one name"),
        (["lib/x", "lib/x/y"], "leads through a file"),
    ],
)
def test_names_have_the_rules_of_archives(paths: list[str], says: str) -> None:
    with pytest.raises(InvalidSkillError, match=says):
        check_members([Member(path, b"") for path in paths], 1000, 1000)


def test_depth_and_length_are_those_of_packages() -> None:
    check_members([Member("lib/python3.11/site-packages/" + "/".join(["folder"] * 25), b"")], 1000, 1000)


def test_bytes_are_counted_together() -> None:
    members = [Member(f"lib/{n}", b"x" * 100) for n in range(11)]
    check_members(members[:10], 1000, 1000)
    with pytest.raises(InvalidSkillError, match=r"SKILLBOX_MAX_TREE_SIZE"):
        check_members(members, 1000, 1000)


def test_the_order_of_members_does_not_matter(tmp_path: Path) -> None:
    members = [Member("lib/b.py", b"b"), Member("lib/a/é.py", b"a"), Member("bin/x", b"x", True)]
    assert write_tree(members, tmp_path / "1.tar") == write_tree(members[::-1], tmp_path / "2.tar")


def test_a_package_that_is_called_as_a_folder_of_data_stays_among_packages(tmp_path: Path) -> None:
    for path in ("share/__init__.py", "etc/greeter.conf"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text("")
    found = {member.path for member in lay_out(tmp_path, "3.11", "/venv/bin/python", never, 100)}
    assert found == {"lib/python3.11/site-packages/share/__init__.py", "etc/greeter.conf"}
