"""Connections to Postgres on which nothing waits for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

CONNECT_SECONDS = 10
ANSWER_SECONDS = 30.0
"""How long the server has for each answer. It is told, too: it should not go on with what nobody waits for."""


def connect_bounded(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
    """SQLAlchemy's `do_connect` event for psycopg: a connection on which no wait exceeds `ANSWER_SECONDS`.

    The server's own limits don't help when it is the server that is silent, and psycopg waits for ever.
    """
    import psycopg

    class Bounded(psycopg.Connection[Any]):
        def wait(self, generator: Any, *more: Any, **options: Any) -> Any:  # type: ignore[override]
            def late() -> None:
                self.pgconn.finish()
                raise psycopg.OperationalError(f"the server did not answer within {ANSWER_SECONDS:g} s")

            return super().wait(_until(generator, time.monotonic() + ANSWER_SECONDS, late), *more, **options)

    return Bounded.connect(*arguments, **{**_limits(), **options})


def _limits() -> dict[str, object]:
    milliseconds = int(ANSWER_SECONDS * 1000)
    return {
        "connect_timeout": CONNECT_SECONDS,
        "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds // 2} "
        f"-c idle_in_transaction_session_timeout={2 * milliseconds}",
        # A server that is cut off is noticed by the kernel too, also on a pool's idle connections.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": milliseconds,
    }


def _until(waiting: Generator[Any, Any, Any], deadline: float, late: Callable[[], None]) -> Generator[Any, Any, Any]:
    """The same generator, which calls `late` when it is still waiting at the deadline.

    psycopg sends it what is ready on the connection; something false when it only looks up, ten times a second.
    """
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                late()
            wanted = waiting.send(ready)
    except StopIteration as end:
        return end.value
