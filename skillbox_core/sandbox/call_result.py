"""The result of a call, from what its script left: output.json, else a named file, else standard output. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from skillbox_core.base.json_rules import JsonError, parse_json
from skillbox_core.base.quantities import format_bytes
from skillbox_core.models import Call

STDOUT = "stdout"
"""Name of the file in `/sandbox/out` with the whole of standard output. The supervisor puts it there when it is."""


@dataclass(frozen=True)
class Kept:
    """A text that may be a call's result.

    Attributes:
        data: Its bytes; None where it is over the limit.
        size: Of the whole, in bytes.
    """

    data: bytes | None
    size: int


@dataclass(frozen=True)
class CallResult:
    """What a call gave.

    Attributes:
        document: JSON text; None where there is none, because something is wrong or because files are all there is.
        problem: What is wrong, None for nothing.
        blank: The script printed nothing, and that is its result.
    """

    document: str | None = None
    problem: str | None = None
    blank: bool = False


def result_of(call: Call, stdout: Kept | None, file: Kept | None, *, files: bool, limit: int) -> CallResult:
    """The result of a script that wrote no output.json.

    Args:
        stdout: Its standard output; None where that was not kept to its end.
        file: The file that the call names, None where it was not left.
        files: Whether it left any file.
        limit: Bytes of a result.
    """
    if call.result_file is not None:
        where = f"{call.result_file!a}, which is to be the result,"
        if file is None:
            return CallResult(
                problem=f"{where} is missing: the script must leave it in {{out}} or its working directory"
            )
        return _read("auto", file, where, limit)
    if stdout is None:
        return CallResult(
            problem="standard output was not kept to its end: there was no room for it in the scratch area, a process "
            "held it open, or the image has no tee"
        )
    blank = stdout.data is not None and not stdout.data.strip()
    if call.result == "auto" and blank:
        if files:
            return CallResult(blank=True)
        return CallResult(problem="the script left no result: it printed nothing, and wrote no file into {out}")
    found = _read(call.result, stdout, "standard output", limit)
    return CallResult(found.document, found.problem, blank)


def _read(kind: str, kept: Kept, where: str, limit: int) -> CallResult:
    if kept.data is None or kept.size > limit:
        return CallResult(
            problem=f"{where} has {kept.size} bytes, the limit of a result is {format_bytes(limit)} "
            "(SKILLBOX_MAX_OUTPUT_SIZE); write large results to files"
        )
    try:
        text = kept.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return CallResult(problem=f"{where} is not UTF-8 (byte {error.start})")
    if kind in ("auto", "json"):
        try:
            parse_json(text)
        except JsonError as error:
            if kind == "json":
                return CallResult(problem=f"{where} {error}")
        else:
            return CallResult(text)
    if kind == "lines":
        # Only a newline ends a line, as for the tools that read such lists.
        return CallResult(json.dumps([line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
                                     if text else []))  # fmt: skip
    return CallResult(json.dumps(text))
