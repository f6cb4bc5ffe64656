"""The file of an export: read to the letter, or not at all."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Interpreter, Tree
from skillbox_core.operations.exchange_file import (
    ExportedTree,
    ExportReader,
    Manifest,
    read_manifest,
    write_export,
)

PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")
NEWER = Interpreter("3.12.1", "x86_64", "glibc 2.36")
LOCK, A, B = (f"sha256:{digit * 64}" for digit in "0ab")


def manifest(*trees: ExportedTree) -> Manifest:
    return Manifest("packed", "1.0.0", "f" * 64, 7, trees)


def tree(digest: str = A, python: Interpreter = PYTHON, size: int = 5, lock: str = LOCK) -> ExportedTree:
    return ExportedTree(lock, python, Tree(digest, size))


def reader(data: bytes) -> ExportReader:
    return ExportReader(io.BytesIO(data))


def tar(*members: tuple[str, bytes], **fields: Any) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=fields.pop("format", tarfile.USTAR_FORMAT)) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "skill").write_bytes(b"archive")
    (tmp_path / "tree").write_bytes(gzip.compress(b"bytes"))
    # Two Pythons have one tree: it is in the file once.
    said = manifest(tree(), tree(python=NEWER))
    made = io.BytesIO()
    write_export(made, said, [tmp_path / "skill", tmp_path / "tree"])
    read = reader(made.getvalue())
    assert read_manifest(b"".join(read.member("manifest.json", 10_000))) == said
    assert b"".join(read.member("skill.zip", 7)) == b"archive"
    assert b"".join(read.unpacked(f"environments/{'a' * 64}.tar.gz", 5)) == b"bytes"
    read.end()


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(format="skillbox-export-2"),
        lambda d: d.update(more=1),
        lambda d: d.pop("environments"),
        lambda d: d.update(environments={}),
        lambda d: d.update(environments=[1]),
        lambda d: d.update(skill=[]),
        lambda d: d["skill"].update(name="../up"),
        lambda d: d["skill"].update(name=["packed"]),
        lambda d: d["skill"].update(version="../1.0.0"),
        lambda d: d["skill"].update(version=None),
        lambda d: d["skill"].update(digest="F" * 64),
        lambda d: d["skill"].update(size=True),
        lambda d: d["skill"].update(size=-1),
        lambda d: d["environments"][0].update(size=1.0),
        lambda d: d["environments"][0].update(size=0),
        lambda d: d["environments"][0].update(digest="sha256:../../etc"),
        lambda d: d["environments"][0].update(digest=["sha256:"]),
        lambda d: d["environments"][0].update(lock=f"{LOCK}\n"),
        lambda d: d["environments"][0].update(interpreter="3.11.2  x86_64 glibc 2.36"),
        lambda d: d["environments"][0].update(interpreter="2.7 x86_64 glibc 2.36"),
        lambda d: d["environments"][0].update(interpreter=None),
        lambda d: d["environments"].append(dict(d["environments"][0])),
        lambda d: d["environments"].append({**d["environments"][0], "interpreter": NEWER.text, "size": 6}),
        lambda d: d.update(
            environments=[{**d["environments"][0], "interpreter": f"3.{n} x86_64 glibc 2.36"} for n in range(8, 13)]
        ),
    ],
)
def test_a_manifest_that_says_anything_else_is_refused(change: Change) -> None:
    document = json.loads(manifest(tree()).text())
    change(document)
    with pytest.raises(InvalidRequestError, match="the file is not taken"):
        read_manifest((json.dumps(document, indent=2) + "\n").encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b"\xff", b"[" * 50_000, b'{"format": NaN}', manifest().text().replace("\n", "").encode()],
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="the file is not taken"):
        read_manifest(data)


GOOD = ("skill.zip", b"archive")
HUGE = bytearray(tar(GOOD))
HUGE[124:136] = b"\x80" + b"\0" * 3 + (1 << 62).to_bytes(8, "big")
HUGE[148:156] = b"%06o\0 " % (sum(HUGE[:148]) + 8 * 32 + sum(HUGE[156:512]))
NEGATIVE = bytearray(tar(GOOD))
NEGATIVE[124:136] = b"\xff" * 12
NEGATIVE[148:156] = b"%06o\0 " % (sum(NEGATIVE[:148]) + 8 * 32 + sum(NEGATIVE[156:512]))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04" + b"\0" * 600, id="a zip"),
        pytest.param(gzip.compress(tar(GOOD)), id="compressed"),
        pytest.param(tar(), id="no member"),
        pytest.param(tar(("../skill.zip", b"archive")), id="another name"),
        pytest.param(tar(("/skill.zip", b"archive")), id="absolute"),
        pytest.param(tar(("manifest.json", b"archive"), GOOD), id="another order"),
        pytest.param(tar(GOOD, type=tarfile.SYMTYPE, linkname="/etc/passwd"), id="link"),
        pytest.param(tar(GOOD, type=tarfile.LNKTYPE, linkname="/etc/passwd"), id="hard link"),
        pytest.param(tar(GOOD, type=tarfile.CHRTYPE), id="device"),
        pytest.param(tar(GOOD, type=tarfile.GNUTYPE_SPARSE), id="sparse"),
        pytest.param(tar(GOOD, format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * 9000}), id="pax header"),
        pytest.param(tar(("skill.zip", b"a" * 101)), id="over the limit"),
        pytest.param(bytes(HUGE), id="huge"),
        pytest.param(bytes(NEGATIVE), id="negative"),
        pytest.param(tar(GOOD)[:515], id="cut off"),
        pytest.param(tar(GOOD)[:519], id="cut off in its padding"),
        pytest.param(tar(GOOD)[:519] + b"hidden" + tar(GOOD)[525:], id="hidden in its padding"),
    ],
)
def test_a_member_that_is_not_the_expected_one_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="the file is not taken"):
        b"".join(reader(data).member("skill.zip", 100))


BOMB = gzip.compress(b"\0" * 50_000_000)


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"bytes", id="not compressed"),
        pytest.param(b"", id="empty"),
        pytest.param(gzip.compress(b"byte"), id="shorter"),
        pytest.param(gzip.compress(b"bytes and more"), id="longer"),
        pytest.param(BOMB, id="bomb"),
        pytest.param(gzip.compress(b"bytes") + gzip.compress(b""), id="two"),
        pytest.param(gzip.compress(b"bytes") + b"\0", id="something behind"),
        pytest.param(gzip.compress(b"bytes")[:-1], id="cut off"),
        pytest.param(gzip.compress(b"bytes")[:-8] + b"\0" * 8, id="another checksum"),
        pytest.param(gzip.compress(b"bytes") + b"\0" * 2_000_000, id="too large"),
    ],
)
def test_a_tree_that_does_not_unpack_to_what_is_said_is_refused(packed: bytes) -> None:
    taken: list[bytes] = []
    with pytest.raises(InvalidRequestError, match="the file is not taken"):
        taken.extend(reader(tar(("e", packed))).unpacked("e", 5))
    assert len(b"".join(taken)) <= 5


@pytest.mark.parametrize(
    "data", [tar(GOOD)[:1024], tar(GOOD)[:1536], tar(GOOD, ("more", b"x")), tar(GOOD) + b"x", tar(GOOD) + b"\0" * 20480]
)
def test_nothing_comes_behind_the_members(data: bytes) -> None:
    read = reader(data)
    assert b"".join(read.member("skill.zip", 100)) == b"archive"
    with pytest.raises(InvalidRequestError, match="does not end behind"):
        read.end()
