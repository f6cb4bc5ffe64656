"""A run on a terminal: its lines as they come, above a spinner, or above a bar once the skill says how far it is."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from skillbox_core.base.progress import Progress, parse_progress
from skillbox_core.base.text import harmless


class TerminalLog:
    """Shows the lines of one run.

    Args:
        console: The terminal.
        title: What is being done.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._spinner = console.status(Text(title))
        # What a skill says is no markup.
        texts = [TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[text]")]
        self._bar = Bar(
            SpinnerColumn(), texts[0], BarColumn(), TaskProgressColumn(), texts[1], console=console, transient=True
        )
        self._task = self._bar.add_task(title, total=100, text="")

    def __enter__(self) -> Self:
        self._spinner.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._spinner.stop()
        self._bar.stop()

    def show(self, stream: str, line: str) -> None:
        """Shows a line; one of progress moves the bar and is not printed."""
        progress = parse_progress(line) if stream == "stderr" and line.startswith("::") else None
        if progress is None:
            self._console.print(Text(harmless(line), style="yellow" if stream == "stderr" else ""))
        else:
            self._move(progress)

    def _move(self, progress: Progress) -> None:
        # The terminal has room for one of them.
        self._spinner.stop()
        self._bar.start()
        self._bar.update(self._task, completed=progress.percent, text=harmless(progress.text).replace("\n", " "))
