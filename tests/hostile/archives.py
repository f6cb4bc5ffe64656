"""Zip files as a case describes them, with every field that an attacker could choose."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BASE_MD = "---\nname: {name}\ndescription: A hostile case.\n---\nDo it.\n"
BASE_MAIN = "import json\njson.dump(1, open('/sandbox/out/output.json', 'w'))\n"

_METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflate": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
_MAGIC = {"local": b"PK\3\4", "central": b"PK\1\2", "end": b"PK\5\6", "descriptor": b"PK\7\x08"}
_PIECE = 1024 * 1024


def build(spec: Mapping[str, Any], target: Path, name: str) -> None:
    """Writes the archive that a case describes.

    Args:
        spec: `add` (entries), `base` (false leaves SKILL.md and main.py out), `md` and `main` (their text), `count`
            (that many empty entries more), `comment` (in hex), `comment_of` (a whole archive that is the comment,
            described like this one), and edits of the finished file: `patch`, `replace`, `insert`, `prepend`,
            `append`, `twice`, `cut`. An entry may have `extra` and `comment`, in hex.
        target: The file to write.
        name: The skill's name in SKILL.md.
    """
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        warnings.simplefilter("ignore")
        if spec.get("base", True):
            packed.writestr("SKILL.md", spec.get("md", BASE_MD).replace("{name}", name))
            packed.writestr("main.py", spec.get("main", BASE_MAIN))
        for entry in spec.get("add", ()):
            _add(packed, entry, name)
        for number in range(spec.get("count", 0)):
            packed.writestr(f"n{number}", "")
        packed.comment = bytes.fromhex(spec.get("comment", ""))
        if "comment_of" in spec:
            inner = target.with_suffix(".inner")
            build(spec["comment_of"], inner, name)
            packed.comment = inner.read_bytes()
            inner.unlink()
    if _EDITS & spec.keys():
        target.write_bytes(_edited(target.read_bytes(), spec))


def _add(packed: zipfile.ZipFile, entry: Mapping[str, Any], name: str) -> None:
    info = zipfile.ZipInfo(entry["name"])
    info.create_system = 3
    info.compress_type = _METHODS[entry.get("method", "deflate")]
    info.external_attr = int(entry.get("mode", "0"), 8) << 16
    info.extra = bytes.fromhex(entry.get("extra", ""))
    info.comment = bytes.fromhex(entry.get("comment", ""))
    with packed.open(info, "w", force_zip64=False) as target:
        if "size" in entry:
            piece = bytes(_PIECE)
            for at in range(0, entry["size"], _PIECE):
                target.write(piece[: min(_PIECE, entry["size"] - at)])
        else:
            target.write(_contents(entry, name))


def _contents(entry: Mapping[str, Any], name: str) -> bytes:
    if "nested" in entry:
        return _nested(entry["nested"])
    if "hex" in entry:
        return bytes.fromhex(entry["hex"])
    text = str(entry.get("text", "x"))
    if "repeat" in entry:
        piece, count = entry["repeat"]
        text += "".join(piece.replace("{number}", str(number)) for number in range(count))
    return text.replace("{name}", name).encode()


def _nested(levels: int) -> bytes:
    """A zip in a zip in a zip, each with sixteen of the next, 16 MiB of zeros in the innermost."""
    inner = bytes(16 * 1024 * 1024)
    for _ in range(levels):
        outer = io.BytesIO()
        with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as packed:
            for number in range(16):
                packed.writestr(f"{number}.zip", inner)
        inner = outer.getvalue()
    return inner


_EDITS = {"patch", "replace", "prepend", "append", "cut", "insert", "twice"}


def _edited(data: bytes, spec: Mapping[str, Any]) -> bytes:
    for patch in spec.get("patch", ()):
        data = _patched(data, patch)
    for old, new in spec.get("replace", ()):
        data = data.replace(old.encode(), bytes.fromhex(new))
    if "insert" in spec:
        at = data.index(_MAGIC["central"])
        data = data[:at] + bytes.fromhex(spec["insert"]) + data[at:]
    data = bytes.fromhex(spec.get("prepend", "")) + data + bytes.fromhex(spec.get("append", ""))
    if spec.get("twice"):
        data += data
    return data[: len(data) - spec["cut"]] if "cut" in spec else data


def _patched(data: bytes, patch: Mapping[str, Any]) -> bytes:
    """Overwrites bytes of the nth header of a kind: `{in = "local", nth = 0, at = 14, hex = "..."}`."""
    at = -1
    for _ in range(patch.get("nth", 0) + 1):
        at = data.index(_MAGIC[patch["in"]], at + 1)
    at += patch["at"]
    value = struct.pack("<L", patch["u32"]) if "u32" in patch else bytes.fromhex(patch["hex"])
    return data[:at] + value + data[at + len(value) :]
