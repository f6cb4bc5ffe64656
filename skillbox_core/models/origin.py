"""Where a result was read from."""

from __future__ import annotations

import os
from typing import Any


class Origin:
    """The store that a result was read from, in the process that read it.

    Copies of a result share it. What is pickled has none, and neither has a forked child, which must not use its
    parent's connections. It is no part of what a result says, so any two are alike.

    Args:
        store: A `skillbox_core.models.result.StoredFiles`.
    """

    def __init__(self, store: Any = None) -> None:
        self._store, self._process = store, os.getpid()

    @property
    def store(self) -> Any:
        """The store; None where it is not known."""
        return self._store if self._process == os.getpid() else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin)

    __hash__ = None  # type: ignore[assignment]

    def __deepcopy__(self, _memo: Any) -> Origin:
        return self

    def __reduce__(self) -> tuple[type[Origin], tuple[()]]:
        return Origin, ()
