"""The broker's server: one request for each connection, read, decided on, and written anew for the engine."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import select
import socket
import struct
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from skillbox_core.base.engine_http import connection
from skillbox_core.broker.rules import MAX_BODY, Call, RefusedError, decide, is_ours
from skillbox_core.errors import EngineError, SkillboxError
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.engine_errors import ContainerGoneError, brief
from skillbox_core.sandbox.images import local_image, names_of
from skillbox_core.settings import Settings

logger = logging.getLogger("skillbox.broker")

_CHUNK = 64 * 1024
_LENGTH = re.compile(r"[0-9]{1,9}")

MAX_CONNECTIONS = 256
"""Connections of workers at once, each with one to the engine: a skill has two or three."""
REQUEST_TIMEOUT = 30.0
"""Seconds without a byte after which a request that is not whole is given up."""
ENGINE_TIMEOUT = 40.0
"""Seconds that the engine has for an answer, and for each piece of one that has an end: more than a worker gives it."""


class Broker(ThreadingMixIn, UnixStreamServer):
    """A server on a Unix socket in front of one engine.

    Args:
        listen: Path of the socket; one that is left over there is replaced.
        engine: Address of the engine, `unix://` or `tcp://`.
        settings: The installation whose calls go through: its name, images, limits and runtime.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, listen: Path, engine: str, settings: Settings) -> None:
        self.engine_url = engine
        self.engine = Engine(engine)
        self.settings = settings
        allowed, aliases = settings.image_allowlist, settings.image_aliases
        self.references = list(dict.fromkeys(resolve_image(image, allowed, aliases) for image in allowed))
        self.names = {name for reference in self.references for name in names_of(reference)}
        if listen.is_socket():
            listen.unlink()
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        before = os.umask(0o117)
        try:
            super().__init__(str(listen), _Handler)
        finally:
            os.umask(before)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread of its own, or hangs up when there are too many."""
        if not self._places.acquire(blocking=False):
            logger.warning("hung up: %d connections are open", MAX_CONNECTIONS)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """One line for a client that hangs up; whatever else ends a connection is ours, and shown whole."""
        error = sys.exception()
        if isinstance(error, OSError):
            logger.info("a client hung up: %s", brief(error))
        else:
            logger.error("a connection ended by an error of the broker's own", exc_info=error)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """See `socketserver.ThreadingMixIn`."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class _Handler(BaseHTTPRequestHandler):
    server: Broker
    protocol_version = "HTTP/1.1"
    # What comes behind the head of an upgraded request belongs to the engine, so nothing may be read ahead.
    rbufsize = 0
    timeout = REQUEST_TIMEOUT
    raw_requestline: bytes

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_GET

    def _serve(self) -> None:
        self.close_connection = True
        try:
            call = self._read()
            path = call.path.format(self._owned(call))
        except RefusedError as refusal:
            self._refuse(refusal)
        except ContainerGoneError as error:
            self._say(404, error.message)
        except SkillboxError as error:
            self._say(502, error.message)
        except (ValueError, RecursionError) as error:
            # Nothing was passed on, so whatever it is, it is the caller's.
            self._refuse(f"a request that can't be read: {type(error).__name__}")
        else:
            # A log is followed, and a skill attached to, for as long as it runs.
            self.connection.settimeout(None)
            query = f"?{urlencode(call.query)}" if call.query else ""
            self._pass_on(call, f"{call.version}{quote(path, safe='/:')}{query}")

    def parse_request(self) -> bool:
        """Answers also what the base class takes for a blank line: of Latin-1, more is blank than HTTP's line end."""
        if self.raw_requestline.strip(b"\r\n") and not self.raw_requestline.decode("latin-1").strip():
            self.command = None  # type: ignore[assignment]
            self.send_error(400)
            return False
        return super().parse_request()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the base class can't read, or knows no method for."""
        self.close_connection = True
        said = message or http.client.responses[code]
        self._refuse(f"a request of this form: {said.encode('ascii', 'backslashreplace').decode()}")

    def _refuse(self, what: RefusedError | str) -> None:
        logger.warning("refused to %s: %s", self._peer(), what)
        self._say(403, f"the broker does not pass on {what}")

    def _read(self) -> Call:
        try:
            address = urlsplit(self.path)
            pairs = parse_qsl(address.query, keep_blank_values=True, strict_parsing=bool(address.query))
        except ValueError:
            raise RefusedError("an address of this form") from None
        query = dict(pairs)
        if len(query) != len(pairs) or address.netloc or address.fragment:
            raise RefusedError("an address of this form")
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not _LENGTH.fullmatch(length) or int(length) > MAX_BODY:
            raise RefusedError("a body of unknown or too great length")
        body = bytearray()
        while len(body) < int(length):
            if not (part := self.rfile.read(int(length) - len(body))):
                raise RefusedError("a body that breaks off")
            body += part
        return decide(self.command, address.path, query, bytes(body), self.server.settings, self.server.names)

    def _owned(self, call: Call) -> str:
        """The id to call the engine with; refuses what is not this installation's by the engine's own account."""
        server, container = self.server, call.container
        if call.image:
            images = (local_image(server.engine, reference) for reference in server.references)
            image = next((image for image in images if image and image.id == call.image), None)
            if image is None:
                raise RefusedError(f"the image {call.image}, which is no allowed image's id")
            if image.volumes:
                raise RefusedError(f"the image {call.image}, whose volume is a writable place without a limit")
        if call.exec:
            container = self._container_of(call.exec)
        if not container:
            return ""
        found = server.engine.inspect(container)
        if not is_ours(found["Config"].get("Labels"), server.settings.instance):
            raise RefusedError("a call about another installation's container")
        if call.user and call.user != found["Config"]["User"]:
            raise RefusedError(f"an exec as {call.user} in a sandbox of another user")
        return call.exec or str(found["Id"])

    def _container_of(self, exec_id: str) -> str:
        link = connection(self.server.engine_url, ENGINE_TIMEOUT)
        try:
            link.request("GET", f"/exec/{exec_id}/json")
            answer = link.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"the engine did not say whose exec this is: {brief(error)}") from error
        finally:
            link.close()
        if answer.status != 200:
            raise RefusedError("an exec that the engine does not know")
        return str(json.loads(data)["ContainerID"])

    def _pass_on(self, call: Call, target: str) -> None:
        pulls = call.path == "/images/create"
        # A registry may be silent for long before the first word of a pull.
        link = connection(self.server.engine_url, None if pulls else ENGINE_TIMEOUT)
        body = None if call.body is None else json.dumps(call.body).encode()
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if auth := self.headers.get("X-Registry-Auth") if pulls else None:
            headers["X-Registry-Auth"] = auth
        if call.upgrades:
            headers |= {"Connection": "Upgrade", "Upgrade": "tcp"}
        try:
            try:
                link.request(call.method, target, body=body, headers=headers)
                sock = link.sock
                if call.has_no_end and not call.upgrades:
                    threading.Thread(target=_hang_up_after, args=(self.connection, sock), daemon=True).start()
                answer = link.getresponse()
            except TimeoutError:
                self._say(504, f"the engine did not answer {call.method} {target} within {ENGINE_TIMEOUT:g} s")
                return
            except (OSError, http.client.HTTPException) as error:
                self._say(502, f"the engine gave {call.method} {target} no answer: {brief(error)}")
                return
            if call.has_no_end:
                sock.settimeout(None)
            if answer.status == 101:
                self._relay(answer, sock)
            else:
                self._stream(answer)
        except (OSError, http.client.HTTPException) as error:
            # The head of an answer may be out already; a connection that breaks off says the rest.
            logger.debug("%s %s broke off: %s", call.method, target, error)
        finally:
            # Ends the thread that waits for the client to hang up.
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            link.close()

    def _stream(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status)
        for name in ("Content-Type", "Docker-Experimental", "Api-Version"):
            if value := answer.headers.get(name):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        if answer.status in (204, 304):
            self.end_headers()
            return
        # In chunks whatever the engine did, so that an answer that breaks off does not look whole.
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while part := answer.read1(_CHUNK):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _relay(self, answer: http.client.HTTPResponse, engine: socket.socket) -> None:
        """Raw bytes both ways until the engine's side ends."""
        self.send_response_only(101)
        for name in ("Content-Type", "Connection", "Upgrade"):
            if value := answer.headers.get(name):
                self.send_header(name, value)
        self.end_headers()
        threading.Thread(target=self._hand_in, args=(engine,), daemon=True).start()
        _pump(lambda size: answer.fp.read1(size), self.connection)

    def _hand_in(self, engine: socket.socket) -> None:
        _pump(self.connection.recv, engine)
        # A client that has only said its last word still reads.
        _hang_up_after(self.connection, engine)

    def _say(self, status: int, message: str) -> None:
        body = json.dumps({"message": message}).encode()
        # A request line without a version would get an answer without a head.
        self.request_version = self.protocol_version
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _peer(self) -> str:
        packed = self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", packed)
        return f"process {pid} of user {uid}"

    def log_message(self, format: str, *args: Any) -> None:
        """What the base class would print for each request."""


def _pump(read: Any, target: socket.socket) -> None:
    try:
        while part := read(_CHUNK):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone; the other is closed by whoever opened it.
        pass


def _hang_up_after(client: socket.socket, engine: socket.socket) -> None:
    """Ends the engine's side with the client's, so that a silent stream that nobody reads takes no place."""
    with suppress(OSError, ValueError):
        poll = select.poll()
        # Without an event asked for, it waits for the end of both directions; one alone is a client that still reads.
        poll.register(client, 0)
        poll.poll()
        engine.shutdown(socket.SHUT_RDWR)
