"""A small output that its supervisor sends along, as lines behind its last word on stderr. Pure.

What is in the sandbox is the truth, and can be read again. So nothing is made of lines that are not exactly what was
announced: who gets None reads the sandbox.
"""

from __future__ import annotations

import base64
import binascii

CHARACTERS = 400
"""Of one line, in Base64: three bytes for four. With the supervisor's mark it is below `logs.MAX_ANNOUNCEMENT`."""
LINES = 240
"""How many may come: 72,000 bytes of tar, seven records of GNU tar, which are 64 KiB in a few files."""
_WHOLE = b"."
"""What the supervisor puts behind a tar that could read everything."""


class InlineOutput:
    """The lines of one output, in the order in which they come."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._announced: int | None = None
        self._broken = False

    def add(self, line: str) -> None:
        """Takes a line. No more are kept than may come, whatever comes."""
        if self._announced is not None or len(self._lines) >= LINES or not 0 < len(line) <= CHARACTERS:
            self._broken = True
            self._lines.clear()
        elif not self._broken:
            self._lines.append(line)

    def end(self, count: int | None) -> None:
        """Takes the announcement of how many there were; None where it says nothing of it."""
        self._broken = self._broken or self._announced is not None
        self._announced = count or 0

    def tar(self) -> bytes | None:
        """The tar that was sent; None where none was, or not all of it as it was announced."""
        if self._broken or not self._lines or len(self._lines) != self._announced:
            return None
        try:
            data = base64.b64decode("".join(self._lines), validate=True)
        except (binascii.Error, ValueError):
            return None
        return data.removesuffix(_WHOLE) if data.endswith(_WHOLE) else None
