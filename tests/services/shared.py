"""Services that all processes of a test session share: the first that asks has one started; it ends with the session.

Where pytest deals tests between processes, the one that deals them starts the services, and the others ask it. One
Prefect server, Postgres and object store for each of them would take most of a minute of computing from the tests.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.services import postgres, swift
from tests.services.prefect import PrefectServer, prefect_server

Ask = Callable[[str], Any]
"""Gives a service by its name. `Missing` says why this machine has none."""


class Missing(Exception):
    """This machine can't run the service."""


class Services:
    """The services that run, each started once."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="skillbox-services-")))
        self._running: dict[str, Any] = {}
        self._alone: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._starts: dict[str, Callable[[Path], AbstractContextManager[Any]]] = {
            "postgres": self._postgres,
            "s3": self._s3,
            "prefect on postgres": self._prefect,
        }

    def ask(self, name: str) -> Any:
        """See `Ask`."""
        with self._alone[name]:
            if name not in self._running:
                folder = self._folder / name.replace(" ", "-")
                folder.mkdir()
                self._running[name] = self._stack.enter_context(self._starts[name](folder))
            return self._running[name]

    def close(self) -> None:
        """Ends all that were started."""
        self._stack.close()

    def _postgres(self, folder: Path) -> AbstractContextManager[str]:
        _check(postgres.missing())
        return postgres.postgres(folder)

    def _s3(self, folder: Path) -> AbstractContextManager[swift.S3Service]:
        _check(swift.missing())
        return swift.swift(folder)

    def _prefect(self, folder: Path) -> AbstractContextManager[PrefectServer]:
        return prefect_server(folder, postgres.fresh_database(self.ask("postgres")))


def _check(missing: str | None) -> None:
    if missing:
        raise Missing(missing)


@contextmanager
def served(services: Services) -> Iterator[str]:
    """Answers other processes; gives the address for `asked_at`."""
    with TemporaryDirectory(prefix="skillbox-services-") as folder:
        listener = Listener(f"{folder}/socket", "AF_UNIX")
        threading.Thread(target=_accept, args=(listener, services), daemon=True).start()
        try:
            yield f"{folder}/socket"
        finally:
            listener.close()


def _accept(listener: Listener, services: Services) -> None:
    with suppress(OSError):  # closed
        while True:
            # One thread for each, since starting one service takes seconds in which another is asked for.
            threading.Thread(target=_answer, args=(listener.accept(), services), daemon=True).start()


def _answer(link: Connection, services: Services) -> None:
    with link, suppress(EOFError):
        try:
            answer = services.ask(link.recv())
        except Exception as error:
            answer = error if isinstance(error, Missing) else RuntimeError(repr(error))
        link.send(answer)


def asked_at(address: str) -> Ask:
    """Asks the process that serves at this address."""

    def ask(name: str) -> Any:
        with Client(address, "AF_UNIX") as link:
            link.send(name)
            answer = link.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask
