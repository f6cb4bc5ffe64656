"""What every fault proxy has: faults and their rules, sockets with a buffer, and the passing on of bytes."""

from __future__ import annotations

import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What happens to a request. The service sees it where the name does not say otherwise."""

    DROP = "drop before"
    """The connection breaks before the service has seen the request."""
    LOST_REPLY = "lost reply"
    """The service does what it was asked to; its answer never arrives, the connection breaks."""
    HALF_ANSWER = "half answer"
    """The answer breaks off: after `after` bytes of its body, else in the middle of its first piece."""
    STALL = "stall"
    """Nothing comes back, for ever. The service sees nothing; with `after` it does, and the answer stops there."""
    DELAY = "delay"
    """The request waits `seconds` before it is passed on."""
    DUPLICATE = "duplicate"
    """The service sees the request twice, on two connections; the second answer is passed on."""
    ERROR = "500"
    """HTTP only. `status` is answered; the service sees nothing."""
    GARBAGE = "garbage"
    """The answer is not of the protocol; the service sees nothing."""


@dataclass
class Rule:
    """Which requests a fault meets; see the module's text."""

    fault: Fault
    pattern: str
    nth: int = 1
    times: int = 1
    seconds: float = 1.0
    after: int | None = None
    status: int = 500
    seen: int = 0

    def meets(self, text: str) -> bool:
        """Counts a request that matches, and says whether the fault meets it."""
        if not re.search(self.pattern, text):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Wire:
    """A socket with a buffer in front, so that heads and lines can be read without reading too far."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.sent = 0

    def some(self, most: int = 65536) -> bytes:
        """What is there, at least one byte; empty at the end of the stream."""
        if not self.buffer:
            with suppress(OSError):
                self.buffer += self.sock.recv(65536)
        data = bytes(self.buffer[:most])
        del self.buffer[:most]
        return data

    def until(self, mark: bytes) -> bytes:
        """Everything up to and including `mark`; empty when the stream ends before it."""
        while mark not in self.buffer:
            data = b""
            with suppress(OSError):
                data = self.sock.recv(65536)
            if not data:
                return b""
            self.buffer += data
        return self.some(self.buffer.index(mark) + len(mark))

    def exactly(self, size: int) -> bytes:
        """Just so many bytes; fewer only when the stream ends."""
        data = bytearray()
        while len(data) < size and (piece := self.some(size - len(data))):
            data += piece
        return bytes(data)

    def send(self, data: bytes) -> bool:
        """Whether the other side still took it."""
        try:
            self.sock.sendall(data)
        except OSError:
            return False
        self.sent += len(data)
        return True

    def close(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        address: Where it listens, in the form of the address it stands in front of.
        requests: Everything that came, and the fault it met.
    """

    upstream: str
    address: str
    listener: socket.socket
    requests: list[tuple[str, Fault | None]] = field(default_factory=list)
    _rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)
    _wires: set[Wire] = field(default_factory=set)
    _clients: list[Wire] = field(default_factory=list)

    def inject(self, fault: Fault, pattern: str, **more: float) -> Rule:
        """Adds a rule; `more` are `Rule`'s other fields. Rules added earlier go first."""
        rule = Rule(fault, pattern, **more)  # type: ignore[arg-type]
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forgets all rules and all requests; connections that stall are left as they are."""
        with self._lock:
            self._rules.clear()
            self.requests.clear()

    def cut(self) -> None:
        """Breaks every connection there is, as a service does that is killed."""
        with self._lock:
            wires = list(self._wires)
        for wire in wires:
            wire.close()

    @property
    def answered(self) -> int:
        """Bytes that clients were sent until now."""
        return sum(client.sent for client in self._clients)

    @property
    def injected(self) -> int:
        """How many requests met a fault."""
        return sum(fault is not None for _, fault in self.requests)

    def serve(self) -> None:
        """Takes connections until the listener is closed; each has a thread of its own."""
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            client = self._opened(sock)
            self._clients.append(client)
            threading.Thread(target=self._guarded, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def _guarded(self, client: Wire) -> None:
        try:
            self._connection(client)
        except OSError:
            pass
        finally:
            self._closed(client)

    def _connection(self, client: Wire) -> None:
        raise NotImplementedError

    def _opened(self, sock: socket.socket) -> Wire:
        wire = Wire(sock)
        with self._lock:
            self._wires.add(wire)
        return wire

    def _closed(self, wire: Wire) -> None:
        wire.close()
        with self._lock:
            self._wires.discard(wire)

    def _connect(self) -> Wire:
        if self.upstream.startswith("unix://"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.upstream.removeprefix("unix://"))
        else:
            host, _, port = self.upstream.rpartition(":")
            sock = socket.create_connection((host, int(port)))
        return self._opened(sock)

    def _rule_for(self, text: str) -> Rule | None:
        with self._lock:
            rule = next((rule for rule in self._rules if rule.meets(text)), None)
            self.requests.append((text, rule.fault if rule else None))
        return rule

    def _stall(self, client: Wire) -> None:
        """Keeps a connection open and silent until its client gives up."""
        while not self._closing.wait(0.05):
            readable, _, _ = select.select([client.sock], [], [], 0)
            if readable and not client.sock.recv(65536):
                return

    def _tunnel(self, client: Wire, server: Wire, rule: Rule | None) -> None:
        """Passes bytes in both directions until both are at their end, or the rule says stop."""
        back = threading.Thread(target=_pump, args=(client, server), daemon=True)
        back.start()
        self._answer(client, iter(server.some, b""), rule)
        with suppress(OSError):
            client.sock.shutdown(socket.SHUT_WR)

    def _answer(self, client: Wire, pieces: Iterator[bytes], rule: Rule | None) -> bool:
        """Passes on an answer's body, as far as the rule lets it; False when it broke off."""
        room = rule.after if rule and rule.fault in (Fault.HALF_ANSWER, Fault.STALL) else None
        cut = room is not None or (rule is not None and rule.fault is Fault.HALF_ANSWER)
        for piece in pieces:
            if not cut:
                if not client.send(piece):
                    return False
                continue
            room = len(piece) // 2 if room is None else room
            client.send(piece[:room])
            room -= len(piece[:room])
            if room <= 0:
                break
        if cut and rule and rule.fault is Fault.STALL:
            self._stall(client)
        return not cut


def _pump(source: Wire, target: Wire) -> None:
    while data := source.some():
        if not target.send(data):
            return
    with suppress(OSError):
        target.sock.shutdown(socket.SHUT_WR)
