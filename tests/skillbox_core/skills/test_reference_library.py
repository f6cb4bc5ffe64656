"""Every folder that the format's reference library accepts is accepted, or refused by a rule of the closed list.

The list is the table in docs/skills.md; here is what each of its rows says when it refuses.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skills_ref.validator import validate

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.package import package

DOCS = Path(__file__).parents[3] / "docs" / "skills.md"
MAX = 100_000
CLOSED = {
    "size": r"over this installation's limit|unpacked it is over|compressed more than|SKILL\.md is over|"
    r"front matter is (over|more than)",
    "count": r"\d+ (entries|folders|symbolic links), the limit is|makes more than \d+ files",
    "links": r"the symbolic link .* (is absolute|leads |makes a path that)",
    "encoding": r"is not UTF-8|contains a NUL|a NUL or half a character|\(CRLF|byte-order mark",
    "names": r"a path (is|has) |two entries have one name|a name (begins|ends) |leads through a file",
    "kinds": r"is no plain file",
    "YAML": r"anchors and aliases|tags are not taken|more than one YAML document|is given twice",
    "our keys": r"invalid skill: (version|lang|image|timeout|resources|environment|input_files|\w+_schema)",
    "packages": r"requirements\.txt|package\.json|uv\.lock|asks for packages",
    "zip": r"could be read as",
}


def test_the_list_in_the_docs_is_the_one_that_is_held_here() -> None:
    table = DOCS.read_text().split("| | refused |\n|---|---|\n")[1].split("\n\n")[0]
    assert [row.split("|")[1].strip() for row in table.splitlines()] == list(CLOSED)


def judge(name: str, write: Callable[[Path], None]) -> SkillArchive | str | None:
    """Writes a folder: None where the library refuses it, the archive, or the row of the list that refuses it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        write(folder)
        try:
            accepted = validate(folder) == []
        except Exception:
            accepted = False
        if not accepted:
            return None
        try:
            return package(folder, Path(scratch) / "skill.zip", MAX)
        except InvalidSkillError as error:
            rows = [row for row, said in CLOSED.items() if re.search(said, str(error))]
            assert rows, f"by no rule of the list: {error}\n{(folder / 'SKILL.md').read_bytes()!r}"
            return rows[0]


ODD = st.sampled_from("abz AZ09-_.,:;#&*!|>'\"%@`{}[]()?/\\~=+$<^éß数\u00a0\u200d\t\n😀")
WORDS = st.text(ODD | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NAMES = st.text(st.sampled_from("abcxyz019-éß数ñ"), min_size=1, max_size=20) | st.sampled_from(
    ["null", "true", "1", "1e3", "no", "0x1"]
)


@st.composite
def scalars(draw: st.DrawFn) -> str:
    """A value as people write it in YAML; not all of these are."""
    words = draw(WORDS)
    match draw(st.sampled_from(["plain", "plain", "plain", "single", "double", "block", "folded", "lines"])):
        case "single":
            return "'" + words.replace("'", "''").replace("\n", " ") + "'"
        case "double":
            return json.dumps(words, ensure_ascii=draw(st.booleans()))
        case "block":
            return "|\n  " + words.replace("\n", "\n  ")
        case "folded":
            return ">-\n  " + words.replace("\n", "\n  ")
        case "lines":
            return words.replace("\n", " ") + "\n  " + draw(WORDS).replace("\n", " ")
    return words.replace("\n", " ")


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, str]:
    """A name and a SKILL.md."""
    name = draw(NAMES)
    lines = [f"name: {name}", f"description: {draw(scalars())}"]
    if draw(st.booleans()):
        lines.append(f"license: {draw(scalars())}")
    if draw(st.booleans()):
        lines.append(f"compatibility: {draw(scalars())}")
    if draw(st.booleans()):
        tools = draw(scalars() | st.just("\n  - Read\n  - Bash(git:*)") | st.just("\n  a: b"))
        lines.append(f"allowed-tools: {tools}")
    if draw(st.booleans()):
        deep = "".join(f"\n{'  ' * level}k:" for level in range(1, draw(st.sampled_from([2, 20]))))
        extra = draw(scalars().map(lambda value: "\n  version: " + value.replace("\n", "\n  ")) | st.just(f"{deep} v"))
        lines.append(f"metadata:{extra}")
    lines += draw(st.lists(st.sampled_from(["", "# a comment", "  ", "...", "---x", "%YAML 1.1"]), max_size=1))
    lines = draw(st.permutations(lines)) if draw(st.booleans()) else lines
    opening = draw(st.sampled_from(["---\n", "---\n", "---\n", "--- \n", "---", "---\r\n", "---\n\n"]))
    closing = draw(st.sampled_from(["\n---\n", "\n---\n", "\n---", "---", "\n--- x\n", "\n----\n", "\r\n---\r\n"]))
    return name, opening + "\n".join(lines) + closing + draw(WORDS | st.just(""))


@settings(max_examples=400)
@given(documents())
@example(("a", "---\nname: a\ndescription: b---"))
@example(("a", "---name: a\ndescription: b\n--- [\n"))
@example(("null", "---\nname: null\ndescription: ~\n---\n"))
@example(("数据", "---\nname: 数据\ndescription: d\n---\n"))
@example(("a", "---\nname: a\ndescription: d\nlicense:\n- a\nmetadata: x\nallowed-tools:\n  a: b\n---\n"))
def test_a_skill_md_that_the_library_accepts_is_accepted(document: tuple[str, str]) -> None:
    name, text = document
    if name in ("", ".", ".."):
        return
    judged = judge(name, lambda folder: (folder / "SKILL.md").write_bytes(text.encode()) and None)
    if isinstance(judged, SkillArchive):
        assert judged.manifest.description.strip()


PATHS = st.lists(
    st.sampled_from(["a", "A", "b.py", "scripts", "x;1", "c:x", "a\\b", "tab\t", "é", "e\u0301", "n" * 90, "\u200b"]),
    min_size=1,
    max_size=4,
).map("/".join)
CONTENTS = st.sampled_from([b"", b"x", b"\xff\0", b"echo\r\n", b"#!/bin/sh\r\n", b"y" * 60_000])
TARGETS = st.sampled_from(["a", "..", ".", "../s/a", "/etc/passwd", "b.py", "../a", "a/a"])


@settings(max_examples=150)
@given(
    st.dictionaries(PATHS, CONTENTS, max_size=4),
    st.dictionaries(PATHS, TARGETS, max_size=3),
    st.sampled_from(["SKILL.md", "skill.md"]),
)
def test_a_folder_that_the_library_accepts_is_accepted(files: dict[str, bytes], links: dict[str, str], md: str) -> None:
    def write(folder: Path) -> None:
        (folder / md).write_text("---\nname: s\ndescription: d\n---\n")
        for path, what in {**files, **links}.items():
            place = folder / path
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(what, bytes):
                    place.write_bytes(what)
                else:
                    place.symlink_to(what)
            except OSError:
                continue  # it leads through a file, or is there

    judge("s", write)


DEEP = "".join(f"\n{' ' * level}k:" for level in range(1, 40))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("size", "---\nname: s\ndescription: d\nlicense: " + "x" * 70_000 + "\n---\n"),
        ("size", "---\nname: s\ndescription: d\n---\n" + "x" * 2**20),
        ("size", f"---\nname: s\ndescription: d\nmetadata:{DEEP} v\n---\n"),
        ("encoding", "---\nname: s\ndescription: d\n---\n\0"),
        ("our keys", "---\nname: s\ndescription: a --- b\nlang: ruby\n---\n"),
    ],
)  # fmt: skip
def test_what_the_library_accepts_and_the_list_refuses(row: str, text: str) -> None:
    assert judge("s", lambda folder: (folder / "SKILL.md").write_text(text) and None) == row
