"""A fault proxy for Postgres: the client's messages are told apart, the server's bytes pass as they are."""

from __future__ import annotations

import struct
import threading
import time

from tests.services.faults.proxy import Fault, Proxy, Wire

_NOT_YET_STARTED = (80877103, 80877104)
"""Requests for TLS and for GSSAPI encryption, after which a client introduces itself once more."""


class PostgresProxy(Proxy):
    """In front of Postgres, without TLS (frontend/backend protocol 3)."""

    def _connection(self, client: Wire) -> None:
        server = self._connect()
        passing = threading.Event()
        passing.set()
        threading.Thread(target=self._pass_back, args=(client, server, passing), daemon=True).start()
        try:
            started = False
            while message := _message(client, started):
                if not started:
                    (code,) = struct.unpack(">I", message[4:8])
                    started = code not in _NOT_YET_STARTED
                rule = self._rule_for(message.decode("latin-1")) if started else None
                fault = rule.fault if rule else None
                if rule and fault is Fault.DELAY:
                    time.sleep(rule.seconds)
                if fault is Fault.DROP:
                    return
                if fault is Fault.GARBAGE:
                    client.send(b"this is not Postgres")
                    return
                if fault in (Fault.STALL, Fault.LOST_REPLY, Fault.HALF_ANSWER):
                    passing.clear()
                if fault is Fault.STALL:
                    self._stall(client)
                    return
                server.send(message)
                if fault in (Fault.LOST_REPLY, Fault.HALF_ANSWER):
                    # The thread that passes back has taken the answer, and breaks the connection.
                    self._closing.wait(0.3)
                    return
        finally:
            self._closed(server)

    def _pass_back(self, client: Wire, server: Wire, passing: threading.Event) -> None:
        while data := server.some():
            if not passing.is_set():
                return
            if not client.send(data):
                return
        client.close()


def _message(client: Wire, started: bool) -> bytes:
    head = client.exactly(5 if started else 4)
    if len(head) < 4:
        return b""
    (size,) = struct.unpack(">I", head[-4:])
    return head + client.exactly(size - 4)
