"""A fault proxy for HTTP/1.1: requests and answers are taken apart just enough to find their ends."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from tests.services.faults.proxy import Fault, Proxy, Rule, Wire


class HttpProxy(Proxy):
    """In front of anything that speaks HTTP/1.1."""

    def _connection(self, client: Wire) -> None:
        server: Wire | None = None
        twin: Wire | None = None
        try:
            while head := client.until(b"\r\n\r\n"):
                method, path, headers = _parse_request(head)
                rule = self._rule_for(f"{method} {path}")
                fault = rule.fault if rule else None
                if rule and fault is Fault.DELAY:
                    time.sleep(rule.seconds)
                if fault is Fault.DROP:
                    return
                if rule and fault is Fault.STALL and rule.after is None:
                    self._stall(client)
                    return
                if "100-continue" in headers.get("expect", ""):
                    client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                    head = re.sub(rb"(?i)\r\nexpect:[^\r]*", b"", head)
                body = _body(client, headers, until_close=False)
                if rule and fault in (Fault.ERROR, Fault.GARBAGE):
                    for _ in body:
                        pass
                    client.send(_made_up(rule))
                    return
                request = [head, *body] if fault is Fault.DUPLICATE else None
                if request:
                    twin = self._connect()
                    twin.send(b"".join(request))
                    _read_answer(twin, method)
                server = server or self._connect()
                for piece in request or _chain(head, body):
                    server.send(piece)
                if not self._reply(client, server, method, rule):
                    return
        finally:
            for wire in (server, twin):
                if wire:
                    self._closed(wire)

    def _reply(self, client: Wire, server: Wire, method: str, rule: Rule | None) -> bool:
        """Passes the answer on; whether the connection can be used again."""
        head = server.until(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head = server.until(b"\r\n\r\n")
        if not head:
            return False
        status, headers = _parse_answer(head)
        if rule and rule.fault is Fault.LOST_REPLY:
            if status != 101:
                for _ in _answer_body(server, method, status, headers, limit=65536):
                    pass
            return False
        client.send(head)
        if status == 101:
            self._tunnel(client, server, rule)
            return False
        body = _answer_body(server, method, status, headers)
        return self._answer(client, body, rule) and not _ends_with_connection(method, status, headers)


def _chain(head: bytes, body: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from body


def _made_up(rule: Rule) -> bytes:
    if rule.fault is Fault.GARBAGE:
        return b"\x00\x01this is not HTTP\r\n\r\n"
    body = b'{"message":"made up by the fault proxy"}'
    head = f"HTTP/1.1 {rule.status} Fault\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def _parse_headers(lines: list[bytes]) -> dict[str, str]:
    pairs = (line.decode("latin-1").partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _parse_request(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    method, path, _ = first.decode("latin-1").split(" ", 2)
    return method, path, _parse_headers(lines)


def _parse_answer(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    return int(first.split(b" ", 2)[1]), _parse_headers(lines)


def _no_body(method: str, status: int) -> bool:
    return method == "HEAD" or status in (204, 304)


def _ends_with_connection(method: str, status: int, headers: dict[str, str]) -> bool:
    framed = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "")
    return headers.get("connection", "").lower() == "close" or not (framed or _no_body(method, status))


def _answer_body(
    server: Wire, method: str, status: int, headers: dict[str, str], limit: int | None = None
) -> Iterator[bytes]:
    if _no_body(method, status):
        return
    size = 0
    for piece in _body(server, headers, until_close=True):
        yield piece
        size += len(piece)
        if limit is not None and size > limit:
            return


def _body(wire: Wire, headers: dict[str, str], *, until_close: bool) -> Iterator[bytes]:
    """A body's bytes as they are on the wire, a chunked one's framing included."""
    if "chunked" in headers.get("transfer-encoding", ""):
        while line := wire.until(b"\r\n"):
            size = int(line.split(b";")[0], 16)
            yield line
            left = size + 2
            while left and (piece := wire.some(left)):
                left -= len(piece)
                yield piece
            if size == 0:
                return
    elif "content-length" in headers:
        left = int(headers["content-length"])
        while left and (piece := wire.some(left)):
            left -= len(piece)
            yield piece
    elif until_close:
        yield from iter(wire.some, b"")


def _read_answer(server: Wire, method: str) -> None:
    head = server.until(b"\r\n\r\n")
    status, headers = _parse_answer(head) if head else (0, {})
    if status and status != 101:
        for _ in _answer_body(server, method, status, headers):
            pass
