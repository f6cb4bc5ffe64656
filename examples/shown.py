"""What the example flows print when they are run from a terminal."""

from __future__ import annotations

import sys

from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

from skillbox_core import Runner, RunResult


def show(results: list[RunResult]) -> int:
    """Prints what ran and saves the pictures; the exit code."""
    from rich.console import Console
    from rich.table import Table

    home = Runner.from_settings().installation.settings.home
    shown = Table("skill", "version", "status", "seconds", "files", "execution", title="What ran")
    for result in results:
        seconds = f"{result.duration_ms / 1000:.2f}"
        files = ", ".join(result.files_list)
        shown.add_row(result.skill, result.version, result.status.value, seconds, files, result.execution_id)
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(shown)
    for result in results:
        if any(path.endswith((".svg", ".png")) for path in result.files_list):
            for path in result.download(home / "output"):
                console.print(f"chart: {path}", soft_wrap=True)
    address = PREFECT_UI_URL.value() or str(PREFECT_API_URL.value() or "").removesuffix("/api")
    print(f"UI:    {address}")
    return 0 if all(result.ok for result in results) else 1
