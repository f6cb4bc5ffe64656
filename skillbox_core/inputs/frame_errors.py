"""What is said of a table that pyarrow can't take."""

from __future__ import annotations


class FrameError(Exception):
    """What is wrong with a table, as the end of a sentence."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def said(error: BaseException) -> str:
    """What pyarrow says, in one line."""
    return " ".join(" ".join(str(part) for part in error.args).split())[:300]
