"""Whatever bytes come, the broker answers with a sentence, names the peer in its log, and breaks nowhere."""

from __future__ import annotations

import logging
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skillbox_core.broker.proxy import Broker
from skillbox_core.settings import Settings


@pytest.fixture(scope="module")
def listening() -> Iterator[str]:
    """The socket of a broker whose engine is not there: what it would pass on is told by 502."""
    with tempfile.TemporaryDirectory(prefix="sbb-") as folder:
        settings = Settings(home=Path(folder), instance="test")
        with Broker(Path(folder, "s"), f"unix://{folder}/nothing", settings) as broker:
            threading.Thread(target=broker.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            yield f"{folder}/s"
            broker.shutdown()


def ask(address: str, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(address)
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        # A socket that is closed with something unread ends in an error, behind all that was answered.
        with suppress(ConnectionResetError):
            while part := client.recv(65536):
                answer += part
        return answer


@pytest.mark.parametrize(
    "target",
    [
        "/v%EF%BC%91.41/info",
        "/v1.%D9%A4%D9%A1/info",
        "/v%E0%A5%A7.41/containers/json",
        "/v1.41/info%F0%9F%92%A9",
        "/v1.41/containers/%C3%A9/json",
        "/v1.41/containers/json?filters=%ED%A0%80",
        "/v1.41/_ping?x=%FF",
        "/v1.41/info?a=%00",
        "http://[/info",
        "/%",
        "*",
    ],
)
def test_an_address_that_nobody_means_is_refused_and_its_sender_named(
    listening: str, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "skillbox.broker")
    answer = ask(listening, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403 "), answer
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("refused to process ")


@given(st.binary(max_size=200).map(lambda line: line.replace(b"\n", b"")))
@example(b"GET /v1.41/info")
@example(b"\x16\x03\x01")
@example(b"\x1c")
@example(b" \xa0")
@example(b"GET / HTTP/9.9")
@example(b"GET \xff\xfe HTTP/1.1")
def test_any_first_line_has_an_answer(listening: str, line: bytes) -> None:
    answer = ask(listening, line + b"\r\n\r\n")
    assert answer == b"" if not line.strip(b"\r") else answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 502 ")), answer


@given(st.binary(max_size=300))
@example(b"[" * 100_000)
@example(b'{"Image": "\xff"}')
@example(b'{"a": 1e999}')
def test_any_body_has_an_answer(listening: str, body: bytes) -> None:
    head = f"POST /v1.41/containers/create?name=x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    assert ask(listening, head.encode() + body).startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 502 "))


def test_a_client_that_hangs_up_is_one_line(listening: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "skillbox.broker")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(listening)
        client.sendall(b"GET /v1.41/info HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
    ask(listening, b"GET / HTTP/1.1\r\n\r\n")
    assert all(record.exc_info is None for record in caplog.records)
