"""A caller's environment values are gone from what is shown, however they are printed and wherever they are cut."""

from __future__ import annotations

import json
import re
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.redaction import PIECE, Redactor
from skillbox_core.sandbox.logs import MAX_LINE, Line, LineReader

SECRET = "canary-5ecret-value"


def lines(redactor: Redactor, *chunks: bytes) -> str:
    reader = LineReader("tok", redactor)
    frames = (struct.pack(">BxxxL", 1, len(chunk)) + chunk for chunk in chunks)
    got = [*(line for data in frames for line in reader.feed(data)), *reader.finish()]
    assert all(isinstance(line, Line) and len(line.text.encode()) <= MAX_LINE for line in got)
    return "".join(line.text for line in got if isinstance(line, Line))


@pytest.mark.parametrize(
    ("values", "text", "shown"),
    [
        ([SECRET], f"key={SECRET}.", "key=***."),
        ([SECRET], f"{SECRET}{SECRET} {SECRET}", "*** ***"),
        (["abc"], "abc", "abc"),
        (["", "a", "key1"], "a key1", "a ***"),
        (["abcd", "abcdef"], "abcdef abcd", "*** ***"),
        (["abcd", "cdef"], "abcdef", "***"),
        (["pässwörd"], "pässwörd!", "***!"),
        (['a"b\\c\n'], json.dumps({"k": 'a"b\\c\n'}), '{"k": "***"}'),
        (["pässwörd"], json.dumps("pässwörd"), '"***"'),
        (["it's\tx"], repr("it's\tx"), '"***"'),
        (["p@ss/w:rd"], "db://u:p%40ss%2Fw%3Ard@h", "db://u:***@h"),
        (["-----BEGIN-----\nAAAABBBB\n"], "AAAABBBB", "***"),
    ],
)
def test_a_value_is_replaced_in_each_form_in_which_it_is_commonly_printed(
    values: list[str], text: str, shown: str
) -> None:
    assert Redactor(values).text(text) == shown


@given(st.integers(0, 2 * MAX_LINE + 40), st.lists(st.integers(1, 3 * MAX_LINE), max_size=6))
def test_a_value_is_found_wherever_a_long_line_is_cut(at: int, places: list[int]) -> None:
    data = b"x" * at + SECRET.encode() + b"y" * (3 * MAX_LINE - at)
    edges = [0, *sorted(set(places)), len(data)]
    chunks = [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    assert lines(Redactor([SECRET]), *chunks) == "x" * at + "***" + "y" * (3 * MAX_LINE - at)


@pytest.mark.parametrize("size", [MAX_LINE - 1, MAX_LINE, 2 * MAX_LINE, 100_000])
def test_a_value_longer_than_a_line_is_found_too(size: int) -> None:
    value = "".join(chr(97 + i * i % 26) for i in range(size))
    data = f"before {value} after\n".encode()
    chunks = [data[i : i + 4096] for i in range(0, len(data), 4096)]
    shown = lines(Redactor([value]), *chunks)
    assert re.fullmatch(r"before (\*{3})+ after", shown)
    assert Redactor([value]).text(f"before {value} after") == "before *** after"


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_part_of_a_long_value_shows_no_more_than_what_is_shorter_than_a_piece(start: int, size: int) -> None:
    value = "".join(chr(0x3B1 + i * i % 23) for i in range(300))
    shown = Redactor([value]).text(f"<{value[start : start + size]}>").strip("<>")
    assert all(len(left) < 2 * PIECE for left in shown.split("***"))
    assert "***" in shown or len(shown) < 2 * PIECE


def test_what_many_values_cost_does_not_grow_with_their_number() -> None:
    # One environment variable may have this many lines; searched for one by one, this would take a minute.
    value = "\n".join(f"{number:05x}" for number in range(0x10000, 0x10000 + 21_000))
    redactor, began = Redactor([value]), time.monotonic()
    data = b"a short line\n" * 20_000 + b"the line 12345\n"
    assert lines(redactor, data).endswith("the line ***")
    assert time.monotonic() - began < 15


def test_a_value_that_repeats_itself_is_found_in_text_that_does() -> None:
    redactor = Redactor(["ab" * 30_000])
    assert redactor.text("x" + "ab" * 100_000 + "x") == "x***x"
    assert redactor.text("ba" * 31 + "b") == "ba" * 31 + "b"


@given(
    st.lists(st.text("ab", min_size=4, max_size=6), min_size=1, max_size=3),
    st.text("ab", max_size=40),
    st.lists(st.integers(0, 40), max_size=4),
)
def test_dividing_a_stream_anywhere_shows_nothing_that_the_whole_would_hide(
    values: list[str], text: str, places: list[int]
) -> None:
    redactor, data = Redactor(values), text.encode()
    shown, held = b"", b""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    for start, stop in zip(edges, edges[1:], strict=False):
        safe, held = redactor.divide(held + data[start:stop])
        shown += safe
    assert (shown + redactor.data(held)).replace(b"******", b"***") == redactor.data(data).replace(b"******", b"***")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"has {SECRET[:9]}..., which is not known", "has ***..., which is not known"),
        (f'has "{SECRET[:9]}..."', 'has "***..."'),
        (f"has {SECRET[:3]}...", f"has {SECRET[:3]}..."),
        (f"has {SECRET[:9]} and more...", f"has {SECRET[:9]} and more..."),
        (f"{SECRET}... {SECRET[:6]}... .......", "***... ***... ......."),
        ("nothing...", "nothing..."),
    ],
)
def test_the_beginning_of_a_value_is_replaced_where_a_message_was_cut(text: str, shown: str) -> None:
    assert Redactor([SECRET]).message(text) == shown
    assert Redactor().message(text) == text


def test_an_announcement_is_understood_though_its_words_are_secrets() -> None:
    data = b"\n\x1eskillbox tok ended code=0\n"
    reader = LineReader("tok", Redactor(["ended", "code", "skillbox"]))
    (announcement,) = reader.feed(struct.pack(">BxxxL", 2, len(data)) + data)
    assert announcement.word == "ended"  # type: ignore[union-attr]
