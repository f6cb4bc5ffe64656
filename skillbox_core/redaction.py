"""Redaction: the values of a caller's environment never stand in what is only there to be read.

Logs, errors and reports are redacted. What a skill gives back as data, its output and its files, is not: the
next skill works with it, and an environment holds harmless words as well, such as a region's name.

A skill that wants to betray what it was given can print it in a code of its own. This guards against accidents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

MIN_LENGTH = 4
"""Shorter values are in ordinary text by chance, and replacing them would leave nothing readable."""
MASK = b"***"


class Redactor:
    """Replaces values in text, and in streams that may be cut in the middle of a value."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._needles: tuple[bytes, ...] = ()
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """Values to be replaced from now on, in every form in which they are commonly printed."""
        forms = {form.encode() for value in values for form in _forms(value) if len(form) >= MIN_LENGTH}
        self._needles = tuple(sorted({*self._needles, *forms}))

    def text(self, text: str) -> str:
        """The text with each value replaced; values that overlap are replaced as one."""
        if not self._needles:
            return text
        return self.data(text.encode("utf-8", errors="surrogatepass")).decode("utf-8", errors="surrogatepass")

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
        end = min((_open_end(data, needle) for needle in self._needles), default=len(data))
        for start, stop in reversed(found):
            if start < end < stop:
                end = start
        return _masked(data[:end], [span for span in found if span[1] <= end]), data[end:]

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where values stand, in order, merged where they touch."""
        spans = sorted(span for needle in self._needles for span in _occurrences(data, needle))
        merged: list[tuple[int, int]] = []
        for start, stop in spans:
            if merged and start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(stop, merged[-1][1])
            else:
                merged.append((start, stop))
        return merged


def _forms(value: str) -> Iterator[str]:
    """A value as itself, line by line, and escaped as JSON, Python and URLs have it."""
    yield value
    yield from (line.strip() for line in value.splitlines())
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value, safe="")


def _occurrences(data: bytes, needle: bytes) -> Iterator[tuple[int, int]]:
    at = data.find(needle)
    while at >= 0:
        yield at, at + len(needle)
        at = data.find(needle, at + 1)


def _open_end(data: bytes, needle: bytes) -> int:
    """Where at the end of the data the needle begins without being whole; its length when it does not."""
    at = max(len(data) - len(needle) + 1, 0)
    while (at := data.find(needle[:1], at)) >= 0:
        if needle.startswith(data[at:]):
            return at
        at += 1
    return len(data)


def _masked(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    parts, done = [], 0
    for start, stop in spans:
        parts += [data[done:start], MASK]
        done = stop
    return b"".join([*parts, data[done:]])
