"""What a data team does, on a real table: clean it (polars), describe it (pandas), draw it (matplotlib).

`make run` pushes the skills of examples/tables and runs this; `.venv/bin/python examples/pipeline.py` runs it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import files_from, skill
from skillbox_core import RunResult

EXAMPLES = Path(__file__).parent
MEASURES = ["flipper_length_mm", "bill_length_mm", "body_mass_g"]

clean = skill("clean-table")
describe = skill("describe-table")
plot = skill("plot-table")


@flow(name="penguins", task_runner=ThreadPoolTaskRunner(max_workers=4))
def penguins(table: str = str(EXAMPLES / "data" / "penguins.parquet"), group_by: str = "species") -> list[RunResult]:
    """From a Parquet table to box plots of its groups; each skill takes the files that the one before it left.

    Args:
        table: Path of a Parquet file.
        group_by: The column whose values make the groups.
    """
    measured = pd.read_parquet(table, columns=[group_by, "year", *MEASURES])
    # A frame is a file for a skill: of pandas as here, of polars, DuckDB or Arrow.
    cleaned = clean({"required": [group_by, *MEASURES]}, files={"penguins.parquet": measured})
    described = describe({"group_by": group_by, "columns": MEASURES}, files=cleaned)
    drawn = plot({"title": f"Palmer penguins by {group_by}"}, files=files_from(described, "summary.csv"))
    # And a file that a skill left is a table.
    means = described.table("summary.csv").to_pandas().pivot_table("mean", "group", "column", sort=False).round(1)
    create_table_artifact(means.reset_index().to_dict("records"), key="penguins", description=f"Means by {group_by}")
    return [cleaned, described, drawn]


if __name__ == "__main__":
    from shown import show

    sys.exit(show(penguins()))
