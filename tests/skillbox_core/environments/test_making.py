"""From a lock to a tree: the same bytes wherever and whenever, nothing of the packager's, and no code run."""

from __future__ import annotations

import os
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.environments import layout, making
from skillbox_core.environments.locking import make_lock
from skillbox_core.environments.making import make_tree
from skillbox_core.environments.tree import Member
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter, Tree
from skillbox_core.sandbox.site_packages import USER_BASE
from skillbox_core.skills.sources import PythonSource
from tests.services.wheels import wheel

PYTHON = Interpreter("3.12.7", "x86_64", "glibc 2.36")
PACKAGES = "lib/python3.12/site-packages"
BASE = USER_BASE.removeprefix("/")


def nothing(members: Sequence[Member]) -> list[Member]:
    return []


def tree(target: Path, *requirements: str, **more: Any) -> Tree:
    lock = make_lock(PythonSource("requirements.txt", requirements), PYTHON)
    limits = {"max_size": 10_000_000, "max_files": 1000, "compile": nothing, **more}
    return make_tree(lock, PYTHON, target, **limits)


def members(path: Path) -> dict[str, tarfile.TarInfo]:
    """By their paths below the user base, where every member lies."""
    with tarfile.open(path, "r:") as archive:
        first, *rest = archive
    assert (first.name, first.isdir()) == (BASE, True)
    return {member.name.removeprefix(f"{BASE}/"): member for member in rest if member.name.startswith(f"{BASE}/")}


def text(path: Path, name: str) -> str:
    with tarfile.open(path, "r:") as archive:
        file = archive.extractfile(f"{BASE}/{name}")
        assert file is not None
        return file.read().decode()


def full(index: Path) -> None:
    wheel(
        index,
        "greeter",
        files={
            "greeter/__init__.py": "import marker\n",
            "greeter/data.json": "{}",
            "greeter/__pycache__/__init__.cpython-312.pyc": b"stale",
            "{data}/scripts/shell": "#!/bin/sh\n",
            "{data}/scripts/plain": "#!python\nprint(1)\n",
            "{data}/data/share/greeter/table.csv": "1",
            "{info}/entry_points.txt": "[console_scripts]\ngreet = greeter:main\n",
        },
    )


def test_every_file_has_its_place_owner_mode_and_time(index: Path, tmp_path: Path) -> None:
    full(index)
    made = tree(tmp_path / "t.tar", "greeter")
    found = members(tmp_path / "t.tar")
    assert sorted(name for name, member in found.items() if member.isfile()) == [
        "bin/greet",
        "bin/plain",
        "bin/shell",
        f"{PACKAGES}/greeter-1.0.dist-info/METADATA",
        f"{PACKAGES}/greeter-1.0.dist-info/RECORD",
        f"{PACKAGES}/greeter-1.0.dist-info/WHEEL",
        f"{PACKAGES}/greeter-1.0.dist-info/entry_points.txt",
        f"{PACKAGES}/greeter/__init__.py",
        f"{PACKAGES}/greeter/data.json",
        "share/greeter/table.csv",
    ]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in found.values()} == {(0, 0, "", "", 315532800)}
    assert {m.mode for m in found.values()} == {0o644, 0o755}
    assert found["bin/greet"].mode == 0o755
    assert made.size == (tmp_path / "t.tar").stat().st_size


def test_the_same_lock_gives_the_same_bytes(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full(index)
    first = tree(tmp_path / "1.tar", "greeter")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    before = os.umask(0o077)
    try:
        second = tree(tmp_path / "2.tar", "greeter")
    finally:
        os.umask(before)
    assert second == first
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_no_word_of_the_packagers_machine_is_in_it(index: Path, tmp_path: Path) -> None:
    full(index)
    tree(tmp_path / "t.tar", "greeter")
    data = (tmp_path / "t.tar").read_bytes()
    assert not [word for word in (str(tmp_path), sys.executable, "skillbox-tree", "uv") if word.encode() in data]
    assert text(tmp_path / "t.tar", "bin/greet").startswith("#!/usr/bin/env python3\n")
    assert text(tmp_path / "t.tar", "bin/plain") == "#!/usr/bin/env python3\nprint(1)\n"


def test_record_says_what_is_there(index: Path, tmp_path: Path) -> None:
    full(index)
    tree(tmp_path / "t.tar", "greeter")
    rows = text(tmp_path / "t.tar", f"{PACKAGES}/greeter-1.0.dist-info/RECORD").splitlines()
    paths = [row.split(",")[0] for row in rows]
    found = {os.path.normpath(f"{PACKAGES}/{path}") for path in paths}
    assert found == {name for name, member in members(tmp_path / "t.tar").items() if member.isfile()}
    assert "../../../bin/greet" in paths
    assert all(len(row.split(",")) == 3 for row in rows)


def test_of_two_packages_with_one_file_the_first_by_name_wins(index: Path, tmp_path: Path) -> None:
    for name in ("b_second", "a_first"):
        wheel(index, name, files={"shared/same.py": "", "shared/other.py": f"NAME = {name!r}\n"})
    tree(tmp_path / "t.tar", "a-first", "b-second")
    assert text(tmp_path / "t.tar", f"{PACKAGES}/shared/other.py") == "NAME = 'a_first'\n"


def runs_of_uv(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills as uv is run to install."""
    ran: list[str] = []
    run_uv = making.uv.run_uv

    def run(command: Sequence[str], arguments: Sequence[str], *rest: Any, **more: Any) -> None:
        ran.append(arguments[-1])
        run_uv(command, arguments, *rest, **more)

    monkeypatch.setattr(making.uv, "run_uv", run)
    return ran


def test_packages_with_many_files_in_common_are_installed_once_more_and_not_for_each(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b_second", "a_first"):
        wheel(index, name, files={f"shared/{number}.py": f"NAME = {name!r}\n" for number in range(30)})
    lock = make_lock(PythonSource("requirements.txt", ("a-first", "b-second")), PYTHON)
    ran = runs_of_uv(monkeypatch)
    make_tree(lock, PYTHON, tmp_path / "t.tar", max_size=10_000_000, max_files=1000, compile=nothing)
    assert ran == ["unpacked.txt", "alone-a-first.txt"]
    assert text(tmp_path / "t.tar", f"{PACKAGES}/shared/29.py") == "NAME = 'a_first'\n"


def test_packages_that_a_wheel_only_says_are_there_are_not_installed(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"f{number}.py": "" for number in range(30)}
    for number in range(30):
        files[f"{{data}}/purelib/a{number}-1.0.dist-info/RECORD"] = f"f{number}.py,sha256=other,1\n"
    wheel(index, "evil", files=files)
    lock = make_lock(PythonSource("requirements.txt", ("evil",)), PYTHON)
    ran = runs_of_uv(monkeypatch)
    make_tree(lock, PYTHON, tmp_path / "t.tar", max_size=10_000_000, max_files=1000, compile=nothing)
    assert set(ran) <= {"unpacked.txt", "alone-evil.txt"}
    assert len(ran) <= 2


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({f"many/{number}": "" for number in range(50)}, "over 40 files, .* limit is 10 .*SKILLBOX_MAX_TREE_FILES"),
        ({"{data}/purelib/other-1.0.dist-info/RECORD": "x" * 2000}, r"other-1\.0\.dist-info.*/RECORD is over"),
    ],
)
def test_what_is_listed_has_a_limit_before_it_is_read(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], says: str
) -> None:
    wheel(index, "big", files=files)
    monkeypatch.setattr(layout, "_MAX_RECORD", 1000)
    with pytest.raises(InvalidSkillError, match=says):
        tree(tmp_path / "t.tar", "big", max_files=10)


def test_no_code_of_a_package_runs(index: Path, tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    wheel(
        index,
        "trap",
        files={"trap.py": code, "trap.pth": f"import os; {code}", "sitecustomize.py": code, "setup.py": code},
    )
    tree(tmp_path / "t.tar", "trap")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("files", "links"),
    [
        ({"../evil.py": ""}, {}),
        ({"/tmp/evil-of-a-test.py": ""}, {}),
        ({"{data}/scripts/../../../evil": ""}, {}),
        ({"{data}/data/../../../evil": ""}, {}),
        ({"case/File.py": "", "case/file.py": ""}, {}),
        ({"back\\slash.py": ""}, {}),
        ({"new\nline.py": ""}, {}),
        ({"/".join(["deep"] * 50) + "/x.py": ""}, {}),
    ],
)
def test_a_hostile_wheel_reaches_nothing_outside(
    index: Path, tmp_path: Path, files: dict[str, str], links: dict[str, str]
) -> None:
    wheel(index, "evil", files=files, links=links)
    before = set(tmp_path.rglob("*"))
    try:
        tree(tmp_path / "t.tar", "evil")
    except InvalidSkillError:
        pass
    else:
        assert all(not name.startswith(("/", "..")) for name in members(tmp_path / "t.tar"))
        assert not any("evil" in name for name in members(tmp_path / "t.tar") if "dist-info" not in name)
    assert {path for path in tmp_path.rglob("*") if path.suffix != ".tar"} == before
    assert not Path("/tmp/evil-of-a-test.py").exists()


def test_links_in_a_wheel_do_not_become_links(index: Path, tmp_path: Path) -> None:
    wheel(index, "linked", files={}, links={"linked/passwd": "/etc/passwd"})
    try:
        tree(tmp_path / "t.tar", "linked")
    except InvalidSkillError as error:
        assert "no plain file" in str(error)
    else:
        assert all(member.isfile() or member.isdir() for member in members(tmp_path / "t.tar").values())
        assert "root:" not in (tmp_path / "t.tar").read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("limits", "says"),
    [({"max_size": 100_000}, "SKILLBOX_MAX_TREE_SIZE"), ({"max_files": 3}, "SKILLBOX_MAX_TREE_FILES")],
)
def test_limits_are_named(index: Path, tmp_path: Path, limits: dict[str, int], says: str) -> None:
    wheel(index, "big", files={"big/a.py": "a = 1\n" * 50_000, "big/b.py": ""})
    with pytest.raises(InvalidSkillError, match=says):
        tree(tmp_path / "t.tar", "big", **limits)


def test_files_that_are_not_those_that_were_locked_are_refused(index: Path, tmp_path: Path) -> None:
    wheel(index, "greeter")
    lock = make_lock(PythonSource("requirements.txt", ("greeter",)), PYTHON)
    wheel(index, "greeter", files={"greeter.py": "evil = 1\n"})
    with pytest.raises(InvalidSkillError, match=r"other files of greeter==1\.0 than were locked"):
        make_tree(lock, PYTHON, tmp_path / "t.tar", max_size=10_000_000, max_files=1000, compile=nothing)


def test_bytecode_comes_with_the_rest(index: Path, tmp_path: Path) -> None:
    wheel(index, "greeter")

    def compiled(found: Sequence[Member]) -> list[Member]:
        assert f"{PACKAGES}/greeter.py" in {member.path for member in found}
        return [Member(f"{PACKAGES}/__pycache__/greeter.cpython-312.pyc", b"code")]

    tree(tmp_path / "t.tar", "greeter", compile=compiled)
    assert text(tmp_path / "t.tar", f"{PACKAGES}/__pycache__/greeter.cpython-312.pyc") == "code"
