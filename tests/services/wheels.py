"""Wheels made on the spot, for an index that is a folder."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


def wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str | bytes] | None = None,
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
) -> Path:
    """Writes a wheel.

    Args:
        files: By path; `{info}/` and `{data}/` stand for the wheel's own folders.
        links: Symbolic links, as zip files have them.
    """
    info, data = f"{name}-{version}.dist-info", f"{name}-{version}.data"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    contents: dict[str, str | bytes] = {f"{name}.py": f"NAME = {name!r}\n"} if files is None else {}
    contents |= {path.replace("{info}", info).replace("{data}", data): text for path, text in (files or {}).items()}
    contents[f"{info}/METADATA"] = metadata
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for inner, text in contents.items():
            raw = text.encode() if isinstance(text, str) else text
            archive.writestr(inner, raw)
            digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
            record += f"{inner},sha256={digest},{len(raw)}\n"
        for inner, target in (links or {}).items():
            entry = zipfile.ZipInfo(inner)
            entry.create_system = 3
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, target)
            record += f"{inner},,\n"
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return path


def use_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a folder the only place where packages are looked for."""
    folder.mkdir(exist_ok=True)
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def served(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An index on loopback with the packages of a folder, which is then the only one; gives its address."""
    pages: dict[str, str] = defaultdict(str)
    for file in sorted(folder.glob("*.*")):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        name = file.name.split("-")[0].replace("_", "-")
        pages[name] += f'<a href="../../{file.name}#sha256={digest}">{file.name}</a>'
    for name, page in pages.items():
        (folder / "simple" / name).mkdir(parents=True, exist_ok=True)
        (folder / "simple" / name / "index.html").write_text(f"<!DOCTYPE html><html><body>{page}</body></html>")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/simple"
        monkeypatch.setenv("UV_DEFAULT_INDEX", address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        try:
            yield address
        finally:
            monkeypatch.delenv("UV_DEFAULT_INDEX")
            server.shutdown()
