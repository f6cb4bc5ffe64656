"""Links in skills: those that stay inside are copies, in a folder as in an archive; all others are refused by name."""

from __future__ import annotations

import stat
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.links import MAX_LINKS, find_copies
from skillbox_core.skills.package import package
from skillbox_core.skills.scripts import inspect_new

MAX = 10_000_000
MD = "---\nname: s\ndescription: d\n---\n"


@pytest.mark.parametrize(
    ("files", "links", "copies"),
    [
        ("a", {"b": "a"}, {"b": "a"}),
        ("lib/a", {"scripts/a": "../lib/a"}, {"scripts/a": "lib/a"}),
        ("lib/a lib/b", {"scripts/lib": "../lib"}, {"scripts/lib/a": "lib/a", "scripts/lib/b": "lib/b"}),
        ("lib/a", {"lib2": "lib/", "x": "./lib//a"}, {"lib2/a": "lib/a", "x": "lib/a"}),
        ("a", {"b": "a", "c": "b", "d": "c"}, {"b": "a", "c": "a", "d": "a"}),
        ("x/y/a", {"l": "x/y", "m": "l/a", "n": "l/../y/a"}, {"l/a": "x/y/a", "m": "x/y/a", "n": "x/y/a"}),
        ("x/a", {"l": "x", "x/b": "a"}, {"l/a": "x/a", "l/b": "x/a", "x/b": "x/a"}),
        ("a", {"x/l": "../y", "y/m": "../a"}, {"x/l/m": "a", "y/m": "a"}),
    ],
)
def test_a_link_that_stays_inside_is_a_copy(files: str, links: dict[str, str], copies: dict[str, str]) -> None:
    assert find_copies(files.split(), links, 100) == copies


@pytest.mark.parametrize(
    ("links", "problem"),
    [
        ({"l": "/etc/passwd"}, "absolute"),
        ({"l": "/"}, "absolute"),
        ({"l": "../a"}, "leads out"),
        ({"l": "x/../../s/a"}, "leads out"),
        ({"x/l": "../../a"}, "leads out"),
        ({"l": "m", "m": "/etc/passwd"}, "absolute"),
        ({"l": "m/a", "m": "../s"}, "leads out"),
        ({"l": "l"}, "circle"),
        ({"l": "m", "m": "l"}, "circle"),
        ({"l": "l/a"}, "circle"),
        ({"l": "."}, "lies in"),
        ({"x/l": ".."}, "lies in"),
        ({"x/l": "../y", "y/m": "../x"}, "lies in"),
        ({"l": "y/z", "y/z/up": ".."}, "lies in"),
        ({"l": "nothing"}, "to nothing"),
        ({"l": "a/b"}, "to nothing"),
        ({"l": "a/"}, "to nothing"),
        ({"l": "a/.."}, "to nothing"),
        ({"l": ""}, "to nothing"),
        ({"l": "./" * 200 + "a"}, "255 bytes"),
        ({"l": "C:\\a"}, "to nothing"),
    ],
)
def test_a_link_that_does_not_is_refused_by_name(links: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidSkillError, match=rf"symbolic link '[xylm/zup]+' .*{problem}"):
        find_copies(["a", "x/a", "y/a", "y/z/a"], links, 100)


def test_links_that_unfold_to_millions_of_files_stop_at_the_limit() -> None:
    # Each folder has eight links to the next: 8 ** 12 files in the first one.
    links = {f"{level}/{n}": f"../{level + 1}" for level in range(12) for n in range(8)}
    started = time.perf_counter()
    with pytest.raises(InvalidSkillError, match="more than 10000 files"):
        find_copies(["12/a"], links, 10_000)
    assert time.perf_counter() - started < 5


def test_links_are_limited_in_number_and_in_depth() -> None:
    chain = {f"l{n}": f"l{n + 1}" for n in range(18)}
    with pytest.raises(InvalidSkillError, match="too many links"):
        find_copies(["l18"], chain, 100)
    with pytest.raises(InvalidSkillError, match="symbolic links, the limit is"):
        find_copies(["a"], {f"l{n}": "a" for n in range(MAX_LINKS + 1)}, 100_000)
    with pytest.raises(InvalidSkillError, match="16 levels"):
        find_copies(["a", *(f"d{n}/a" for n in range(20))], {f"d{n}/l": f"../d{n + 1}" for n in range(19)}, 1000)


@given(
    st.sets(st.sampled_from(["a", "x/a", "x/y/a", "z/a"]), min_size=1),
    st.dictionaries(
        st.sampled_from(["l", "x/l", "x/y/l", "z/l"]),
        st.lists(st.sampled_from(["..", ".", "a", "x", "y", "z", "l", ""]), min_size=1, max_size=5).map("/".join),
    ),
)
def test_copies_are_what_the_file_system_shows(tmp_path: Path, files: set[str], links: dict[str, str]) -> None:
    top = tmp_path / str(time.perf_counter_ns())
    for path in files:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(path)
    for path, to in links.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        if to:
            (top / path).symlink_to(to)
    try:
        copies = find_copies(files, links, 1000)
    except InvalidSkillError:
        return
    for path, file in copies.items():
        assert (top / path).read_text() == file
        assert (top / path).resolve() == (top / file).resolve()


def folder(top: Path, files: Mapping[str, str], links: Mapping[str, str]) -> Path:
    for path, text in {"SKILL.md": MD, **files}.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    for path, to in links.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).unlink(missing_ok=True)
        (top / path).symlink_to(to)
    return top


def zipped(target: Path, files: Mapping[str, str], links: Mapping[str, str], wrap: str = "") -> Path:
    with zipfile.ZipFile(target, "w") as packed:
        for path, text in {"SKILL.md": MD, **files, **links}.items():
            info = zipfile.ZipInfo(wrap + path)
            info.create_system = 3
            info.external_attr = ((stat.S_IFLNK | 0o777) if path in links else (stat.S_IFREG | 0o644)) << 16
            packed.writestr(info, text)
    return target


def taken(way: str, tmp_path: Path, files: Mapping[str, str], links: Mapping[str, str]) -> SkillArchive:
    (tmp_path / "s").mkdir()
    if way == "folder":
        return package(folder(tmp_path / "s", files, links), tmp_path / "s.zip", MAX)
    return inspect_new(zipped(tmp_path / "s.zip", files, links, "s-main/" if way == "wrapped" else ""), MAX)


@pytest.mark.parametrize("way", ["folder", "zip", "wrapped"])
def test_a_skill_with_links_has_copies_of_what_they_lead_to(way: str, tmp_path: Path) -> None:
    files = {"lib/a.py": "a = 1\n", "docs/SKILL.md": MD.replace("name: s", "name: linked")}
    archive = taken(way, tmp_path, files, {"scripts/lib": "../lib", "b.py": "lib/a.py", "SKILL.md": "docs/SKILL.md"})
    held = {file.path: b"".join(archive.read(file)).decode() for file in archive.files}
    assert held == {
        "SKILL.md": files["docs/SKILL.md"], "b.py": "a = 1\n", "docs/SKILL.md": files["docs/SKILL.md"],
        "lib/a.py": "a = 1\n", "scripts/lib/a.py": "a = 1\n",
    }  # fmt: skip
    assert archive.manifest.name == "linked"
    assert any("3 links are taken as copies" in warning for warning in archive.warnings)


@pytest.mark.parametrize("way", ["folder", "zip", "wrapped"])
@pytest.mark.parametrize(
    ("to", "problem"), [("/etc/passwd", "absolute"), ("../outside", "leads out"), ("l", "circle"), (".", "lies in")]
)
def test_a_skill_with_a_link_that_leaves_it_is_refused(way: str, tmp_path: Path, to: str, problem: str) -> None:
    (tmp_path / "outside").write_text("a secret")
    with pytest.raises(InvalidSkillError, match=f"symbolic link 'l' .*{problem}"):
        taken(way, tmp_path, {}, {"l": to})


@pytest.mark.parametrize("way", ["folder", "zip"])
def test_copies_count_for_the_size_of_a_skill(way: str, tmp_path: Path) -> None:
    files, links = {"a": "x" * 900_000}, {f"l{n}": "a" for n in range(20)}
    with pytest.raises(InvalidSkillError, match="unpacked it is over"):
        taken(way, tmp_path, files, links)


def test_links_that_are_left_out_lead_nowhere_and_harm_nobody(tmp_path: Path) -> None:
    top = folder(tmp_path / "s", {"a": "1"}, {".venv": "/usr", "__pycache__": "/tmp"})
    assert [file.path for file in package(top, tmp_path / "s.zip", MAX).files] == ["SKILL.md", "a"]
