"""Reading the files of a result: as bytes, text, JSON and tables, at once or in an event loop."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ParamSpec, TypeVar

from skillbox_core.base.arrow import pyarrow_module, read_table, table_format
from skillbox_core.base.json_rules import JsonError, parse_json
from skillbox_core.errors import OutputError

if TYPE_CHECKING:
    import pyarrow

P = ParamSpec("P")
T = TypeVar("T")


class Readable(ABC):
    """What can be done with stored files, for whoever can open one.

    Each is fetched from the store and checked against its digest when it is asked for, in this process and in any
    other that has the same installation. Paths are those of `files_list`. Every method has a twin for an event loop,
    with an `a` before its name.
    """

    @abstractmethod
    def open(self, path: str) -> IO[bytes]:
        """One file, binary and seekable; closed by the caller."""

    @abstractmethod
    def download(self, folder: str | os.PathLike[str], *paths: str) -> list[Path]:
        """Writes the files, or the ones that are named, into a folder; replaces files of the same names there."""

    def read_bytes(self, path: str) -> bytes:
        """The contents of a file; raises as `open` does."""
        with self.open(path) as file:
            return file.read()

    def read_text(self, path: str) -> str:
        """The contents of a UTF-8 file, without a byte-order mark, its line ends as `\\n`: as Python reads text files.

        Raises:
            OutputError: It is not UTF-8. Else as `open`.
        """
        try:
            text = self.read_bytes(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise OutputError(
                f"{path!a} is not UTF-8 text: {error.reason} at byte {error.start}", hint="read_bytes(path) gives it"
            ) from None
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def read_json(self, path: str) -> Any:
        """The value of a JSON file, by the rules that hold for output.json.

        Raises:
            OutputError: It is not UTF-8, or not such JSON. Else as `open`.
        """
        try:
            return parse_json(self.read_text(path))
        except JsonError as error:
            raise OutputError(f"{path!a} {error}", hint="read_text(path) gives it") from None

    def table(self, path: str, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """The table in a file, as pyarrow has it: `polars.from_arrow(...)`, or `.to_pandas()`.

        pyarrow parses the file in this process: think of who wrote the skill, and of what it was given.

        Args:
            path: Ends in .parquet, .csv, .tsv, .arrow, .arrows, .feather, .jsonl or .ndjson.
            columns: Only these columns.

        Raises:
            InvalidRequestError: The name ends otherwise, there is no such column, or pyarrow is missing
                (`pip install 'skillbox-core[tables]'`).
            OutputError: The file is not what its name says. Else as `open`.
        """
        # What is wrong already is said before anything is fetched.
        table_format(path)
        pyarrow_module()
        with self.open(path) as file:
            return read_table(file, path, columns)

    async def aopen(self, path: str) -> IO[bytes]:
        """See `open`."""
        return await _in_thread(self.open, path)

    async def adownload(self, folder: str | os.PathLike[str], *paths: str) -> list[Path]:
        """See `download`."""
        return await _in_thread(self.download, folder, *paths)

    async def aread_bytes(self, path: str) -> bytes:
        """See `read_bytes`."""
        return await _in_thread(self.read_bytes, path)

    async def aread_text(self, path: str) -> str:
        """See `read_text`."""
        return await _in_thread(self.read_text, path)

    async def aread_json(self, path: str) -> Any:
        """See `read_json`."""
        return await _in_thread(self.read_json, path)

    async def atable(self, path: str, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """See `table`."""
        return await _in_thread(self.table, path, columns)


async def _in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    # Most processes that load results have no event loop, and need not load one.
    import asyncio

    return await asyncio.to_thread(function, *args, **kwargs)
