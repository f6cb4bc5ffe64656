"""What the fuzz targets share: the way into atheris, and bytes that are read as decisions."""

from __future__ import annotations

import sys
from collections.abc import Callable


def fuzz(check: Callable[[bytes], None]) -> None:
    """Hands a target to atheris, with libFuzzer's own arguments from the command line."""
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


class Decisions:
    """Bytes taken one after the other; zeros when there are no more."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not yet taken."""
        return max(len(self._data) - self._at, 0)

    def byte(self) -> int:
        """The next byte."""
        return self.some_exactly(1)[0]

    def number(self, below: int) -> int:
        """A number from the next three bytes."""
        return int.from_bytes(self.some_exactly(3), "big") % below

    def some(self, most: int) -> bytes:
        """As many bytes as the next one says, up to a maximum."""
        return self.some_exactly(self.byte() % (most + 1))

    def some_exactly(self, size: int) -> bytes:
        """So many bytes, filled up with zeros."""
        data = self._data[self._at : self._at + size]
        self._at += size
        return data + bytes(size - len(data))

    def lie(self, fields: list[int]) -> list[int]:
        """The fields with one of them changed; the first two have 16 bits, the others 32."""
        changed, at = list(fields), self.byte() % len(fields)
        changed[at] = self.number(1 << 16) if at < 2 else self.number(1 << 24) << 8 | self.byte()
        return changed
