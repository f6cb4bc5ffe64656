"""A zip has one face: what a reviewer unpacks, with whatever reader, is what runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import inspect_archive
from skillbox_core.skills.ziprules import comment_problem, ends_in_locator, entry_problem, extra_problem, other_format
from tests.skillbox_core.skills.twofaced import HONEST, TWO_FACED
from tests.skillbox_core.skills.zipwork import GOOD, Made, archive, end, field, locator

LIMIT = 8 * 2**20


@pytest.mark.parametrize("data", TWO_FACED.values(), ids=TWO_FACED.keys())
def test_what_readers_could_take_for_two_things_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "skill.zip"
    path.write_bytes(data)
    with pytest.raises(InvalidSkillError, match="invalid skill archive: ") as caught:
        inspect_archive(path, LIMIT)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("data", HONEST.values(), ids=HONEST.keys())
def test_what_usual_tools_write_is_taken(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "skill.zip"
    path.write_bytes(data)
    taken = inspect_archive(path, LIMIT)
    assert {one.name.decode(): one.data for one in GOOD}.items() <= {
        file.path: b"".join(taken.read(file)) for file in taken.files
    }.items()


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        (b"", None),
        (b"0bb2ae7c612680db2d557af78ceb6398f1c98c1a", None),
        ("für\tdich\r\nund mich".encode(), None),
        (b"x" * 4096, None),
        (b"x" * 4097, "4096"),
        (b"PK\5\6", "printed"),
        (end(0, 0, 0), "printed"),
        (b"a\0b", "printed"),
        (b"\xff", "UTF-8"),
        ("a\u200bb".encode(), "printed"),
        ("\U000e0041".encode(), "printed"),
    ],
)
def test_a_comment_is_readable_text(comment: bytes, says: str | None) -> None:
    problem = comment_problem(comment)
    assert problem is None if says is None else says in str(problem)


@pytest.mark.parametrize(
    ("extra", "central", "says"),
    [
        (b"", True, None),
        (field(0x5455, b"\1abcd"), True, None),
        (field(0x5455, b"\7abcdabcdabcd"), False, None),
        (field(0x5455, b"\7abcd"), True, None),
        (field(0x5455, b"\7abcd"), False, "size"),
        (field(0x5455, b"\2"), True, None),
        (field(0x5455, b""), True, "size"),
        (field(0x5855, b"x" * 9), False, "size"),
        (field(0x7855, b"x" * 4), True, "size"),
        (field(0x7875, b"\1\4aaaa\4bbbb"), True, None),
        (field(0x7875, b"\1\2aa\2bb"), False, None),
        (field(0x7875, b"\2\4aaaa\4bbbb"), True, "size"),
        (field(0x7875, b"\1\4aaaa\4bbbb" + b"x" * 20), True, "size"),
        (field(0x7875, b"\1\4aaaa"), True, "size"),
        (field(0x7875, b"\1\x40" + b"x" * 64 + b"\4bbbb"), True, "size"),
        (field(0x000A, b"\0\0\0\0\1\0\x18\0" + b"t" * 24), True, None),
        (field(0x000A, b"\0\0\0\0\2\0\x18\0" + b"t" * 24), True, "size"),
        (field(0x000A, b"\0\0\0\0\1\0\x18\0" + b"t" * 25), True, "size"),
        (field(0x7075, b"\1abcdmain.py"), True, "second name"),
        (field(0x6375, b"\1abcdtext"), False, "second comment"),
        (field(0x0001, b"x" * 16), True, "zip64"),
        (field(0xCAFE, b""), True, "known"),
        (field(0x5455, b"\1abcd") + b"PK\6", True, "belong to none"),
    ],
)
def test_extra_fields_are_known_ones_of_their_size(extra: bytes, central: bool, says: str | None) -> None:
    problem = extra_problem(extra, central=central)
    assert problem is None if says is None else says in str(problem)


@pytest.mark.parametrize(
    ("name", "changed", "says"),
    [
        ("a", {}, None),
        ("a;b", {}, None),
        ("a;1/b", {}, None),
        ("a;12", {}, "semicolon"),
        ("a;", {}, "semicolon"),
        ("a/", {"attributes": 0x10}, None),
        ("a", {"attributes": 0x20}, None),
        ("a", {"attributes": 0x30}, "folder by its attributes"),
        ("a", {"made_by": 0x0014}, None),
        ("a", {"made_by": 0x0B14}, None),
        ("a", {"made_by": 0x0F14}, "system 15"),
        ("é", {}, None),
        ("é", {"made_by": 0x1314}, None),
        ("é", {"made_by": 0x0014, "extra": b"some"}, None),
        ("é", {"made_by": 0x0014}, "not ASCII"),
        ("é", {"made_by": 0x0B32}, "not ASCII"),
        ("C:x", {}, "drive"),
        ("CC:x", {}, None),
        ("a", {"needed": 45}, None),
        ("a", {"needed": 46}, "4.6"),
        ("a", {"flags": 0x80E}, None),
        ("a", {"flags": 0x10}, "0x0010"),
    ],
)
def test_an_entry_is_one_thing_to_every_reader(name: str, changed: dict[str, Any], says: str | None) -> None:
    problem = entry_problem(
        name, **{"made_by": 0x0314, "needed": 20, "flags": 0, "attributes": 0, "extra": b"", **changed}
    )
    assert problem is None if says is None else says in str(problem)


def test_the_end_of_zip64_is_looked_for_where_readers_look() -> None:
    assert ends_in_locator(b"x" * 46 + locator(7))
    assert not ends_in_locator(b"x" * 46 + locator(7) + b"x")


def test_a_checksum_that_is_none_makes_no_tar() -> None:
    assert other_format(archive(Made(b"a", b"0" * 4000, deflate=False))) is None
    assert other_format(b"") is None
