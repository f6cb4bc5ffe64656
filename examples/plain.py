"""The example without packages: clean a table (node), describe it and draw it (Python's standard library).

`make run` runs it where no package index answers; `.venv/bin/python examples/plain.py` does after `make run`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import skill
from skillbox_core import RunResult

EXAMPLES = Path(__file__).parent
MEASURES = ["flipper_length_mm", "bill_length_mm", "bill_depth_mm"]

clean = skill("clean-csv")
stats = skill("stats")
chart = skill("chart")
summarise = skill("text-summary")


@flow(name="penguins-plain", task_runner=ThreadPoolTaskRunner(max_workers=4))
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


if __name__ == "__main__":
    from shown import show

    sys.exit(show(penguins()))
