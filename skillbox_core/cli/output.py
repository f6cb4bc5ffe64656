"""What the command line shows: one sentence for an error, text from strangers made harmless, exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from skillbox_core.base.text import harmless
from skillbox_core.status import Reason, Status

if TYPE_CHECKING:
    from skillbox_core.models import RunResult

_SHORT = 8
"""Characters of a column that may be cut, up to which it may be."""
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_TIMEOUT = 3
EXIT_INFRASTRUCTURE = 4
EXIT_CANCELLED = 130

_SKILLS_FAULT = frozenset({Reason.EXIT, Reason.OOM, Reason.DISK, Reason.PIDS, Reason.OUTPUT})
_CALLERS_FAULT = frozenset({Reason.INPUT, Reason.POLICY})


def exit_code_of(reason: Reason | None) -> int:
    """The exit code for why something failed."""
    if reason in _CALLERS_FAULT:
        return EXIT_INPUT
    return EXIT_FAILED if reason in _SKILLS_FAULT else EXIT_INFRASTRUCTURE


def exit_code(result: RunResult) -> int:
    """The exit code for a result."""
    match result.status:
        case Status.SUCCESS:
            return 0
        case Status.TIMEOUT:
            return EXIT_TIMEOUT
        case Status.CANCELLED:
            return EXIT_CANCELLED
        case _:
            return exit_code_of(result.reason)


def fail(message: str) -> None:
    """One sentence on stderr."""
    print(f"skillbox: {harmless(message)}", file=sys.stderr)


def note(message: str) -> None:
    """A remark on stderr."""
    print(harmless(message), file=sys.stderr)


def note_more(count: int, others: str, following: str) -> None:
    """Says on stderr that a list goes on, and how: the filters that it was asked for with are for the next page too."""
    how = f"add `--after {following}` to see those, or `--limit N` to see more at once"
    note(f"shown: {count}; there are {others}: {how}")


def print_json(value: Any) -> None:
    """A JSON document on stdout, safe for any terminal and locale."""
    print(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=True))


def table(
    columns: list[str],
    rows: list[list[str]],
    *,
    whole: Collection[str] = (),
    short: Collection[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """A table: drawn on a terminal, tab-separated when piped.

    Args:
        whole: Columns that are never shortened: what is typed into the next command.
        short: Columns that are cut to the room that there is, on one line.
        spare: Columns that are left out, one after the other, where a terminal is too narrow.
    """
    if not sys.stdout.isatty():
        for row in rows:
            print_row(row)
        return
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    cells = {name: [Text(harmless(row[at])) for row in rows] for at, name in enumerate(columns)}
    widths = {name: max(map(cell_len, (name, *(cell.plain for cell in cells[name])))) for name in columns}
    for name in short:
        cells[name] = [Text(" ".join(cell.plain.split())) for cell in cells[name]]
    least_of = {name: min(width, _SHORT) if name in short else width for name, width in widths.items()}
    left_out = list(spare)
    while _width(least_of[name] for name in widths) > console.width and left_out:
        widths.pop(left_out.pop(0))
    for name in short:
        # To the last character: Rich would rather take room from columns that must stay whole.
        room = console.width - _width(width for other, width in widths.items() if other != name) - 2
        widths[name] = min(widths[name], max(room, _SHORT))
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name, width in widths.items():
        fixed = width if name in whole or name in short else None
        drawn.add_column(name, no_wrap=fixed is not None, min_width=fixed, max_width=fixed, overflow="ellipsis")
    for texts in zip(*(cells[name] for name in widths), strict=True):
        drawn.add_row(*texts)
    least = _width(width if name in whole or name in short else min(width, 8) for name, width in widths.items())
    console.print(drawn, width=max(console.width, least), crop=False)


def print_row(row: list[str]) -> None:
    """A row for a script: one line, tab-separated."""
    print("\t".join(harmless(cell).replace("\t", " ").replace("\n", " ") for cell in row))


def _width(columns: Iterable[int]) -> int:
    return sum(width + 2 for width in columns) - 2
