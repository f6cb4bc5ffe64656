"""A skill's lines in Prefect's log: none lost, in order, in few records however many they are."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_skillbox.observe.run_log import LIMIT, RECORD, WINDOW, Line, RunLog, records, whole
from skillbox_core.sandbox.logs import State, Stream
from tests.prefect_skillbox import seen

pytestmark = pytest.mark.once

MEGABYTE = 1_000_000
ENGINE_ADDS = 28
"""What an entry of the engine's log takes beside the line."""

TRACEBACK = ["Traceback (most recent call last):", '  File "main.py", line 1', "ValueError: bad row 17"]
LEVELS = {"stdout": logging.INFO, "stderr": logging.WARNING}


class Collected(logging.Logger):
    """A logger that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__("collected")
        self.records: list[tuple[int, str]] = []

    def handle(self, record: logging.LogRecord) -> None:
        self.records.append((record.levelno, record.getMessage()))

    def lines(self, stream: Stream) -> list[str]:
        joined = [text for level, text in self.records if level == LEVELS[stream]]
        return [line for text in joined for line in text.split("\n")]


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text("xyz é", max_size=30)), max_size=300))
def test_no_line_is_lost_and_each_stream_keeps_its_order_and_level(lines: list[tuple[Stream, str]]) -> None:
    logger = Collected()
    log = RunLog(logger)
    for stream, line in lines:
        log.write(stream, line)
    log.close()
    for stream in LEVELS:
        assert logger.lines(stream) == [line for other, line in lines if other == stream]  # type: ignore[arg-type]


def test_lines_are_shipped_soon_and_those_that_come_together_in_one_record() -> None:
    logger = Collected()
    log = RunLog(logger)
    for line in TRACEBACK:
        log.write("stderr", line)
    shipped = seen.eventually(lambda: logger.records, bool, 2)
    assert shipped == [(logging.WARNING, "\n".join(TRACEBACK))], "before anything is closed"


def test_a_traceback_is_one_record_also_when_the_time_of_those_before_it_is_over() -> None:
    logger, now = Collected(), [0.0]
    log = RunLog(logger, clock=lambda: now[0])
    for line in ("row 1", "row 2"):
        log.write("stdout", line)
    now[0] = WINDOW
    for line in TRACEBACK[:2]:
        log.write("stderr", line)
    log._due()
    assert logger.records == [(logging.INFO, "row 1\nrow 2")]
    log.write("stderr", TRACEBACK[2])
    log.close()
    assert logger.records[1:] == [(logging.WARNING, "\n".join(TRACEBACK))]


@pytest.mark.parametrize(
    ("lines", "shipped"),
    [
        ([], 0),
        ([("stdout", "a"), ("stderr", "b")], 2),
        ([("stderr", "a"), ("stderr", TRACEBACK[0]), ("stderr", "  File")], 1),
        ([("stdout", "a"), *[("stderr", line) for line in [*TRACEBACK, "", "During ...", "", *TRACEBACK]]], 1),
        ([("stderr", TRACEBACK[0]), ("stdout", "a")], 2),
        # One that does not end is not waited for.
        ([("stderr", TRACEBACK[0]), ("stderr", "  File")], 2),
    ],
)
def test_lines_are_shipped_up_to_a_traceback_that_may_go_on(lines: list[Line], shipped: int) -> None:
    assert whole(lines) == shipped


def test_what_a_line_is_overwritten_with_is_no_line_that_comes_again() -> None:
    logger = Collected()
    log = RunLog(logger)
    for line in (State("1%"), State("2%"), "3%", "a"):
        log.write("stderr", line)
    log.again()
    for line in (State("1%"), "3%", "a", "b"):
        log.write("stderr", line)
    log.close()
    assert logger.lines("stderr") == ["1%", "2%", "3%", "a", "b"]


def test_many_lines_go_in_few_records() -> None:
    logger = Collected()
    log = RunLog(logger)
    for number in range(10_000):
        log.write(("stdout", "stderr")[number % 2], "x" * 80)  # type: ignore[arg-type]
    log.close()
    assert len(logger.records) < 100
    assert all(len(text) <= RECORD for _, text in logger.records)


def test_the_order_between_the_streams_is_kept_unless_they_take_turns_all_the_time() -> None:
    lines: list[tuple[Stream, str]] = [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]
    assert list(records(lines)) == [("stdout", "a\nb"), ("stderr", "c"), ("stdout", "d")]
    assert [stream for stream, _ in records(lines * 50)] == ["stderr", "stdout"]


def test_the_rest_of_a_log_without_bounds_is_cut_with_a_mark_that_says_where_more_is() -> None:
    logger = Collected()
    log = RunLog(logger)
    log.whole = "`skillbox exec logs 0123`"
    for _ in range(LIMIT // 1000 + 500):
        log.write("stdout", "x" * 999)
    log.close()
    *shipped, (level, last) = logger.records
    assert sum(len(text) for _, text in shipped) <= LIMIT
    assert level == logging.WARNING
    assert "`skillbox exec logs 0123`" in last


def test_lines_that_come_again_after_a_lost_connection_are_shipped_once() -> None:
    logger = Collected()
    log = RunLog(logger)
    log.again()
    log.write("stdout", "a")
    log.write("stderr", "b")
    log.again()
    for stream, line in (("stderr", "b"), ("stdout", "a"), ("stdout", "c")):
        log.write(stream, line)  # type: ignore[arg-type]
    log.close()
    assert [text for _, text in logger.records] == ["a", "b", "c"], "in this order"


@pytest.mark.parametrize("line", ["", "日" * 100, "x" * 1000], ids=["empty", "three bytes each", "long"])
def test_no_line_is_left_out_once_the_engine_may_have_dropped_the_first_ones(line: str) -> None:
    logger = Collected()
    log = RunLog(logger)
    printed = MEGABYTE // (len(line.encode()) + ENGINE_ADDS)
    for _ in range(printed):
        log.write("stdout", line)
    log.again()
    log.write("stdout", "the first that the engine still has")
    log.close()
    assert logger.lines("stdout")[-1] == "the first that the engine still has"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\x07", "a\\rb\\x07"),
        ("\u202eevil", "\\u202eevil"),
        ("<b>=1+1</b>\tok é 日", "<b>=1+1</b>\tok é 日"),
    ],
)
def test_nothing_that_steers_a_terminal_reaches_the_workers_console(line: str, shown: str) -> None:
    logger = Collected()
    log = RunLog(logger)
    log.write("stdout", line)
    log.close()
    assert logger.records == [(logging.INFO, shown)]
