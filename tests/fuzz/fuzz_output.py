"""Fuzzes the reader of output: whatever a sandbox sends, the worker keeps plain files, or raises one of our errors."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from pathlib import Path

from skillbox_core import RunResult, Status
from skillbox_core.base.paths import path_problem
from skillbox_core.errors import EngineError, OutputError
from skillbox_core.models import Output
from skillbox_core.sandbox.output import parse_output_document, read_output
from tests.fuzz.harness import fuzz

LIMIT = 1024 * 1024


def check(data: bytes) -> None:
    """Judges one stream; raises AssertionError, or anything that is not ours, for a finding.

    The first byte modulo 3 says what the rest is: a tar stream, a tar stream whose checksums are put right, or an
    output.json.
    """
    kind, body = (data[0] % 3, data[1:]) if data else (0, b"")
    if kind == 2:
        _document(body)
        return
    stream = _with_checksums(body) if kind else body
    size = 1 + (data[0] if data else 0) * 7
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder) / "spool"
        chunks = (stream[at : at + size] for at in range(0, len(stream), size))
        try:
            output = read_output(chunks, spool, limit=LIMIT, max_document=LIMIT)
        except (OutputError, EngineError) as error:
            assert str(error).isprintable(), error
            assert list(Path(folder).iterdir()) == []
        else:
            _is_sound(output)
            assert list(Path(folder).iterdir()) == ([spool] if output.files else [])


def _is_sound(output: Output) -> None:
    assert (output.document is None) != (output.problem is None)
    assert len(output.skipped) <= 101
    assert all(name.isascii() and name.isprintable() and len(name) < 4000 for name, _ in output.skipped)
    if output.document is not None:
        _can_be_kept(output.document)
    if output.spool is None:
        assert output.files == ()
        return
    with tarfile.open(output.spool, "r:gz") as tar, tempfile.TemporaryDirectory() as folder:
        kept = {}
        for member in tar:
            assert member.isreg(), member
            assert path_problem(member.name) is None, member
            content = tar.extractfile(member).read()  # type: ignore[union-attr]
            kept[member.name] = (len(content), hashlib.sha256(content).hexdigest())
            target = Path(folder) / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(content)
    assert kept == {file.path: (file.size, file.sha256) for file in output.files}


def _document(data: bytes) -> None:
    try:
        text = parse_output_document(data)
    except OutputError as error:
        assert str(error).isprintable(), error
    else:
        _can_be_kept(text)


def _can_be_kept(text: str) -> None:
    """What is taken can be given to any caller as JSON, and comes back the same."""
    value = json.loads(text)
    result = RunResult(execution_id="0" * 32, status=Status.SUCCESS, output=value)
    if value is not None:
        assert json.loads(result.model_dump_json())["output"] == value
    assert json.loads(json.dumps(value, allow_nan=False)) == value


def _with_checksums(data: bytes) -> bytes:
    """The stream with every header's checksum made right, as a liar would."""
    stream, at = bytearray(data + bytes(-len(data) % 512)), 0
    while at < len(stream):
        header = stream[at : at + 512]
        if any(header):
            header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))
            stream[at : at + 512] = header
        digits = bytes(header[124:136]).strip(b" \0")
        size = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else 0
        at += 512 + (size + -size % 512 if header[156:157] in (b"0", b"\0", b"7", b"S", b"L", b"K", b"x", b"g") else 0)
    return bytes(stream)


if __name__ == "__main__":
    fuzz(check)
