"""Tar streams as a case describes them, with every field that a lying sandbox could choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_KINDS = {
    "file": b"0", "old": b"\0", "hardlink": b"1", "symlink": b"2", "char": b"3", "block": b"4", "folder": b"5",
    "fifo": b"6", "contiguous": b"7", "sparse": b"S", "volume": b"V", "multi": b"M", "dump": b"D", "socket": b"s",
    "name": b"L", "link": b"K", "pax": b"x", "global": b"g",
}  # fmt: skip
_PIECE = 64 * 1024
_DOCUMENT = {"path": "out/output.json", "text": "1"}


def chunks(spec: Mapping[str, Any]) -> Iterator[bytes]:
    """The stream, piece by piece.

    Args:
        spec: `entries`, `document` (false leaves a good output.json out), `cut` (bytes less), `end` (false leaves
            out the end marker), `hex` (the whole stream), `times` (that many entries more, `{n}` in their path).
    """
    if "hex" in spec:
        yield bytes.fromhex(spec["hex"]) * spec.get("hex_times", 1)
        return
    if spec.get("document", True):
        yield from _entry(_DOCUMENT)
    for entry in spec.get("entries", ()):
        for number in range(entry.get("times", 1)):
            yield from _entry({**entry, "path": entry["path"].replace("{n}", str(number))})
    if spec.get("end", True):
        yield bytes(1024)


def _entry(entry: Mapping[str, Any]) -> Iterator[bytes]:
    data = bytes.fromhex(entry["hex"]) if "hex" in entry else str(entry.get("text", "")).encode()
    data *= entry.get("repeat", 1)
    if "zeros" in entry:
        yield _header(entry, entry["zeros"])
        yield from _zeros(entry["zeros"] + -entry["zeros"] % 512)
        return
    yield _header(entry, entry.get("size", len(data)))
    yield data + bytes(-len(data) % 512)


def _header(entry: Mapping[str, Any], size: int) -> bytes:
    path = bytes.fromhex(entry["path_hex"]) if "path_hex" in entry else str(entry["path"]).encode()
    header = bytearray(512)
    header[0 : min(len(path), 100)] = path[:100]
    header[100:108], header[108:116], header[116:124] = b"0000777\0", b"0000000\0", b"0000000\0"
    header[124:136] = b"%011o\0" % size if 0 <= size < 8**11 else b"\x80" + size.to_bytes(11, "big", signed=size < 0)
    if "size_hex" in entry:
        header[124:136] = bytes.fromhex(entry["size_hex"])
    header[136:148] = b"00000000000\0"
    header[156:157] = _KINDS[entry.get("kind", "file")]
    header[157 : 157 + 11] = b"/etc/passwd"
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % (sum(header) + entry.get("sum", 0))
    return bytes(header)


def _zeros(size: int) -> Iterator[bytes]:
    piece = bytes(_PIECE)
    for at in range(0, size, _PIECE):
        yield piece[: min(_PIECE, size - at)]
