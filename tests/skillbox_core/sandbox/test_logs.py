from __future__ import annotations

import itertools
import re
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.redaction import Redactor
from skillbox_core.errors import EngineError
from skillbox_core.sandbox.logs import (
    MAX_LINE,
    Announcement,
    CappedLog,
    Demultiplexer,
    Line,
    LineReader,
    decode,
    stdout_of,
)

FRAMES = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40) | st.sampled_from([b"\n", b"\n\n"])), max_size=12
)


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def lines(*chunks: bytes) -> list[Line | Announcement]:
    reader = LineReader("tok")
    return [*(line for chunk in chunks for line in reader.feed(chunk)), *reader.finish()]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(p % (len(data) + 1) for p in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(FRAMES, st.lists(st.integers(0, 10_000), max_size=20))
def test_the_stream_means_the_same_in_whatever_pieces_it_comes(
    frames: list[tuple[int, bytes]], places: list[int]
) -> None:
    data = b"".join(frame(*f) for f in frames)
    whole = Demultiplexer()
    assert list(whole.feed(data)) == frames
    assert lines(*cut(data, places)) == lines(data)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), st.lists(st.integers(0, 10_000), max_size=8))
def test_where_the_frames_are_cut_changes_no_line(text: str, places: list[int]) -> None:
    data = text.encode()
    assert lines(*(frame(1, piece) for piece in cut(data, places))) == lines(frame(1, data))


@pytest.mark.parametrize("at", [1, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, MAX_LINE + 5])
def test_where_the_frames_of_a_long_line_are_cut_changes_no_line(at: int) -> None:
    data = b"x" * (MAX_LINE - 1) + b"\r" + b"y" * 10 + b"\n"
    assert lines(frame(1, data[:at]), frame(1, data[at:])) == lines(frame(1, data))


@pytest.mark.parametrize("data", [b"\x03\0\0\0\0\0\0\1x", b"\1\0\0\0\xff\xff\xff\xff", b"HTTP/1.1 500 oops\r\n"])
def test_what_is_not_such_a_stream_is_the_engines_fault(data: bytes) -> None:
    with pytest.raises(EngineError):
        list(Demultiplexer().feed(data))


@given(st.binary(max_size=100))
def test_any_bytes_are_frames_or_the_engines_fault(data: bytes) -> None:
    try:
        lines(data)
    except EngineError:
        pass


def test_stdout_and_the_beginning_of_stderr_are_kept_apart() -> None:
    errors = bytearray()
    chunks = [frame(1, b"a") + frame(2, b"12345"), frame(2, b"678"), frame(1, b"b")]
    assert b"".join(stdout_of(chunks, errors, max_errors=6)) == b"ab"
    assert errors == b"123456"


def test_an_announcement_is_taken_out_with_the_newline_it_brings() -> None:
    data = frame(2, b"err") + frame(2, b"\n\x1eskillbox tok started\nmore\n\n\x1eskillbox tok ended code=3 oom=\n")
    assert lines(data) == [
        Line("stderr", "err"),
        Announcement("started", {}),
        Line("stderr", "more"),
        Announcement("ended", {"code": "3", "oom": ""}),
    ]


def test_blank_lines_a_skill_printed_stay() -> None:
    got = lines(frame(2, b"a\n\n\nb\n\n"), frame(2, b"\n\x1eskillbox tok ended\n"))
    assert got == [*(Line("stderr", t) for t in ("a", "", "", "b", "")), Announcement("ended", {})]
    assert lines(frame(1, b"\n\na\n")) == [Line("stdout", ""), Line("stdout", ""), Line("stdout", "a")]


def test_each_stream_has_an_end_of_its_own_whichever_comes_first() -> None:
    end = frame(2, b"\n\x1eskillbox tok ended code=0\n")
    got = lines(end, frame(1, b"late\n\nlast"), frame(1, b"\n\x1eskillbox tok drained\n"))
    assert got == [
        Announcement("ended", {"code": "0"}),
        *(Line("stdout", text) for text in ("late", "", "last")),
        Announcement("drained", {}),
    ]


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (2, b"\x1eskillbox other ended"),
        (1, b"\x1eskillbox tok ended"),
        (2, b"\x1eskillbox tok drained"),
        (2, b" \x1eskillbox tok ended"),
        (2, b"\x1eskillbox tokended"),
    ],
)
def test_what_lacks_the_token_or_the_stream_is_only_a_line(stream: int, text: bytes) -> None:
    assert lines(frame(stream, text + b"\n")) == [Line("stderr" if stream == 2 else "stdout", text.decode())]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12", 12),
        ("", None),
        ("max", None),
        ("-1", None),
        ("١", None),
        ("9" * 30, None),
        ("9" * 19, None),
        (str(2**62), 2**62),
    ],
)
def test_a_measurement_is_a_number_or_missing(value: str, number: int | None) -> None:
    assert Announcement("ended", {"peak": value}).number("peak") == number
    assert Announcement("ended", {}).number("peak") is None


@pytest.mark.parametrize("letter", ["x", "é", "日", "😀"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_long_line_is_broken_between_characters_and_loses_nothing(letter: str, end: bytes) -> None:
    text = "a" + letter * 40_000
    got = lines(*(frame(1, piece) for piece in cut(text.encode() + end, list(range(0, 200_000, 7001)))))
    assert "".join(line.text for line in got if isinstance(line, Line)) == text
    assert all(isinstance(line, Line) and len(line.text.encode()) <= MAX_LINE for line in got)


@given(st.binary(max_size=60))
def test_any_bytes_become_text_that_a_database_takes(data: bytes) -> None:
    text = decode(data)
    assert "\0" not in text
    assert text.encode().decode() == text


@pytest.mark.parametrize(
    ("printed", "got"),
    [
        ([b"1%\r2%\r3%\n"], ["1%*", "2%*", "3%"]),
        ([b"\r1%\r2%\r3%\n", b"next\n"], ["1%*", "2%*", "3%", "next"]),
        ([b"1%\r", b"2%\r", b"3%\r", b"\n"], ["1%*", "2%*", "3%"]),
        ([b"3%\r"], ["3%"]),
        ([b"3%\r    \r\n", b"next\n"], ["3%*", "3%", "next"]),
        ([b"3%\r\x1b[2K", b"\r\x1b[?25h\n"], ["3%*", "3%"]),
        ([b"a\r\nb\r", b"\nc\r\r\n"], ["a", "b", "c"]),
        ([b"\r\n\r\r\na\n"], ["", "", "a"]),
        ([b"1%\r" * 3 + b"x" * 40_000 + b"\r100%\n"],
         ["1%*"] * 3 + ["x" * MAX_LINE + "*"] * 2 + ["x" * 7232 + "*", "100%"]),
    ],
)  # fmt: skip
def test_a_carriage_return_ends_a_state_of_a_line_and_the_last_one_is_the_line(
    printed: list[bytes], got: list[str]
) -> None:
    found = lines(*(frame(2, piece) for piece in printed))
    assert [one.text + "*" * one.passing for one in found if isinstance(one, Line)] == got


@pytest.mark.parametrize("flood", [b"\r", b"\r\n", b" \r", b"1%\r"])
def test_a_flood_of_carriage_returns_is_read_in_time_and_in_little_memory(flood: bytes) -> None:
    reader, began = LineReader("tok"), time.monotonic()
    for _ in range(200):
        for _ in reader.feed(frame(2, flood * 4096)):
            pass
    assert sum(map(len, reader._partial.values())) < 2 * MAX_LINE
    assert time.monotonic() - began < 20


def test_a_state_is_redacted_as_a_line_is() -> None:
    reader = LineReader("tok", Redactor(["hunter2hunter2"]))
    got = list(reader.feed(frame(1, b"key hunter2hunter2\rkey hunter2hunter2 again\n")))
    assert got == [Line("stdout", "key ***", passing=True), Line("stdout", "key *** again")]


def test_nul_and_invalid_utf8_become_replacement_characters() -> None:
    assert decode(b"a\0b\xffc\xc3") == "a\ufffdb\ufffdc\ufffd"


@given(
    st.lists(st.text(max_size=60) | st.integers(0, 700).map(lambda n: "日" * n), max_size=40), st.integers(256, 3000)
)
def test_a_capped_log_keeps_its_limit_and_says_exactly_what_is_missing(texts: list[str], limit: int) -> None:
    log = CappedLog(limit)
    whole = b"".join(t.encode("utf-8", errors="replace") + b"\n" for t in texts)
    for text in texts:
        log.add(text)
    kept = log.text().encode()
    assert len(kept) <= limit
    marks = re.findall(rb"\[skillbox: (\d+) bytes of log are missing here\]\n", kept)
    if not marks:
        assert kept == whole
        return
    mark = b"[skillbox: %s bytes of log are missing here]\n" % marks[0]
    head, tail = kept.split(mark)
    assert int(marks[0]) == len(whole) - len(head) - len(tail) > 0
    assert whole.startswith(head)
    assert whole.endswith(tail)


def test_a_log_below_its_limit_is_whole_and_the_end_is_never_lost() -> None:
    log = CappedLog(1024)
    for number in range(10_000):
        log.add(f"line {number}")
    assert log.text().startswith("line 0\n")
    assert log.text().endswith("line 9999\n")
