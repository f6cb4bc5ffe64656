"""Whether a skill has started, by the engine's log of its container. Pure: bytes in, an answer out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from skillbox_core.sandbox.logs import Announcement, Line, LineReader

REFUSED_EXIT = 70
"""Exit code of a supervisor that refuses what it is given."""
_REFUSED = re.compile(r"\x1eskillbox \S* refused")
"""What a supervisor says that never got its token."""


def has_started(log: Iterable[bytes], token: str, exit_code: int | None = None, *, waited: bool = False) -> bool | None:
    """Whether the log says that the skill has started; None where nothing in it tells.

    The engine keeps the last megabyte, so the supervisor's own word for it can be gone. An empty line may be all that
    is left, but not less: the engine begins its file anew when it has another line to write. So a log without a byte is
    of a skill that has not started, unless it is read in that very moment, or the engine could not write it.

    Args:
        log: The multiplexed stream; read no further than to the first line that tells.
        token: The word that the supervisor's announcements carry.
        exit_code: The container's, once it has ended. A skill can write what a supervisor writes that refuses, and
            can't end it as that one ends.
        waited: The container was made ahead of its job.
    """
    reader, refused = LineReader(token, waited=waited), False

    def items() -> Iterator[Line | Announcement]:
        for chunk in log:
            yield from reader.feed(chunk)
        yield from reader.finish()

    for item in items():
        if tells := _tells(item):
            return True
        refused = refused or tells is False
    refused = refused and exit_code in (None, REFUSED_EXIT)
    return False if reader.is_silent or refused else None


def is_handed_over(log: Iterable[bytes], token: str) -> bool:
    """Whether the log of a container that waited says that its job has begun to come.

    Args:
        log: The multiplexed stream; read no further than to that word.
        token: As for `has_started`.
    """
    reader = LineReader(token, waited=True)
    for chunk in log:
        for _ in reader.feed(chunk):
            pass
        if reader.taken:
            return True
    return False


def _tells(item: Line | Announcement) -> bool | None:
    """What one item says of that; None for nothing.

    Nothing but a skill writes to stdout. On stderr, `tar` may complain before the supervisor refuses, perhaps under no
    token yet.
    """
    if isinstance(item, Announcement):
        return item.word != "refused"
    if item.stream == "stdout":
        return True
    return False if _REFUSED.match(item.text) else None
