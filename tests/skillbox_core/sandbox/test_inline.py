"""An output that is sent along is taken as it was announced and whole, or not at all."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.redaction import Redactor
from skillbox_core.sandbox.inline import CHARACTERS, LINES, InlineOutput
from skillbox_core.sandbox.journal import Journal
from skillbox_core.sandbox.logs import MAX_ANNOUNCEMENT
from skillbox_core.sandbox.started import has_started

TAR = bytes(range(256)) * 4
STARTED = (2, b"\n\x1eskillbox tok started\n")
ENDED = (2, b"\n\x1eskillbox tok ended code=0\n")


def sent(tar: bytes = TAR, whole: bytes = b".") -> list[str]:
    """The lines of a tar, as the supervisor makes them."""
    text = base64.b64encode(tar + whole).decode()
    return [text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS)]


def taken(lines: Sequence[str], count: int | None) -> bytes | None:
    output = InlineOutput()
    for line in lines:
        output.add(line)
    output.end(count)
    return output.tar()


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def on_stdout(lines: Sequence[str], count: int | None, token: str = "tok") -> bytes:
    text = "\n" + "".join(f"\x1eskillbox {token} output {line}\n" for line in lines)
    said = "" if count is None else f" output={count}"
    return text.encode() + f"\n\x1eskillbox tok drained code=0{said}\n".encode()


def journal(told: list[str] | None = None, redactor: Redactor | None = None) -> Journal:
    lines = told if told is not None else []
    return Journal("tok", 1 << 20, redactor or Redactor(), lambda _stream, line: lines.append(line))


def test_what_was_announced_and_is_whole_is_taken() -> None:
    assert taken(sent(), len(sent())) == TAR


@given(st.binary(min_size=1, max_size=3000))
def test_any_tar_comes_as_it_was(tar: bytes) -> None:
    assert taken(sent(tar), len(sent(tar))) == tar


LAST = sent()[-1]


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([], 0),
        ([], None),
        ([], 4),
        (sent(), None),
        (sent(), 0),
        (sent(), len(sent()) - 1),
        (sent(), len(sent()) + 1),
        (sent()[:-1], len(sent())),
        (sent()[1:], len(sent())),
        (sent()[:-1], len(sent()) - 1),
        ([*sent(), LAST], len(sent())),
        ([*sent(), LAST], len(sent()) + 1),
        (sent() * 2, len(sent()) * 2),
        (sent(whole=b""), len(sent(whole=b""))),
        (sent(whole=b"!"), len(sent(whole=b"!"))),
        ([*sent()[:-1], LAST[:-1]], len(sent())),
        ([*sent()[:-1], "*" + LAST[1:]], len(sent())),
        ([*sent()[:-1], "é" + LAST[1:]], len(sent())),
        ([*sent()[:-1], LAST[:1] + " " + LAST[1:]], len(sent())),
        (["", *sent()], len(sent()) + 1),
        (["A" * (CHARACTERS + 4)], 1),
        (["A" * CHARACTERS] * (LINES + 1), LINES + 1),
        (["A" * CHARACTERS] * (LINES + 1) + sent(), len(sent())),
    ],
    ids=[
        *("nothing", "nothing said", "announced, and none came", "not announced", "announced as none"),
        *("one too many", "one too few", "the last one is missing", "the first one is missing", "cut, and said so"),
        *("repeated line", "repeated line, announced", "sent twice", "tar could not read all", "no dot"),
        *("broken Base64", "not of Base64", "not of ASCII", "a blank inside", "an empty line", "a line too long"),
        *("too many lines", "too many lines before it"),
    ],
)
def test_what_is_not_exactly_as_announced_is_nothing(lines: list[str], count: int | None) -> None:
    assert taken(lines, count) is None


def test_what_comes_behind_its_end_or_is_announced_twice_is_nothing() -> None:
    for before, late in ((sent(), "line"), (sent()[:-1], "line"), (sent(), "end")):
        output = InlineOutput()
        for line in before:
            output.add(line)
        output.end(len(sent()))
        output.add(LAST) if late == "line" else output.end(len(sent()))
        assert output.tar() is None


def test_a_flood_of_lines_is_not_kept() -> None:
    output = InlineOutput()
    for _ in range(10 * LINES):
        output.add("A" * CHARACTERS)
        assert len(output._lines) <= LINES


def test_a_line_of_output_is_a_line_that_the_supervisor_may_write() -> None:
    assert len(f"\x1eskillbox {'0' * 32} output {'A' * CHARACTERS}") <= MAX_ANNOUNCEMENT


def test_it_is_no_line_of_log_and_is_not_redacted() -> None:
    redactor, told = Redactor(), list[str]()
    redactor.learn([sent()[0][:20]])
    one = journal(told, redactor)
    one.feed(frame(2, STARTED[1]) + frame(1, b"first\n\nunfinished") + frame(2, ENDED[1]))
    one.feed(frame(1, on_stdout(sent(), len(sent()))))
    one.finish()
    assert one.output() == TAR
    assert one.complete
    assert (told, one.text()) == (["first", "", "unfinished"], "first\n\nunfinished\n")


@given(st.lists(st.integers(0, 10_000), max_size=8), st.booleans())
def test_it_is_the_same_in_whatever_pieces_it_comes(places: list[int], ended_first: bool) -> None:
    data = on_stdout(sent(), len(sent()))
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    one = journal()
    one.feed(frame(*ENDED) if ended_first else b"")
    for begin, end in zip(edges, edges[1:], strict=False):
        one.feed(frame(1, data[begin:end]))
    one.feed(b"" if ended_first else frame(*ENDED))
    assert one.output() == TAR


@pytest.mark.parametrize("step", [1, 7])
def test_a_connection_that_breaks_within_it_gives_nothing(step: int) -> None:
    data = on_stdout(sent(), len(sent()))
    for at in range(0, len(data) - 1, step):
        told: list[str] = []
        one = journal(told)
        one.feed(frame(*STARTED) + frame(*ENDED) + frame(1, data[:at]))
        one.finish()
        assert one.output() is None, at
        assert all("\x1eskillbox tok ".startswith(line) for line in told), told


@pytest.mark.parametrize("words", [[STARTED], [STARTED, (2, b"\n\x1eskillbox other ended code=0\n")]])
def test_nothing_is_taken_before_the_last_word(words: list[tuple[int, bytes]]) -> None:
    one = journal()
    for word in words:
        one.feed(frame(*word))
    one.feed(frame(1, on_stdout(sent(), len(sent()))))
    assert one.output() is None


@pytest.mark.parametrize(
    "printed",
    [
        frame(1, b"\x1eskillbox tok output " + b"A" * 400 + b"\n"),
        frame(1, on_stdout(sent(b"forged"), 1)),
        frame(1, on_stdout(sent(b"forged"), None)),
        frame(2, b"".join(b"\x1eskillbox tok output " + line.encode() + b"\n" for line in sent(b"forged"))),
    ],
    ids=["a line", "a whole output", "a whole output, unannounced", "on stderr"],
)
def test_lines_that_a_skill_prints_are_never_taken_for_it(printed: bytes) -> None:
    """Even by one that knew the token, which is in no memory that a skill can read."""
    one = journal()
    one.feed(frame(*STARTED) + printed + frame(*ENDED) + frame(1, on_stdout(sent(), len(sent()))))
    assert one.output() in (None, TAR)
    assert one.output() is None or printed[0] == 2, "only what is not on stdout leaves it as it is"


def test_a_traceback_stays_in_one_piece_around_it() -> None:
    told: list[str] = []
    one = journal(told)
    one.feed(frame(2, b"Traceback (most recent call last):\n  at a\n"))
    one.feed(frame(1, b"\n\x1eskillbox tok printed\n"))
    one.feed(frame(1, on_stdout(sent(), len(sent()))) + frame(1, b"line\n"))
    one.feed(frame(2, b"ValueError: x\n") + frame(*ENDED))
    assert told == ["line", "Traceback (most recent call last):", "  at a", "ValueError: x"]
    assert one.output() == TAR


def test_without_the_token_it_is_a_line_of_log() -> None:
    told: list[str] = []
    one = journal(told)
    one.feed(frame(1, b"\x1eskillbox other output QQ==\n") + frame(2, b"\x1eskillbox tok output QQ==\n"))
    one.finish()
    assert told == ["\x1eskillbox other output QQ==", "\x1eskillbox tok output QQ=="]


def test_what_stands_in_the_engines_log_is_not_taken_and_not_shown() -> None:
    told: list[str] = []
    one, whole = journal(told), frame(*STARTED) + frame(1, b"line\n") + frame(*ENDED)
    one.feed(whole)
    one.restart()
    one.feed(whole + frame(1, on_stdout(sent(), len(sent()))))
    one.finish()
    assert one.output() is None
    assert one.complete
    assert told == ["line"]


def test_a_log_that_begins_within_it_shows_none_of_it() -> None:
    told: list[str] = []
    one = journal(told)
    one.restart()
    # The engine drops whole lines.
    rest = on_stdout(sent(TAR * 30), len(sent(TAR * 30))).split(b"\n", 3)[3]
    one.feed(frame(1, rest) + frame(*ENDED))
    one.finish()
    assert told == []
    assert one.output() is None
    assert one.ended is not None


def test_lines_of_it_say_that_the_skill_has_started_and_ended() -> None:
    line = frame(1, f"\x1eskillbox tok output {sent()[0]}\n".encode())
    assert has_started([line], "tok") is True
    one = journal()
    one.feed(line)
    assert one.handed_over
