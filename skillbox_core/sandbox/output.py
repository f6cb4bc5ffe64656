"""What comes out of a sandbox: checked, and written anew.

What is stored are plain files with checked names, whatever came.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from skillbox_core.base.file_archive import ArchiveWriter, Span
from skillbox_core.base.json_rules import JsonError, parse_json
from skillbox_core.base.paths import path_problem, seen_path
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import DiskError, OutputError
from skillbox_core.models import Call, FileDigest, Output
from skillbox_core.sandbox.call_result import STDOUT, CallResult, Kept, result_of
from skillbox_core.sandbox.tarstream import TarEntry, TarReader

MAX_FILES = 10_000
MAX_ENTRIES = 20_000
"""More than a scratch area has inodes, so only a sandbox that lies sends more."""
_SKIPPED_SHOWN = 100
_NAME_SHOWN = 300


def parse_output_document(data: bytes) -> str:
    """Text of a valid output.json.

    Raises:
        OutputError: Not UTF-8, or not what `skillbox_core.base.json_rules.parse_json` takes.
    """
    if not data.strip():
        raise OutputError("output.json is empty")
    try:
        text = data.decode("utf-8-sig")
        parse_json(text)
    except UnicodeDecodeError as error:
        raise OutputError(f"output.json is not UTF-8 (byte {error.start})") from None
    except JsonError as error:
        raise OutputError(f"output.json {error}") from None
    return text


_PLAIN = (b"0", b"\0", b"7")
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a named pipe",
}


def read_output(
    chunks: Iterable[bytes],
    spool: Path,
    *,
    limit: int,
    max_document: int,
    redact: Callable[[str], str] = str,
    call: Call | None = None,
) -> Output:
    """Reads the tar of `/sandbox/out` into a checked document and a tar.gz of plain files.

    Args:
        chunks: The tar stream; its first path part is `out`.
        spool: Where the tar.gz will be, whole or not at all; nothing is there when there are no files.
        limit: Bytes of the stream.
        max_document: Bytes of output.json.
        redact: Takes secrets out of the names of what is left out; they are cut behind it.
        call: Which script was called, and where its result is; None for the skill's own entrypoint.

    Returns:
        What was found; faults of output.json are in `problem`, left-out entries in `skipped`.

    Raises:
        OutputError: The stream is over a limit or no tar.
        EngineError: It was cut off.
        DiskError: The spool can't be written.
    """
    found = _Collector(TarReader(chunks, limit), max_document, redact, call)
    # Whoever uploads the spooled file, in this process or another, must never see half of it.
    draft = spool.with_name(f"{spool.name}.{uuid.uuid4().hex}")
    try:
        with draft.open("wb") as file:
            archive = ArchiveWriter(file)
            found.collect(archive)
            archive.close()
        if found.files:
            draft.replace(spool)
    except OSError as error:
        raise DiskError(
            f"the skill's files could not be written to {spool.parent}: {error.strerror or error}",
            hint="SKILLBOX_HOME/spool needs room for the files of every run at once",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    kept = sorted(found.files.values(), key=lambda file: file[0].path)
    files, spans = tuple(file for file, _ in kept), tuple(span for _, span in kept)
    result = found.result()
    return Output(
        result.document,
        result.problem,
        spool if files else None,
        files,
        tuple(found.skipped),
        result.blank,
        archive.sha256.hexdigest() if files else "",
        spans,
    )


class _Collector:
    """Sorts the entries of an output tar: the document, files to keep, and the rest with the reason."""

    def __init__(self, reader: TarReader, max_document: int, redact: Callable[[str], str], call: Call | None) -> None:
        self._reader = reader
        self._redact = redact
        self._max_document = max_document
        self._call = call
        self._stdout: Kept | None = None
        self._named: Kept | None = None
        self._folders: set[str] = set()
        self._parents: set[str] = set()
        self._seen: dict[str, str] = {}
        self._left_out = 0
        self._written: CallResult | None = None
        self.files: dict[str, tuple[FileDigest, Span]] = {}
        self.skipped: list[tuple[str, str]] = []

    def collect(self, archive: ArchiveWriter) -> None:
        """Reads the whole stream; files to keep go into the archive."""
        for number, entry in enumerate(self._reader):
            if number >= MAX_ENTRIES:
                raise OutputError(f"the output has more than {MAX_ENTRIES} entries")
            path = entry.path.decode("utf-8", errors="surrogateescape").removeprefix("out").strip("/")
            if path == "output.json":
                self._written = CallResult(*_take_document(self._reader, entry, self._max_document))
            elif path == STDOUT and self._call and entry.kind in _PLAIN:
                self._stdout = Kept(self._short(entry), entry.size)
            elif path.startswith("files/"):
                self._file(entry, path.removeprefix("files/"), archive)
            elif path == "files" and entry.kind != b"5":
                self._skip(path, _KINDS.get(entry.kind, "not a folder"))
            elif path not in ("", "files"):
                self._skip(path, "only files/ and output.json are collected")
        for folder in sorted(self._folders - self._parents):
            self._skip(folder, "an empty folder")
        if self._left_out > _SKIPPED_SHOWN:
            self.skipped.append((f"{self._left_out - _SKIPPED_SHOWN} more", "as those above"))

    def result(self) -> CallResult:
        """What the skill gave, once all is read."""
        if self._written:
            return self._written
        if self._call:
            limit = self._max_document
            return result_of(self._call, self._stdout, self._named, files=bool(self.files), limit=limit)
        return CallResult(problem="output.json is missing: the skill must write its result to /sandbox/out/output.json")

    def _short(self, entry: TarEntry) -> bytes | None:
        """An entry's contents, unless they are over the limit of a document."""
        return b"".join(self._reader.body()) if entry.size <= self._max_document else None

    def _file(self, entry: TarEntry, name: str, archive: ArchiveWriter) -> None:
        if fault := path_problem(name):
            self._skip(name, fault)
        elif entry.kind == b"5":
            self._folders.add(name)
        elif entry.kind not in _PLAIN:
            self._skip(name, _KINDS.get(entry.kind, "not a plain file"))
        elif name in self.files:
            self._skip(name, "a second file of this name")
        elif name in self._parents or not self.files.keys().isdisjoint(_parents(name)):
            self._skip(name, "a file where another entry has a folder")
        elif other := self._lookalike(name):
            self._skip(name, f"it looks like {ascii(other)[1:-1]}: by invisible characters or Unicode form only")
        elif len(self.files) >= MAX_FILES:
            raise OutputError(f"the skill left more than {MAX_FILES} files")
        else:
            data = None
            if self._call and name == self._call.result_file:
                data = self._short(entry)
                self._named = Kept(data, entry.size)
            contents = self._reader.body() if data is None else iter((data,))
            span, sha256 = archive.add(name, entry.size, contents)
            self.files[name] = FileDigest(name, entry.size, sha256), span
            self._parents.update(_parents(name))
            self._seen.update((seen_path(path), path) for path in (*_parents(name), name))

    def _lookalike(self, name: str) -> str | None:
        """A file or folder that was kept, and that nobody could tell from this one or a folder above it."""
        for path in (*_parents(name), name):
            if (kept := self._seen.get(seen_path(path), path)) != path:
                return kept
        return None

    def _skip(self, path: str, why: str) -> None:
        self._left_out += 1
        if self._left_out <= _SKIPPED_SHOWN:
            name = self._redact(path)
            shown = name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}... ({len(path)} characters)"
            self.skipped.append((ascii(shown)[1:-1], self._redact(why)))


def _parents(path: str) -> list[str]:
    """The folders above a file: `a`, `a/b` for `a/b/c`."""
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


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
