"""A log that is taken up again: no line twice while it is whole, none left out when its beginning is gone."""

from __future__ import annotations

import struct

import pytest

from skillbox_core.base.redaction import Redactor
from skillbox_core.sandbox.journal import OUTGROWN, Journal
from skillbox_core.sandbox.logs import Announcement, State

STARTED = (2, b"\n\x1eskillbox tok started\n")


def log(*frames: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack(">BxxxL", stream, len(data)) + data for stream, data in frames)


def lines(first: int, last: int) -> list[tuple[int, bytes]]:
    return [(1, f"{number}\n".encode()) for number in range(first, last)]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def journal(told: list[str]) -> Journal:
    return Journal("tok", 1 << 20, Redactor(), lambda _stream, line: told.append(line))


@pytest.mark.parametrize("before", [0, 3], ids=["in order", "stdout is ahead"])
def test_a_whole_log_is_passed_on_once_however_often_it_is_read(journal: Journal, told: list[str], before: int) -> None:
    journal.feed(log(STARTED, *lines(0, 10)))
    for last in (20, 30):
        journal.restart()
        journal.feed(log(*lines(0, before), STARTED, *lines(before, last)))
        journal.settle()
    journal.finish()
    assert told == [str(number) for number in range(30)]
    assert journal.text() == "".join(f"{number}\n" for number in range(30))


def test_a_log_that_lost_its_beginning_is_passed_on_whole_and_the_loss_is_marked(
    journal: Journal, told: list[str]
) -> None:
    journal.feed(log(STARTED, *lines(0, 10)))
    journal.restart()
    journal.feed(log(*lines(12, 16)))
    assert told == [str(number) for number in range(10)], "the first word may be yet to come"
    journal.settle()
    assert told[10:] == ["12", "13", "14", "15"]
    first, mark, second = journal.text().partition("[skillbox: the connection was lost")
    assert (first, bool(mark), second.splitlines()[1:]) == (
        "".join(f"{number}\n" for number in range(10)),
        True,
        ["12", "13", "14", "15"],
    )


def test_a_log_that_lost_its_beginning_before_anybody_read_it_says_so(journal: Journal, told: list[str]) -> None:
    journal.restart()
    journal.feed(log(*lines(0, 200), (2, b"\n\x1eskillbox tok ended code=0\n"), (1, b"\n\x1eskillbox tok drained\n")))
    assert told == [str(number) for number in range(200)]
    assert journal.text().startswith("[skillbox: the beginning of the log is lost")
    assert journal.complete


def test_a_log_that_outgrows_what_the_engine_keeps_while_it_is_read_again_says_so_once(journal: Journal) -> None:
    # As the engine's file counts: 28 bytes beside each line's own.
    frames = [(1, b"x" * 71 + b"\n")] * 10_101
    journal.restart()
    journal.feed(log(STARTED, *frames))
    assert OUTGROWN not in journal.text(), "that fits"
    journal.feed(log(*frames[:2000]))
    before, _, after = journal.text().partition(OUTGROWN + "\n")
    assert (before.count("x\n"), after.count("x\n")) == (10_101, 2000)


def test_a_log_that_is_read_as_it_is_written_is_whole_however_long(journal: Journal) -> None:
    journal.feed(log(STARTED, *[(1, b"x" * 71 + b"\n")] * 12_000))
    assert "[skillbox" not in journal.text()


def test_a_sandbox_that_refused_its_skill_has_lost_nothing(journal: Journal) -> None:
    journal.restart()
    journal.feed(log((2, b"\n\x1eskillbox tok refused\n")))
    journal.finish()
    assert (journal.text(), journal.complete) == ("", True)


def test_the_last_word_on_stderr_is_the_one_that_counts(journal: Journal) -> None:
    journal.feed(log(STARTED, (1, b"\n\x1eskillbox tok drained code=0\n")))
    assert (journal.ended, journal.complete) == (Announcement("drained", {"code": "0"}), False)
    journal.feed(log((2, b"\n\x1eskillbox tok ended code=1\n"), (1, b"\n\x1eskillbox tok drained code=2\n")))
    assert (journal.ended, journal.complete) == (Announcement("ended", {"code": "1"}), True)


def test_a_supervisor_of_an_earlier_release_says_its_end_on_stderr_only(journal: Journal) -> None:
    journal.feed(log(STARTED, (1, b"\n\x1eskillbox tok drained\n")))
    assert (journal.ended, journal.complete) == (None, False)


@pytest.mark.parametrize("again", [False, True], ids=["live", "read again"])
def test_a_traceback_is_told_and_kept_in_one_piece(journal: Journal, told: list[str], again: bool) -> None:
    traceback = ["Traceback (most recent call last):", '  File "main.py", line 1', "ValueError: bad row 17"]
    frames = [STARTED, *lines(0, 2), (2, f"{traceback[0]}\n".encode()), *lines(2, 4),
              (2, f"{traceback[1]}\n".encode()), *lines(4, 6), (2, f"{traceback[2]}\n".encode())]  # fmt: skip
    journal.feed(log(*frames[:6]))
    if again:
        journal.restart()
        journal.feed(log(*frames))
    else:
        journal.feed(log(*frames[6:]))
    journal.feed(log((1, b"\n\x1eskillbox tok drained\n"), (2, b"\n\x1eskillbox tok ended code=1\n")))
    assert journal.complete
    assert told == [*map(str, range(6)), *traceback]
    assert journal.text().splitlines() == told
    assert journal.stderr().splitlines() == traceback


def test_a_traceback_after_which_nothing_comes_is_told_soon(journal: Journal, told: list[str]) -> None:
    journal.feed(log(STARTED, (2, b"Traceback (most recent call last):\n  File\nValueError: x\n")))
    assert told == []
    journal.settle()
    assert told == ["Traceback (most recent call last):", "  File", "ValueError: x"]


def test_the_states_of_a_line_are_shown_twice_a_second_and_the_last_one_is_kept() -> None:
    told: list[tuple[str, bool]] = []
    clock = [0.0]
    journal = Journal(
        "tok",
        1 << 20,
        Redactor(),
        lambda _, line: told.append((line, isinstance(line, State))),
        clock=lambda: clock[0],
    )
    journal.feed(log(STARTED))
    for percent in range(100):
        clock[0] = percent / 8
        journal.feed(log((2, f"\r{percent}%".encode())))
    shown = [f"{percent}%" for percent in range(0, 99, 4)]
    assert told == [(state, True) for state in shown]
    journal.feed(log((2, b"\r100%\nValueError: bad row 17\n")))
    assert told[-2:] == [("100%", False), ("ValueError: bad row 17", False)]
    assert journal.text() == "100%\nValueError: bad row 17\n"


def test_the_last_state_before_a_pause_is_shown_in_it() -> None:
    told: list[str] = []
    clock = [0.0]
    journal = Journal("tok", 1 << 20, Redactor(), lambda _, line: told.append(line), clock=lambda: clock[0])
    journal.feed(log(STARTED, (2, b"1%\r2%\r3%\r4")))
    assert told == ["1%"]
    clock[0] = 0.6
    journal.settle()
    assert told == ["1%", "3%"]


def test_states_do_not_push_a_line_out_of_a_log_that_is_read_again(journal: Journal, told: list[str]) -> None:
    bar = [(2, b"".join(b"\r%d%%" % percent for percent in range(100)) + b"\n")]
    journal.feed(log(STARTED, *bar, (2, b"first\n")))
    journal.restart()
    journal.feed(log(STARTED, *bar, (2, b"first\n"), (2, b"second\n")))
    journal.finish()
    assert [line for line in told if not isinstance(line, State)] == ["99%", "first", "second"]
    assert journal.text() == "99%\nfirst\nsecond\n"


def test_the_end_of_stderr_is_kept_apart_and_bounded(journal: Journal) -> None:
    journal.feed(log(STARTED, *[(2, b"%d " % number + b"x" * 5000 + b"\n") for number in range(100)], (1, b"out\n")))
    kept = journal.stderr().splitlines()
    assert (kept[-1][:3], len(kept), max(map(len, kept))) == ("99 ", 40, 1000)
