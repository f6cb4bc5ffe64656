"""Whether a skill has started: by what its engine's log says, and for whoever finds its container."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from skillbox_core.models import Sandbox
from skillbox_core.sandbox import container
from skillbox_core.sandbox.engine_errors import ContainerRunningError
from skillbox_core.sandbox.started import has_started, is_handed_over
from tests.skillbox_core.sandbox.test_logs import frame

STARTED, REFUSED = frame(2, b"\n\x1eskillbox tok started\n"), frame(2, b"\n\x1eskillbox tok refused\n")
WAITS, TAKEN = frame(2, b"\n\x1eskillbox - ready\n"), frame(2, b"\n\x1eskillbox tok taken\n")
EMPTY_LINE = frame(1, b"\n")


@pytest.mark.parametrize(
    ("log", "answer"),
    [
        ([], False),
        ([STARTED], True),
        ([EMPTY_LINE, STARTED], True),
        ([frame(1, b"a line\n")], True),
        ([frame(1, b"half a line")], True),
        ([EMPTY_LINE, EMPTY_LINE], True),
        ([EMPTY_LINE], None),
        ([frame(2, b"\n")], None),
        ([frame(2, b"\n"), frame(2, b"tar: a complaint\n")], None),
        ([EMPTY_LINE[:4]], None),
        ([REFUSED], False),
        ([frame(2, b"tar: a complaint\n"), REFUSED], False),
        ([frame(2, b"\n\x1eskillbox  refused\n")], False),
        ([REFUSED, frame(1, b"a line\n")], True),
        ([STARTED, REFUSED], True),
    ],
)
def test_a_log_tells_whether_the_skill_has_started(log: list[bytes], answer: bool | None) -> None:
    assert has_started(log, "tok") is answer


@pytest.mark.parametrize(
    ("log", "answer"),
    [
        ([], False),
        ([WAITS], False),
        ([frame(2, b"\n"), frame(2, b"\x1eskillbox - ready\n")], False),
        ([WAITS, EMPTY_LINE], None),
        ([WAITS, WAITS], None),
        ([WAITS, EMPTY_LINE[:4]], None),
        ([WAITS, frame(2, b"tar: a complaint\n"), REFUSED], False),
        ([WAITS, STARTED], True),
        ([frame(1, b"\n\x1eskillbox - ready\n")], True),
        ([TAKEN], False),
        ([WAITS, TAKEN], False),
        ([WAITS, frame(2, b"\n"), frame(2, b"\x1eskillbox tok taken\n")], False),
        ([WAITS, TAKEN, STARTED], True),
        ([WAITS, TAKEN, frame(1, b"a line\n")], True),
        ([WAITS, TAKEN, EMPTY_LINE], None),
        ([WAITS, TAKEN, frame(2, b"tar: a complaint\n"), REFUSED], False),
        ([TAKEN[:-1]], None),
        ([frame(1, b"\n\x1eskillbox tok taken\n")], True),
        # It is said first, and in this form.
        ([frame(2, b"\x1eskillbox - ready\n")], None),
        ([frame(2, b"a line\n"), WAITS], None),
    ],
)
def test_the_log_of_a_container_that_waited_may_say_that_first(log: list[bytes], answer: bool | None) -> None:
    assert has_started(log, "tok", waited=True) is answer
    if log and answer is False and log[-1] != REFUSED:
        # A line of its skill, or a word that its supervisor never says.
        assert has_started(log, "tok") is (True if b"taken" in b"".join(log) else None), "one that did not wait"


@pytest.mark.parametrize(
    ("log", "answer"),
    [
        ([], False),
        ([WAITS], False),
        ([TAKEN], True),
        ([WAITS, TAKEN], True),
        ([TAKEN[:12], TAKEN[12:]], True),
        ([TAKEN[:-1]], False),
        ([frame(2, b"\n\x1eskillbox other taken\n")], False),
        ([frame(1, b"\n\x1eskillbox tok taken\n")], False),
    ],
)
def test_a_log_tells_whether_a_job_has_begun_to_come(log: list[bytes], answer: bool) -> None:
    assert is_handed_over(log, "tok") is answer


@pytest.mark.parametrize(("exit_code", "answer"), [(None, False), (70, False), (137, None), (3, None), (0, None)])
def test_a_skill_that_says_that_it_was_refused_has_started_all_the_same(
    exit_code: int | None, answer: bool | None
) -> None:
    assert has_started([REFUSED, REFUSED], "tok", exit_code) is answer
    assert has_started([], "tok", exit_code) is False


def test_a_flood_is_read_no_further_than_to_what_tells() -> None:
    def flood() -> Iterator[bytes]:
        yield frame(1, b"a line\n")
        raise AssertionError("it was read on")

    assert has_started(flood(), "tok") is True


class Engine:
    """An engine with one container, whose state and log are others as time passes.

    Attributes:
        delivers: Its maker holds stdin open, and delivers nothing.
        closed_at: When its stdin was closed.
        log: What can be read of it, by the seconds since the beginning.
    """

    def __init__(self, status: str, log: Callable[[float], Sequence[bytes]], *, delivers: bool = False) -> None:
        self.status, self._log, self.delivers, self.now, self.removed = status, log, delivers, 0.0, False
        self.closed_at: float | None = None

    def inspect(self, _container: str) -> dict[str, Any]:
        labels = {container.LABEL_EXECUTION: "tok", container.LABEL_INSTANCE: "here", container.LABEL_WAITING: "k"}
        return {
            "Id": "c",
            "Config": {"User": "7:7", "Labels": labels},
            "State": {"Status": self.status, "ExitCode": 70},
        }

    def logs(self, _container: str) -> Iterator[bytes]:
        return iter([REFUSED] if self.status == "refused" else self._log(self.now))

    def attach(self, _container: str) -> Any:
        return SimpleNamespace(close=self._end_delivery)

    def _end_delivery(self) -> None:
        self.closed_at = self.now
        if self.delivers:
            self.status = "refused"

    def remove(self, _container: str, *, force: bool = True) -> bool:
        if self.status == "running" and not force:
            raise ContainerRunningError("it runs")
        self.removed = True
        return True

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def found(engine: Engine, monkeypatch: pytest.MonkeyPatch, *, claimed: bool = False) -> Sandbox | None:
    monkeypatch.setattr(container, "time", SimpleNamespace(monotonic=lambda: engine.now, sleep=engine.sleep))
    return container.adopt(engine, "a", token="tok", instance="here", claimed=claimed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "log"),
    [
        ("exited", lambda _now: [EMPTY_LINE]),
        ("exited", lambda _now: [frame(2, b"\n")]),
        ("paused", lambda _now: [EMPTY_LINE]),
        ("exited", lambda now: [EMPTY_LINE] if now else []),
        ("running", lambda _now: [EMPTY_LINE]),
        ("running", lambda now: [EMPTY_LINE] * 2 if now > 40 else []),
        ("running", lambda _now: []),
    ],
    ids=[
        "all that is left of a flood is an empty line",
        "of one on stderr",
        "of one that somebody paused",
        "the log was begun anew in that moment",
        "one that goes on",
        "it says something late",
        "its log can't be written",
    ],
)
def test_a_container_in_which_the_skill_has_started_is_adopted(
    status: str, log: Callable[[float], Sequence[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(status, log)
    assert found(engine, monkeypatch) == Sandbox("c", "a", "7:7")
    assert not engine.removed


@pytest.mark.parametrize(("status", "delivers"), [("created", False), ("exited", False), ("running", True)])
def test_a_container_in_which_it_has_not_is_removed(
    status: str, delivers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(status, lambda _now: [], delivers=delivers)
    assert found(engine, monkeypatch) is None
    assert engine.removed


SOON, LATE = container.UNATTENDED + container.SLICE, container.DELIVERY_TIMEOUT


@pytest.mark.parametrize(
    ("log", "claimed", "closed_by"),
    [
        (lambda _now: [], True, SOON),
        (lambda _now: [WAITS], True, SOON),
        # A large job takes its time, whoever brings it.
        (lambda _now: [WAITS, TAKEN], True, LATE + container.SLICE),
        (lambda now: [WAITS, TAKEN] if now >= container.UNATTENDED else [WAITS], True, LATE + container.SLICE),
        # Of one that was made for its job nobody can tell.
        (lambda _now: [], False, LATE + container.SLICE),
    ],
    ids=["a shell waits", "an interpreter waits", "its job comes", "it comes at the last moment", "it did not wait"],
)
def test_a_container_that_nobody_hands_a_job_is_given_up_soon(
    log: Callable[[float], Sequence[bytes]], claimed: bool, closed_by: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine("running", log, delivers=True)
    assert found(engine, monkeypatch, claimed=claimed) is None
    assert engine.removed
    assert engine.closed_at == closed_by


def test_a_job_that_was_whole_as_its_container_was_given_up_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine("running", lambda now: [WAITS, TAKEN, STARTED] if now > SOON else [WAITS])
    assert found(engine, monkeypatch, claimed=True) == Sandbox("c", "a", "7:7")
    assert (engine.closed_at, engine.removed) == (SOON, False)
