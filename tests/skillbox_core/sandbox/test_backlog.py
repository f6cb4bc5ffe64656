"""Whoever is told of a skill's lines may be slow, may fail, and may interrupt the run."""

from __future__ import annotations

import signal

import pytest
from prefect._internal.concurrency.cancellation import CancelledError
from prefect.exceptions import TerminationSignal

from skillbox_core.sandbox.backlog import Backlog


class Listener:
    """Takes ten milliseconds for each line, by a clock of its own."""

    def __init__(self) -> None:
        self.now, self.told = 0.0, list[str]()

    def __call__(self, _stream: str, line: str) -> None:
        self.now += 0.01
        self.told.append(line)

    def clock(self) -> float:
        return self.now


def filled(backlog: Backlog, count: int) -> Backlog:
    for number in range(count):
        backlog.add("stdout", str(number))
    return backlog


def test_as_many_lines_are_told_as_there_is_time_for_and_the_rest_in_its_order() -> None:
    listener = Listener()
    backlog = filled(Backlog(listener, listener.clock), 100)
    backlog.tell(0.255)
    assert listener.told == [str(number) for number in range(26)]
    backlog.tell(0)
    assert len(listener.told) == 27, "one at least, or nothing would go on"
    backlog.tell(60)
    assert (listener.told, backlog.size) == ([str(number) for number in range(100)], 0)


def test_the_end_gives_up_on_lines_that_there_is_no_time_for_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener()
    backlog = filled(Backlog(listener, listener.clock), 1000)
    backlog.end(0.5)
    assert 50 <= len(listener.told) <= 51
    assert "the last 9" in caplog.text
    assert "the log has them" in caplog.text
    assert filled(backlog, 3).size == 0, "nothing is held for nobody"


def test_without_a_listener_nothing_is_held() -> None:
    assert filled(Backlog(None, Listener().clock), 3).size == 0


def test_a_listener_that_fails_is_told_no_more(caplog: pytest.LogCaptureFixture) -> None:
    told = []

    def listen(_stream: str, line: str) -> None:
        told.append(line)
        raise BrokenPipeError(32, "Broken pipe")

    backlog = filled(Backlog(listen, Listener().clock), 3)
    backlog.end(1)
    assert (told, backlog.size) == (["0"], 0)
    assert [record.getMessage() for record in caplog.records] == [
        "the log is shown no further, because whoever shows it failed: BrokenPipeError: [Errno 32] Broken pipe"
    ]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, TimeoutError, CancelledError, TerminationSignal(15)])
def test_who_interrupts_the_run_while_its_log_is_shown_interrupts_it(
    interruption: type[BaseException] | BaseException,
) -> None:
    def listen(_stream: str, _line: str) -> None:
        signal.raise_signal(signal.SIGALRM)

    def go_off(_number: int, _frame: object) -> None:
        raise interruption

    before = signal.signal(signal.SIGALRM, go_off)
    try:
        with pytest.raises(interruption if isinstance(interruption, type) else type(interruption)):
            filled(Backlog(listen, Listener().clock), 3).tell(1)
    finally:
        signal.signal(signal.SIGALRM, before)
