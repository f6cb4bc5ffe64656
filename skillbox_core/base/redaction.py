"""Redaction: the values of a caller's environment never stand in what is only there to be read.

Logs, errors and reports are redacted. What a skill gives back as data, its output and its files, is not: the
next skill works with it, and an environment holds harmless words as well, such as a region's name.

A skill that wants to betray what it was given can print it in a code of its own. This guards against accidents.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice

from skillbox_core.base.escapes import forms

MIN_LENGTH = 4
"""Shorter values are in ordinary text by chance, and replacing them would leave nothing readable."""
PIECE = 64
"""Characters of a value that are compared at once."""
MAX_PIECE_BYTES = 4 * PIECE
MANY_LINES = 1_000
"""Lines of values up to which each is looked for in every form, not only as itself; whole values always are."""
FEW = 1_000
"""Beginnings of values up to which one pattern finds them all; beyond, each position is looked at."""
MASK = b"***"
MANY_CUTS = 100
_CUT = re.compile(rb"\.{3}")


class Redactor:
    """Replaces values in text, and in streams that may be cut in the middle of a value.

    What it costs grows with the text, not with the number of values or their length: a position is looked at more
    closely only where a value's first bytes are, and long values are found piece by piece. Where a piece of one is
    printed without the rest, it is replaced too.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._needles: list[bytes] = []
        self._known: frozenset[bytes] = frozenset()
        self._lengths: dict[bytes, list[int]] = {}
        self._beginnings: re.Pattern[bytes] | None = None
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """Values to be replaced from now on, in every form in which they are commonly printed."""
        whole = {value for value in values if len(value) >= MIN_LENGTH}
        lines = {line.strip() for value in whole for line in value.splitlines()}
        printed = whole | lines if len(lines) <= MANY_LINES else whole
        found = {form for part in printed for form in forms(part)} | lines
        long = {piece for form in found if len(form) >= MIN_LENGTH for piece in _pieces(form)}
        self._known |= {piece.encode("utf-8", "surrogatepass") for piece in long}
        self._needles = sorted(self._known)
        lengths: dict[bytes, set[int]] = {}
        for needle in self._needles:
            lengths.setdefault(needle[:MIN_LENGTH], set()).add(len(needle))
        self._lengths = {beginning: sorted(found, reverse=True) for beginning, found in lengths.items()}
        self._beginnings = _pattern(self._lengths) if len(self._lengths) <= FEW else None

    def text(self, text: str) -> str:
        """The text with each value replaced; values that overlap are replaced as one."""
        if not self._needles:
            return text
        return self.data(text.encode("utf-8", errors="surrogatepass")).decode("utf-8", errors="surrogatepass")

    def message(self, text: str) -> str:
        """As `text`, for an error or the like, which may quote something and cut it: the beginning of a value goes too.

        Only where it stands before three dots. Of a long text only so many are looked at, since each costs.
        """
        if not self._needles:
            return text
        data = self.text(text).encode("utf-8", errors="surrogatepass")
        found = []
        for cut in islice(_CUT.finditer(data), MANY_CUTS):
            begins = self._open_end(data[: cut.start()])
            if cut.start() - begins >= MIN_LENGTH:
                found.append((begins, cut.start()))
        return _masked(data, found).decode("utf-8", errors="surrogatepass")

    def data(self, data: bytes) -> bytes:
        """As `text`, for UTF-8 bytes that are whole."""
        found = self._spans(data)
        return _masked(data, found) if found else data

    def divide(self, data: bytes) -> tuple[bytes, bytes]:
        """Divides bytes of which more will follow.

        Returns:
            What can be shown now, redacted; and, as it came, the end that may turn out to be part of a value.
        """
        found = self._spans(data)
        end = self._open_end(data)
        for start, stop in reversed(found):
            if start < end < stop:
                end = start
        return _masked(data[:end], [span for span in found if span[1] <= end]), data[end:]

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where values stand, in order, merged where they touch."""
        known, lengths = self._known, self._lengths
        merged: list[tuple[int, int]] = []
        done = 0
        if not lengths:
            return merged
        for start in self._starts(data):
            for length in lengths[data[start : start + MIN_LENGTH]]:
                if start + length <= done:
                    break
                if data[start : start + length] in known:
                    if merged and start <= done:
                        merged[-1] = merged[-1][0], start + length
                    else:
                        merged.append((start, start + length))
                    done = start + length
                    break
        return merged

    def _starts(self, data: bytes) -> Iterator[int]:
        """Where a value may begin, in order."""
        if not self._beginnings:
            yield from [at for at in range(len(data) - MIN_LENGTH + 1) if data[at : at + MIN_LENGTH] in self._lengths]
            return
        at = -1
        while match := self._beginnings.search(data, at + 1):
            yield (at := match.start())

    def _open_end(self, data: bytes) -> int:
        """Where at the end of the data a value begins without being whole; its length when none does."""
        for at in range(max(len(data) - MAX_PIECE_BYTES + 1, 0), len(data)):
            end = data[at:]
            # The next one in order is the one that begins with it, if any does.
            following = bisect_right(self._needles, end)
            if following < len(self._needles) and self._needles[following].startswith(end):
                return at
        return len(data)


def _pattern(beginnings: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """Finds any of them; grouped by their first byte, which costs a tenth of trying one after the other."""
    groups: dict[bytes, list[bytes]] = {}
    for one in beginnings:
        groups.setdefault(one[:1], []).append(re.escape(one[1:]))
    parts = [re.escape(first) + b"(?:" + b"|".join(rest) + b")" for first, rest in groups.items()]
    return re.compile(b"|".join(parts)) if parts else None


def _pieces(form: str) -> Iterator[str]:
    """A text in pieces that cover it; the last one overlaps the one before, so that none is short."""
    for start in range(0, len(form) - PIECE, PIECE):
        yield form[start : start + PIECE]
    yield form[-PIECE:]


def _masked(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    parts, done = [], 0
    for start, stop in spans:
        parts += [data[done:start], MASK]
        done = stop
    return b"".join([*parts, data[done:]])
