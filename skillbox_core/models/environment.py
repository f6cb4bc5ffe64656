"""What the parts of an environment hand to each other: the interpreter it is for, and the tree that was made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_TEXT = re.compile(
    r"(3\.\d{1,3}(?:\.\d{1,3})?|node \d{1,3}\.\d{1,3}\.\d{1,3}) (x86_64|aarch64) (glibc|musl) (\d{1,3}\.\d{1,4})\Z",
    re.ASCII,
)


@dataclass(frozen=True)
class Interpreter:
    """The Python or the Node of an image, as far as the choice of packages depends on it.

    Attributes:
        version: `3.11.2`; `3.11` where nobody knows more.
        machine: `x86_64` or `aarch64`.
        libc: `glibc 2.36` or `musl 1.2`.
        implementation: `cpython`, the only one that uv locks for, or `node`.
    """

    version: str
    machine: str
    libc: str
    implementation: str = "cpython"

    @property
    def minor(self) -> str:
        """`3.11`: what the folder of its packages is called by."""
        return ".".join(self.version.split(".")[:2])

    @property
    def text(self) -> str:
        """`3.11.2 x86_64 glibc 2.36`, as a setting says it, a lock notes it and a person reads it; Node's has `node `
        before it."""
        text = f"{self.version} {self.machine} {self.libc}"
        return f"node {text}" if self.implementation == "node" else text

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The interpreter that a text names; None where it is no such text."""
        found = _TEXT.match(" ".join(text.split()))
        if found is None:
            return None
        version = found[1].removeprefix("node ")
        return cls(version, found[2], f"{found[3]} {found[4]}", "cpython" if version == found[1] else "node")


@dataclass(frozen=True)
class Tree:
    """An environment's files, as they are kept.

    Attributes:
        digest: `sha256:` and 64 hexadecimal digits, of the uncompressed tar.
        size: Bytes of the uncompressed tar.
    """

    digest: str
    size: int

    @property
    def hex(self) -> str:
        """The digest without its algorithm, for names that take no colon."""
        return self.digest.removeprefix("sha256:")
