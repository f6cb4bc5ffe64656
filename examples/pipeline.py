"""Three skills in two languages on a real table: clean it (node), describe it (python), draw it (python).

Run it with `make run`, or with `.venv/bin/python examples/pipeline.py` after `make setup`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from skillbox_core import Runner, RunResult

EXAMPLES = Path(__file__).parent
MEASURES = ["flipper_length_mm", "bill_length_mm", "bill_depth_mm"]

clean = skill("clean-csv")
stats = skill("stats")
chart = skill("chart")
summarise = skill("text-summary")


@flow(name="penguins", task_runner=ThreadPoolTaskRunner(max_workers=4))
def penguins(table: str | None = None, article: str | None = None) -> list[RunResult]:
    """From a table to statistics for each species and a chart of them; a text is summarised beside it.

    Args:
        table: CSV text; without it, data/penguins.csv.
        article: English text; without it, data/gettysburg.txt.
    """
    table = table or (EXAMPLES / "data" / "penguins.csv").read_text("utf-8")
    article = article or (EXAMPLES / "data" / "gettysburg.txt").read_text("utf-8")
    summary = summarise.submit({"text": article, "sentences": 2})
    cleaned = clean({"csv": table, "required": ["species", *MEASURES, "body_mass_g"]})
    # A whole result inside an input draws its own arrow in the UI; a part of one needs `wait_for` to do so.
    described = stats({"rows": cleaned.output["rows"], "group_by": "species", "columns": MEASURES}, wait_for=[cleaned])
    drawn = chart({"stats": described, "columns": MEASURES, "title": "Palmer penguins, mean and standard deviation"})
    return [cleaned, described, drawn, summary.result()]


def main() -> int:
    """Runs the flow, saves the chart and prints what ran."""
    from rich.console import Console
    from rich.table import Table

    results = penguins()
    runner = Runner.from_settings()
    shown = Table("skill", "version", "status", "seconds", "files", "execution", title="What ran")
    for result in results:
        files = ", ".join(result.files_list)
        shown.add_row(
            result.skill,
            result.version,
            result.status.value,
            f"{result.duration_ms / 1000:.2f}",
            files,
            result.execution_id,
        )
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(shown)
    drawing = results[2]
    for path in runner.installation.artifacts.extract(drawing.artifacts, runner.installation.settings.home / "output"):
        console.print(f"chart: {path}", soft_wrap=True)
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

    code = main()
    address = PREFECT_UI_URL.value() or str(PREFECT_API_URL.value() or "").removesuffix("/api")
    print(f"UI:    {address}")
    sys.exit(code)
