"""A registry of Node packages on this machine, for npm: what it says of each package, and their tarballs."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class NodeRegistry:
    """Packages by name; what is asked for is in `asked`."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[str] = []
        self.tarballs: dict[str, bytes] = {}
        self._packages: dict[str, dict[str, Any]] = {}

    def add(
        self,
        name: str,
        version: str = "1.0.0",
        files: Mapping[str, str] | None = None,
        *,
        links: Mapping[str, str] | None = None,
        hashed: bool = True,
        **more: Any,
    ) -> None:
        """Publishes a version.

        Args:
            links: Symbolic links inside it.
            hashed: Whether the registry says a hash of it.
            more: What its `package.json` has beside name and version.
        """
        manifest = {"name": name, "version": version, **more}
        data = _tarball({"index.js": f"module.exports = {version!r};\n", **(files or {})}, manifest, links or {})
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        self.tarballs[path] = data
        dist: dict[str, Any] = {"tarball": f"{self.address}{path}"}
        if hashed:
            dist["integrity"] = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
        known = self._packages.setdefault(name, {"name": name, "versions": {}, "dist-tags": {}})
        known["versions"][version] = {**manifest, "dist": dist}
        known["dist-tags"]["latest"] = version

    def answer(self, path: str) -> bytes | None:
        """What a path of the registry has."""
        self.asked.append(path)
        if path in self.tarballs:
            return self.tarballs[path]
        found = self._packages.get(unquote(path[1:]))
        return json.dumps(found).encode() if found else None


def _tarball(files: Mapping[str, str], manifest: Mapping[str, Any], links: Mapping[str, str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, text in {"package.json": json.dumps(manifest), **files}.items():
            info = tarfile.TarInfo(f"package/{path}")
            info.size, info.mode = len(text.encode()), 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(info, io.BytesIO(text.encode()))
        for path, target in links.items():
            info = tarfile.TarInfo(f"package/{path}")
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return data.getvalue()


@contextmanager
def node_registry() -> Iterator[NodeRegistry]:
    """A registry that answers on loopback until it is left."""
    registry = NodeRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = registry.answer(self.path)
            self.send_response(200 if data is not None else 404)
            body = data if data is not None else b'{"error": "Not found"}'
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
