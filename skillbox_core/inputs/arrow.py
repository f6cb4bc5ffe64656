"""pyarrow, where it is installed, and what is said of a table that it can't take."""

from __future__ import annotations

from typing import Any

from skillbox_core.errors import InvalidRequestError


class FrameError(Exception):
    """What is wrong with a table, as the end of a sentence."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def pyarrow_module() -> Any:
    """Imported where a table is asked for, and only there: it takes a moment, and it may be missing.

    Raises:
        InvalidRequestError: It is.
    """
    try:
        import pyarrow
    except ImportError:
        raise InvalidRequestError(
            "tables are written by pyarrow, which is not installed", hint="pip install 'skillbox-core[tables]'"
        ) from None
    return pyarrow


def said(error: BaseException) -> str:
    """What pyarrow says, in one line."""
    return " ".join(" ".join(str(part) for part in error.args).split())[:300]
