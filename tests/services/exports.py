"""Files of exports, made by hand: a skill with a lock, a tree for it, and a manifest that may lie."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from skillbox_core.models import Interpreter, Tree
from skillbox_core.operations.exchange_file import ExportedTree, Manifest, write_export
from skillbox_core.skills.environment_lock import Lock, Pin
from tests.services.trees import SITE

PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")
PINS = (
    Pin("greeter", "1.0", 'sys_platform == "linux"', ("a" * 64,)),
    Pin("only-new", "2.0", 'python_version >= "3.12"', ("b" * 64,)),
)
LOCK = Lock("requirements.txt", "c" * 64, PYTHON.text, True, PINS)
FILES: Mapping[str, bytes] = {
    f"{SITE}/greeter.py": b"ID = 1\n",
    f"{SITE}/greeter-1.0.0.dist-info/METADATA": b"Name: greeter\n",
    "bin/greet": b"#!/usr/bin/env python3\n",
}
"""Of a tree that this lock gives for that Python."""


def skill(
    place: Path, *, lock: Lock | None = LOCK, name: str = "packed", more: Mapping[str, str] | None = None
) -> Path:
    """The archive of a skill in a folder."""
    made = place / f"{name}-{len(list(place.iterdir()))}.zip"
    texts = {"SKILL.md": f"---\nname: {name}\nversion: 1.0.0\ndescription: d\n---\n", "main.py": "", **(more or {})}
    if lock:
        texts["environment.lock"] = lock.text
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in texts.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return made


def tree_of(data: bytes, python: Interpreter = PYTHON, lock: Lock = LOCK) -> ExportedTree:
    """What a manifest says of a tree's tar."""
    return ExportedTree(lock.digest, python, Tree(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)))


def manifest_of(archive: Path, *said: ExportedTree, name: str = "packed") -> Manifest:
    """A true manifest."""
    data = archive.read_bytes()
    return Manifest(name, "1.0.0", hashlib.sha256(data).hexdigest(), len(data), said)


def made_file(place: Path, archive: Path, manifest: Manifest, *tars: bytes) -> Path:
    """The file, with these tars as the manifest's trees."""
    target = place / "made.skillbox"
    files = [archive]
    for number, data in enumerate(tars):
        files.append(place / f"{number}.gz")
        files[-1].write_bytes(gzip.compress(data, mtime=0))
    with target.open("wb") as opened:
        write_export(opened, manifest, files)
    return target
