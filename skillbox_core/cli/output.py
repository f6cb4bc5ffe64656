"""What the command line shows: one sentence for an error, text from strangers made harmless, exit codes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from skillbox_core.status import Reason, Status
from skillbox_core.text import harmless

if TYPE_CHECKING:
    from skillbox_core.models import RunResult

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


def print_json(value: Any) -> None:
    """A JSON document on stdout, safe for any terminal and locale."""
    print(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=True))


def table(columns: list[str], rows: list[list[str]]) -> None:
    """A table: drawn on a terminal, tab-separated when piped."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(harmless(cell).replace("\t", " ").replace("\n", " ") for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*(Text(harmless(cell)) for cell in row))
    Console().print(drawn)
