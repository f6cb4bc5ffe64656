"""A small web server on loopback whose answers a test decides."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """What one path answers.

    Attributes:
        body: Sent piece by piece.
        says_length: Whether it tells how long it is; else the end of the connection is the end.
    """

    body: Iterable[bytes] = ()
    status: int = 200
    says_length: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def web(pages: Mapping[str, Page]) -> Iterator[str]:
    """Serves `pages` by path and gives the address; `pages` may change meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, page: Page) -> None:
            self.send_response(page.status)
            if page.says_length:
                self.send_header("Content-Length", str(sum(map(len, page.body))))
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def do_HEAD(self) -> None:
            self._answer(pages.get(self.path.partition("?")[0], Page(status=404)))

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0], Page(status=404))
            self._answer(page)
            try:
                for chunk in page.body:
                    self.wfile.write(chunk)
            except OSError:
                return

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
