"""A cancel and a deadline are kept whatever a frame holds, and however long a listener takes for each line."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.redaction import Redactor
from skillbox_core.models import Ending, Outcome
from skillbox_core.sandbox import follow

STARTED = (2, b"\n\x1eskillbox tok started\n")
ENDED = (2, b"\n\x1eskillbox tok ended code=0\n")
DRAINED = (1, b"\n\x1eskillbox tok drained code=0\n")
OUTPUT = (1, b"\n\x1eskillbox tok output QUIu\n")
SENT = (1, b"\n\x1eskillbox tok drained code=0 output=1\n")
MANY = (1, b"x\n" * 16_384)
"""One frame, as the engine sends what a skill prints without a pause."""
TRACEBACK = (2, b"Traceback (most recent call last):\n" + b"  at\n" * 900)


def frames(*made: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack(">BxxxL", stream, len(data)) + data for stream, data in made)


class World:
    """A clock that goes on only where something takes its time, and what was told by it."""

    def __init__(self, each: float) -> None:
        self.now, self.each = 1000.0, each
        self.told: list[float] = []
        self.kept: list[bytes] = []
        self.cancel = CancelToken()
        self.cancel_after: int | None = None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def listen(self, _stream: str, _line: str) -> None:
        self.now += self.each
        self.told.append(self.now)
        if self.cancel_after is not None and len(self.told) == self.cancel_after:
            self.cancel.cancel()


class Live:
    """A connection with these bytes, which then falls silent."""

    def __init__(self, world: World, *chunks: bytes) -> None:
        self._world, self._chunks = world, list(chunks)

    def read(self, timeout: float) -> bytes | None:
        if self._chunks:
            return self._chunks.pop(0)
        self._world.now += max(timeout, 0.001)
        return None

    def close(self) -> None:
        """Nothing to be closed."""


class Engine:
    """An engine whose log has these frames, of a line each."""

    def __init__(self, *log: tuple[int, bytes]) -> None:
        self.log = log

    def logs(self, _container: str, tail: int) -> Iterator[bytes]:
        yield frames(*self.log[-tail:])

    def inspect(self, _container: str) -> dict[str, Any]:
        return {"State": {"Status": "running"}}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(0.01)
    monkeypatch.setattr(follow, "time", SimpleNamespace(monotonic=world.monotonic, sleep=world.sleep))
    return world


def waited(world: World, source: Live | None, engine: Engine | None = None, timeout: float = 3600.0) -> Outcome:
    connections: Any = SimpleNamespace(
        take=lambda _sandbox: source, keep_output=lambda _sandbox, tar: world.kept.append(tar)
    )
    sandbox: Any = SimpleNamespace(container_id="c", name="skillbox-e-1")
    return follow.wait(
        engine or Engine(),  # type: ignore[arg-type]
        connections,
        sandbox,
        token="tok",
        timeout=timeout,
        max_log=1 << 20,
        redactor=Redactor(),
        on_log=world.listen,
        cancel=world.cancel,
    )


@pytest.mark.parametrize(
    ("chunks", "ending"),
    [
        ((frames(STARTED, MANY),), Ending.CANCELLED),
        ((frames(STARTED, MANY)[:4096], frames(STARTED, MANY)[4096:]), Ending.CANCELLED),
        ((frames(STARTED, ENDED, MANY),), Ending.CANCELLED),
        ((frames(STARTED, MANY, ENDED, DRAINED),), Ending.EXITED),
        ((frames(STARTED, TRACEBACK, (2, b"E\n"), ENDED, DRAINED),), Ending.EXITED),
        ((frames(STARTED, (1, b"x\r" * 16_384), MANY),), Ending.CANCELLED),
    ],
    ids=["a frame", "in two pieces", "after the last word", "all at once", "a traceback", "a progress bar"],
)
def test_a_cancel_is_heard_whatever_a_frame_holds(world: World, chunks: tuple[bytes, ...], ending: Ending) -> None:
    world.cancel_after = 5
    outcome = waited(world, Live(world, *chunks))
    assert len(world.told) < 100
    assert world.now - world.told[4] < 2
    assert outcome.ending is ending


def test_the_deadline_is_kept_whatever_a_frame_holds(world: World) -> None:
    began = world.now
    outcome = waited(world, Live(world, frames(STARTED, MANY)), timeout=3.0)
    assert outcome.ending is Ending.DEADLINE
    assert world.now - began < 3 + follow.DEADLINE_GRACE + 2


def test_what_was_not_told_in_time_is_in_the_log_and_whoever_reads_it_hears_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.cancel_after = 5
    outcome = waited(world, Live(world, frames(STARTED, MANY)))
    assert outcome.logs == "x\n" * 16_384
    assert "are not shown" in caplog.text


def test_how_a_skill_ended_does_not_depend_on_whoever_is_told_of_its_lines(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The skill is done within its time; only its lines take longer than that to be shown.
    whole = (STARTED, MANY, ENDED, DRAINED)
    monkeypatch.setattr(follow, "_Replay", lambda _engine, _container: Live(world, frames(*whole)))
    outcome = waited(world, Live(world, frames(STARTED, MANY), frames(MANY, ENDED, DRAINED)), Engine(*whole), 30.0)
    assert outcome.ending is Ending.EXITED


@pytest.mark.parametrize(
    "log",
    [
        [STARTED, ENDED, *[(1, b"x\n")] * 8192, DRAINED],
        [STARTED, DRAINED, *[(2, b"x\n")] * 8192, ENDED],
        # The engine keeps the last megabyte, which empty lines behind the last word of stderr can fill.
        [*[(1, b"x\n")] * 8192, DRAINED],
        [STARTED, ENDED, *[(1, b"\x1eskillbox tok output QUJD\n")] * 240],
    ],
    ids=["stdout is behind", "stderr is behind", "stderr's is lost", "its output is being sent"],
)
def test_the_end_is_found_whichever_stream_the_log_ends_with(
    world: World, monkeypatch: pytest.MonkeyPatch, log: list[tuple[int, bytes]]
) -> None:
    monkeypatch.setattr(follow, "_Replay", lambda _engine, _container: Live(world, frames(*log)))
    outcome = waited(world, Live(world, frames(STARTED, MANY)), Engine(*log), 30.0)
    assert (outcome.ending, outcome.usage.exit_code) == (Ending.EXITED, 0)


def test_a_listener_in_time_is_told_of_all(world: World) -> None:
    world.each = 0.0001
    outcome = waited(world, Live(world, frames(STARTED, MANY, MANY, ENDED), frames(MANY, DRAINED)))
    assert (outcome.ending, len(world.told)) == (Ending.EXITED, 3 * 16_384)


@pytest.mark.parametrize("log", [None, [STARTED, ENDED, OUTPUT, SENT]], ids=["its connection", "the engine's log"])
def test_an_output_is_kept_where_the_connection_was_followed_from_its_start(
    world: World, monkeypatch: pytest.MonkeyPatch, log: list[tuple[int, bytes]] | None
) -> None:
    monkeypatch.setattr(follow, "_Replay", lambda _engine, _container: Live(world, frames(*(log or []))))
    outcome = waited(world, Live(world, frames(STARTED, ENDED, OUTPUT, SENT)) if log is None else None)
    assert outcome.ending is Ending.EXITED
    assert world.kept == ([b"AB"] if log is None else [])
