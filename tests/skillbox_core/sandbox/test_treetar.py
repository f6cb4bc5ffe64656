"""A tree's tar while it passes: the plainest form goes through, in whatever pieces, and nothing else does."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import struct
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.errors import PolicyError
from skillbox_core.sandbox.treetar import ROOT, TreeCheck
from tests.services.trees import SITE, file, folder, pack, tree_tar

LONG = f"{SITE}/" + "/".join(["a_long_name"] * 10) + "/module.py"
FILES = {
    f"{SITE}/hello/__init__.py": b"x = 1\n",
    f"{SITE}/hello/data.bin": bytes(range(256)) * 400,
    f"{SITE}/hello/empty": b"",
    f"{SITE}/hello/ünï code.txt": "ü".encode(),
    "bin/hello": b"#!/bin/sh\n",
    LONG: b"deep\n",
}


def check(data: bytes, step: int = 10_000, size: int | None = None) -> str:
    checked = TreeCheck(len(data) if size is None else size)
    for at in range(0, len(data), step):
        checked.feed(data[at : at + step])
    return checked.finish()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("step", [1, 511, 512, 513, 10_000_000])
def test_a_plain_tree_goes_through_in_any_pieces(form: int, step: int) -> None:
    data = tree_tar({path: FILES[path] for path in FILES if form != tarfile.USTAR_FORMAT or path.isascii()}, form)
    assert check(data, step) == f"sha256:{hashlib.sha256(data).hexdigest()}"


def one(path: str, **change: object) -> bytes:
    """A tar with one file, of which something is changed."""
    info = file(path, 0)
    for name, value in change.items():
        setattr(info, name, value)
    return pack([(info, b"")])


def patched(at: int, value: bytes, data: bytes | None = None, block: int = 0) -> bytes:
    """A good tar with other bytes in a header, and a sum that is right for them."""
    made = bytearray(data or tree_tar({"bin/x": b"x"}))
    begin = block * 512
    made[begin + at : begin + at + len(value)] = value
    header = made[begin : begin + 512]
    header[148:156] = b" " * 8
    made[begin + 148 : begin + 156] = b"%06o\0 " % sum(header)
    return bytes(made)


def pax(records: bytes) -> bytes:
    """A tar whose first file has these records before it."""
    info = tarfile.TarInfo("./PaxHeaders/x")
    info.type, info.size, info.mode = tarfile.XHDTYPE, len(records), 0o644
    before = info.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512)
    return before + one(f"{ROOT}/x")


def record(text: str) -> bytes:
    size = len(text) + 2
    while len(f"{size} {text}\n") != size:
        size += 1
    return f"{size} {text}\n".encode()


def long_link(name: bytes) -> bytes:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, len(name)
    return info.tobuf(tarfile.GNU_FORMAT) + name + bytes(-len(name) % 512)


GOOD = tree_tar({"bin/x": b"x"})


@pytest.mark.parametrize(
    ("said", "data"),
    [
        ("does not lie below", one("etc/passwd")),
        ("does not lie below", one("opt")),
        ("does not lie below", one("opt/skillbox2/x")),
        ("does not lie below", one("/opt/skillbox/x")),
        ("does not lie below", one("./opt/skillbox/x")),
        ("does not lie below", pack([(folder("opt"), b"")])),
        ("no plain path", one("opt/skillbox/../../etc/passwd")),
        ("no plain path", one("opt/skillbox/./x")),
        ("no plain path", one("opt/skillbox//x")),
        ("no plain path", one("opt/skillbox/x/")),
        ("no folder", one("opt/skillbox")),
        ("hide a file", one("opt/skillbox/.wh.lib")),
        ("hide a file", one("opt/skillbox/.wh..wh..opq")),
        ("hide a file", one("opt/skillbox/.wh.d/x")),
        ("no name for a file", one("opt/skillbox/a\nb")),
        ("no name for a file", one("opt/skillbox/" + "x" * 4090)),
        ("not UTF-8", patched(13, b"\xff", one("opt/skillbox/x"))),
        ("neither a file nor a folder", one("opt/skillbox/x", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        ("neither a file nor a folder", one("opt/skillbox/x", type=tarfile.LNKTYPE, linkname="etc/passwd")),
        ("neither a file nor a folder", one("opt/skillbox/x", type=tarfile.CHRTYPE)),
        ("neither a file nor a folder", one("opt/skillbox/x", type=tarfile.FIFOTYPE)),
        ("neither a file nor a folder", one("opt/skillbox/x", type=tarfile.AREGTYPE)),
        ("neither a file nor a folder", one("opt/skillbox/x", type=tarfile.GNUTYPE_SPARSE)),
        ("neither a file nor a folder", one("opt/skillbox/x", type=tarfile.XGLTYPE)),
        ("neither a file nor a folder", one("opt/skillbox/x", type=b"K")),
        ("a link or a device", one("opt/skillbox/x", linkname="y")),
        ("a link or a device", patched(329, b"0000001\0")),
        ("mode 4755", one("opt/skillbox/x", mode=0o4755)),
        ("mode 666", one("opt/skillbox/x", mode=0o666)),
        ("mode 0", one("opt/skillbox/x", mode=0)),
        ("mode 1777", pack([(folder("opt/skillbox", 0o1777), b"")])),
        ("not root's", one("opt/skillbox/x", uid=65534)),
        ("not root's", one("opt/skillbox/x", gid=1)),
        ("not root's", one("opt/skillbox/x", uname="nobody")),
        ("contents of its own", patched(124, b"00000001000\0", pack([(folder("opt/skillbox"), b"")]))),
        ("mode 7777", one("opt/skillbox/x", mode=-1)),
        ("not octal", patched(124, b"\x80" + bytes(7) + struct.pack(">I", 1))),
        ("not octal", patched(124, b"        \0\0\0\0")),
        ("hidden behind", patched(15, b"\0hidden", one("opt/skillbox/x"))),
        ("parts that no plain file has", patched(345, b"prefix", GOOD)),
        ("parts that no plain file has", patched(505, b"x")),
        ("no plain tar", gzip.compress(tree_tar({"noise": random.Random(1).randbytes(1000)}))),
        ("no plain tar", GOOD[:148] + b"000000\0 " + GOOD[156:]),
        ("no plain tar", patched(257, bytes(8))),
        ("no plain tar", bytes([1]) * 1024),
        ("behind its end", GOOD + GOOD),
        ("behind its end", GOOD + b"x" * 512),
        ("no end", GOOD[:-10240] + b"" if len(GOOD) > 10240 else GOOD[: 512 * 4]),
        ("no end", GOOD + bytes(100)),
        ("no end", b""),
        ("more than a path", pax(record("path=opt/skillbox/x") + record("uid=0"))),
        ("more than a path", pax(record("size=1000000"))),
        ("more than a path", pax(record("GNU.sparse.major=1"))),
        ("more than a path", pax(record("path=opt/skillbox/x") + b"\0")),
        ("more than a path", pax(b"99 path=opt/skillbox/x\n")),
        ("more than a path", pax(record("path=opt/skillbox/x\0/../../etc/y"))),
        ("does not lie below", pax(record("path=etc/passwd"))),
        ("does not lie below", long_link(b"etc/passwd\0") + one("opt/skillbox/x")),
        ("does not end where it should", long_link(b"opt/skillbox/x\0y\0") + one("opt/skillbox/x")),
        ("does not end where it should", long_link(b"opt/skillbox/x") + one("opt/skillbox/x")),
        ("long name's header", long_link(b"opt/skillbox/a\0") + long_link(b"opt/skillbox/b\0") + one("opt/skillbox/x")),
        ("long name's header", long_link(b"x" * 5000) + one("opt/skillbox/x")),
        ("behind a long name", long_link(b"opt/skillbox/a\0") + bytes(1024)),
    ],
)  # fmt: skip
def test_what_is_no_plain_tree_is_refused(said: str, data: bytes) -> None:
    for step in (7, 10_000_000):
        with pytest.raises(PolicyError, match=said) as caught:
            check(data, step)
        assert str(caught.value).isprintable()


def test_its_size_is_the_one_that_was_said() -> None:
    with pytest.raises(PolicyError, match="longer than its"):
        check(GOOD, size=len(GOOD) - 1)
    with pytest.raises(PolicyError, match=f"ends after {len(GOOD)} of its {len(GOOD) + 512}"):
        check(GOOD, size=len(GOOD) + 512)


def test_a_long_names_padding_holds_nothing() -> None:
    data = bytearray(long_link(b"opt/skillbox/a\0") + one("opt/skillbox/x"))
    data[1000] = 1
    with pytest.raises(PolicyError, match="padding"):
        check(bytes(data))


@given(st.integers(0, 2047), st.binary(min_size=1, max_size=16), st.integers(1, 700))
def test_what_goes_through_is_read_alike_by_another_reader(at: int, change: bytes, step: int) -> None:
    """Whatever is changed in a tar: what goes through holds, to Python's own reader, plain files below the root."""
    data = bytearray(long_link(b"opt/skillbox/long\0") + GOOD)
    data[at : at + len(change)] = change
    data = bytearray(patched(0, b"", bytes(data), at // 512))
    try:
        check(bytes(data), step)
    except PolicyError:
        return
    with tarfile.open(fileobj=io.BytesIO(bytes(data))) as tar:
        for member in tar.getmembers():
            assert member.isreg() or member.isdir()
            assert member.name == ROOT or member.name.startswith(f"{ROOT}/")
            assert not member.mode & 0o7022
