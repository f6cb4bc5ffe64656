"""Bytes into and out of a sandbox, as tar streams that never lie whole in memory.

In: the skill, its input and a generated start script, with a size that is known beforehand.
Out: a tar that a stranger may have had a hand in. It is read here, entry by entry, under limits, and written
anew: what is stored are plain files with checked names, whatever came.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shlex
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from skillbox_core.errors import EngineError, OutputError
from skillbox_core.models import Output, OutputFile
from skillbox_core.sandbox.limits import format_bytes
from skillbox_core.skills.archive import SkillArchive, path_problem

BLOCK = 512
COMMANDS = {"python": "python3", "node": "node", "bash": "bash"}
SCRIPTS = "scripts"
START = ".run"
MAX_FILES = 10_000
MAX_HEADER = 64 * 1024
_SKIPPED_SHOWN = 100
_CHUNK = 64 * 1024


@dataclass
class TarPlan:
    """A tar whose size is known before its first byte is made."""

    _parts: list[tuple[bytes, int, Callable[[], Iterable[bytes]]]] = field(default_factory=list)

    def add(self, path: str, size: int, mode: int, read: Callable[[], Iterable[bytes]]) -> None:
        """Adds a file of `size` bytes whose contents `read` gives when the tar is made."""
        info = tarfile.TarInfo(path)
        info.size, info.mode = size, mode
        self._parts.append((info.tobuf(tarfile.GNU_FORMAT), size, read))

    def add_bytes(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Adds a small file."""
        self.add(path, len(data), mode, lambda: (data,))

    @property
    def size(self) -> int:
        """Bytes of the whole tar."""
        return sum(len(header) + size + -size % BLOCK for header, size, _ in self._parts) + 2 * BLOCK

    def __iter__(self) -> Iterator[bytes]:
        for header, size, read in self._parts:
            yield header
            yield from read()
            yield b"\0" * (-size % BLOCK)
        yield b"\0" * 2 * BLOCK


def start_script(lang: str, entrypoint: str, env: Mapping[str, str]) -> bytes:
    """The script that becomes the skill: it sets the environment and replaces itself by the entrypoint.

    It removes its own file first, so that no secret stays on a file system.
    """
    lines = [f"rm -f /sandbox/{START}", "cd /sandbox"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines.append(f"exec {COMMANDS[lang]} {shlex.quote(f'/sandbox/{SCRIPTS}/{entrypoint}')}")
    return ("\n".join(lines) + "\n").encode("utf-8", errors="surrogatepass")


def plan_delivery(archive: SkillArchive, input_json: bytes, start: bytes) -> TarPlan:
    """Everything a sandbox gets, in one tar."""
    plan = TarPlan()
    plan.add_bytes(START, start, 0o600)
    plan.add_bytes("input.json", input_json)
    for file in archive.files:
        plan.add(f"{SCRIPTS}/{file.path}", file.size, file.mode, partial(archive.read, file))
    return plan


@dataclass(frozen=True)
class TarEntry:
    """A header of a tar stream."""

    path: bytes
    size: int
    kind: bytes
    link: bytes


class TarReader:
    """Reads a tar stream entry by entry (POSIX ustar, GNU long names, pax paths), under a cap.

    Args:
        chunks: The stream.
        limit: Bytes after which it is refused; a sparse file that claims a terabyte ends here.
    """

    def __init__(self, chunks: Iterable[bytes], limit: int) -> None:
        self._chunks = iter(chunks)
        self._buffer = bytearray()
        self._left = limit

    def __iter__(self) -> Iterator[TarEntry]:
        long_path = long_link = b""
        while True:
            header = self._take(BLOCK)
            if not header.strip(b"\0"):
                return
            entry = self._parse(header)
            if entry.kind in (b"L", b"K", b"x", b"g"):
                if entry.size > MAX_HEADER:
                    raise OutputError("a name among the output files is too long to be read")
                data = self._take(entry.size + -entry.size % BLOCK)[: entry.size]
                if entry.kind == b"L":
                    long_path = data.rstrip(b"\0")
                elif entry.kind == b"K":
                    long_link = data.rstrip(b"\0")
                elif entry.kind == b"x":
                    long_path = _pax_path(data) or long_path
                continue
            yield TarEntry(long_path or entry.path, entry.size, entry.kind, long_link or entry.link)
            long_path = long_link = b""
            self._skip()

    def body(self) -> Iterator[bytes]:
        """The contents of the entry that was yielded last."""
        while self._body:
            chunk = self._some(min(self._body, _CHUNK))
            self._body -= len(chunk)
            yield chunk
        if self._padding:
            self._take(self._padding)
            self._padding = 0

    _body = _padding = 0

    def _skip(self) -> None:
        for _ in self.body():
            pass

    def _parse(self, header: bytes) -> TarEntry:
        stored = _number(header[148:156])
        if stored != sum(header[:148]) + 8 * 32 + sum(header[156:]):
            raise OutputError("the sandbox's output is not a tar stream")
        name, prefix = header[:100].rstrip(b"\0"), b""
        if header[257:263] == b"ustar\0":
            prefix = header[345:500].rstrip(b"\0")
        kind = header[156:157]
        size = _number(header[124:136])
        if size < 0 or size > 2**60:
            raise OutputError("the sandbox's output has an impossible size")
        carries = kind in (b"0", b"\0", b"7", b"S")
        self._body = size if carries else 0
        self._padding = -size % BLOCK if carries else 0
        return TarEntry(prefix + b"/" + name if prefix else name, size, kind, header[157:257].rstrip(b"\0"))

    def _take(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += self._some(size - len(data))
        return bytes(data)

    def _some(self, most: int) -> bytes:
        while not self._buffer:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise EngineError("the sandbox's output was cut off")
            self._left -= len(chunk)
            if self._left < 0:
                raise OutputError("the output is larger than the sandbox's scratch area, as only a sparse file can be")
            self._buffer += chunk
        data = bytes(self._buffer[:most])
        del self._buffer[:most]
        return data


def _number(field_: bytes) -> int:
    if field_[:1] in (b"\x80", b"\xff"):
        return int.from_bytes(field_[1:], "big") if field_[:1] == b"\x80" else -1
    digits = field_.strip(b" \0")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise OutputError("the sandbox's output is not a tar stream") from None


def _pax_path(data: bytes) -> bytes:
    """The `path` record of a pax header, empty when there is none or the header is malformed."""
    path, at = b"", 0
    while at < len(data):
        space = data.find(b" ", at, at + 12)
        length = data[at:space] if space > at else b""
        if not length.isdigit() or not 0 < int(length) <= len(data) - at:
            break
        key, _, value = data[space + 1 : at + int(length)].rstrip(b"\n").partition(b"=")
        if key == b"path":
            path = value
        at += int(length)
    return path


def parse_output_document(data: bytes) -> str:
    """Text of a valid output.json.

    Raises:
        OutputError: Not UTF-8, or not JSON as RFC 8259 has it: NaN, Infinity and duplicate keys are refused.
    """

    def constant(name: str) -> Any:
        raise OutputError(f"output.json contains {name}, which is not JSON")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise OutputError("output.json has an object with a duplicate key")
        return found

    if not data.strip():
        raise OutputError("output.json is empty")
    try:
        text = data.decode("utf-8-sig")
        json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
    except UnicodeDecodeError as error:
        raise OutputError(f"output.json is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise OutputError("output.json is nested too deeply") from None
    except ValueError as error:
        raise OutputError(f"output.json is not JSON: {error}") from None
    return text


_PLAIN = (b"0", b"\0", b"7")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a named pipe",
}


def read_output(chunks: Iterable[bytes], spool: Path, *, limit: int, max_document: int) -> Output:
    """Reads the tar of `/sandbox/out` into a checked document and a tar.gz of plain files.

    Args:
        chunks: The tar stream; its first path part is `out`.
        spool: Where the tar.gz is written; it is removed again when there are no files.
        limit: Bytes of the stream.
        max_document: Bytes of output.json.

    Returns:
        What was found; faults of output.json are in `problem`, left-out entries in `skipped`.

    Raises:
        OutputError: The stream is over a limit or no tar.
        EngineError: It was cut off.
    """
    found = _Collector(TarReader(chunks, limit), max_document)
    try:
        with (
            spool.open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=3, fileobj=raw, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            found.collect(tar)
    except BaseException:
        spool.unlink(missing_ok=True)
        raise
    if not found.files:
        spool.unlink()
    files = tuple(sorted(found.files.values(), key=lambda file: file.path))
    return Output(found.document, found.problem, spool if files else None, files, tuple(found.skipped))


class _Collector:
    """Sorts the entries of an output tar: the document, files to keep, and the rest with the reason."""

    def __init__(self, reader: TarReader, max_document: int) -> None:
        self._reader = reader
        self._max_document = max_document
        self._folders: set[str] = set()
        self.document: str | None = None
        self.problem: str | None = "output.json is missing: the skill must write its result to /sandbox/out/output.json"
        self.files: dict[str, OutputFile] = {}
        self.skipped: list[tuple[str, str]] = []

    def collect(self, tar: tarfile.TarFile) -> None:
        """Reads the whole stream; files to keep go into `tar`."""
        for entry in self._reader:
            path = entry.path.decode("utf-8", errors="surrogateescape").removeprefix("out").strip("/")
            if path == "output.json":
                self.document, self.problem = _take_document(self._reader, entry, self._max_document)
            elif path.startswith("files/"):
                self._file(entry, path.removeprefix("files/"), tar)
            elif path == "files" and entry.kind != b"5":
                self._skip(path, _KINDS.get(entry.kind, "not a folder"))
            elif path not in ("", "files"):
                self._skip(path, "only files/ and output.json are collected")
        used = {"/".join(path.split("/")[:n]) for path in self.files for n in range(1, path.count("/") + 1)}
        for folder in sorted(self._folders - used):
            self._skip(folder, "an empty folder")

    def _file(self, entry: TarEntry, name: str, tar: tarfile.TarFile) -> None:
        if fault := path_problem(name):
            self._skip(name, fault)
        elif entry.kind == b"5":
            self._folders.add(name)
        elif entry.kind not in _PLAIN:
            self._skip(name, _KINDS.get(entry.kind, "not a plain file"))
        elif name in self.files:
            self._skip(name, "a second file of this name")
        elif len(self.files) >= MAX_FILES:
            raise OutputError(f"the skill left more than {MAX_FILES} files")
        else:
            self.files[name] = _copy(self._reader, entry, name, tar)

    def _skip(self, path: str, why: str) -> None:
        if len(self.skipped) < _SKIPPED_SHOWN:
            self.skipped.append((ascii(path)[1:-1], why))


def _take_document(reader: TarReader, entry: TarEntry, max_document: int) -> tuple[str | None, str | None]:
    if entry.kind not in _PLAIN:
        kind = "a folder" if entry.kind == b"5" else _KINDS.get(entry.kind, "not a plain file")
        return None, f"output.json is {kind}"
    if entry.size > max_document:
        return None, (
            f"output.json has {entry.size} bytes, the limit is {format_bytes(max_document)} "
            "(SKILLBOX_MAX_OUTPUT_SIZE); write large results to files"
        )
    try:
        return parse_output_document(b"".join(reader.body())), None
    except OutputError as error:
        return None, error.message


class _Hashing:
    """A file-like view of an entry's contents that hashes what passes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                if not self._rest:
                    break
            part, self._rest = self._rest[:size], self._rest[size:]
            self.sha256.update(part)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _copy(reader: TarReader, entry: TarEntry, name: str, tar: tarfile.TarFile) -> OutputFile:
    info = tarfile.TarInfo(name)
    info.size, info.mode = entry.size, 0o644
    body = _Hashing(reader.body())
    tar.addfile(info, body)  # type: ignore[arg-type]
    return OutputFile(name, entry.size, body.sha256.hexdigest())
