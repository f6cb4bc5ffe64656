"""A run's log in which the lines of several inputs are told apart."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from textwrap import indent
from typing import Any

RunLogger = logging.Logger | logging.LoggerAdapter[logging.Logger]


class MarkedLog(logging.LoggerAdapter[Any]):
    """Puts a mark before each line of each record.

    Args:
        logger: Where the records go.
        mark: Such as `[17] `.
    """

    def __init__(self, logger: RunLogger, mark: str) -> None:
        super().__init__(logger, {})
        self._mark = mark

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """See `logging.LoggerAdapter.log`."""
        if self.isEnabledFor(level):
            text = str(msg) % args if args else str(msg)
            self.logger.log(level, "%s", indent(text, self._mark, lambda _line: True), **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """See `logging.LoggerAdapter.process`; what the records say besides is for the logger behind this one."""
        return msg, kwargs


class SaidOnce(logging.LoggerAdapter[Any]):
    """Passes each message on once, whatever its arguments: of a hundred inputs that wait one says so."""

    def __init__(self, logger: RunLogger) -> None:
        super().__init__(logger, {})
        self._said: set[object] = set()

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """See `logging.LoggerAdapter.log`."""
        if msg not in self._said:
            self._said.add(msg)
            self.logger.log(level, msg, *args, **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """See `logging.LoggerAdapter.process`; as of `MarkedLog`."""
        return msg, kwargs
