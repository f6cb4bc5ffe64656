"""The example with packages, as `make run` runs it: pushed with a real index, on a real engine, seen in Prefect."""

from __future__ import annotations

import csv
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from deployments.example import flow_to_run, push
from skillbox_core import Runner, RunOptions, RunRequest, RunResult, input_files
from tests.conftest import EXAMPLES
from tests.prefect_skillbox.seen import artifacts
from tests.services import index

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("usual_pool")]

MEASURES = ["flipper_length_mm", "bill_length_mm", "body_mass_g"]
PENGUINS = str(EXAMPLES / "data" / "penguins.parquet")


@pytest.fixture(scope="module")
def pushed(runner: Runner) -> Runner:
    if why := index.missing():
        pytest.skip(why)
    push(runner.installation, (EXAMPLES / "tables").iterdir())
    return runner


def flow(environment: dict[str, str]) -> str:
    command = [sys.executable, str(EXAMPLES / "pipeline.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_the_example_runs_and_prepares_nothing_when_it_is_run_again(
    pushed: Runner, usual_environment: dict[str, str]
) -> None:
    assert flow_to_run(pushed.installation) == "pipeline.py"
    first, again = flow(usual_environment), flow(usual_environment)
    for said in (first, again):
        assert re.findall(r"(polars|pandas|matplotlib) [\d.]+: (.+)", said) == [
            ("polars", "kept 342 of 344 rows"),
            ("pandas", "described 3 columns of 3 groups"),
            ("matplotlib", "drew 9 boxes"),
        ]
    assert "making the environment" in first
    assert "environment" not in again
    picture = pushed.installation.settings.home / "output" / "boxes.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    run = re.search(r"/runs/flow-run/([0-9a-f-]{36})", again)
    assert run, again
    seen = artifacts(UUID(run[1]), lambda found: {"picture-plot-table", "penguins"} <= set(found))
    assert '"Chinstrap"' in str(seen["penguins"].data)
    assert str(seen["picture-plot-table"].data).startswith("data:image/png")


def test_the_flow_of_the_readme_gives_the_means_of_the_example(pushed: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    # The page's skills are in the installation that the environment names.
    monkeypatch.setenv("SKILLBOX_HOME", str(pushed.installation.settings.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", pushed.installation.settings.instance)
    page = (EXAMPLES.parent / "README.md").read_text("utf-8")
    composed, _ = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(composed, "README.md", "exec", dont_inherit=True), names)
    means = names["report"](PENGUINS)
    whole = run(pushed, "clean-table", {"required": ["species"]}, files=PENGUINS)
    described = run(pushed, "describe-table", {"group_by": "species"}, files=whole).table("summary.csv").to_pandas()
    assert means.equals(described)
    assert len(means) == 3 * 5


def test_the_means_are_those_of_the_csv(pushed: Runner) -> None:
    cleaned = run(pushed, "clean-table", {"required": MEASURES}, files=PENGUINS)
    described = run(pushed, "describe-table", {"group_by": "species", "columns": MEASURES}, files=cleaned)
    with (EXAMPLES / "data" / "penguins.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if "NA" not in {row[column] for column in MEASURES}]
    assert cleaned.output["rows"] == described.output["rows"] == len(rows)
    assert cleaned.output["missing"]["sex"] == 11
    for species, means in described.output["groups"].items():
        for column in MEASURES:
            expected = statistics.fmean(float(row[column]) for row in rows if row["species"] == species)
            assert means[column] == pytest.approx(expected, abs=0.051)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("clean-table", {"required": ["weight"]}, '"weight" is not a column (species, island,'),
        ("describe-table", {"group_by": "kind"}, '"kind" is not a column (species, island,'),
        ("describe-table", {"group_by": "species", "columns": ["sex"]}, '"sex" is not a column of numbers'),
    ],
)
def test_a_column_that_is_not_there_is_named(pushed: Runner, name: str, given: dict[str, object], says: str) -> None:
    result = run(pushed, name, given, files=PENGUINS, ok=False)
    assert (result.status.value, result.usage.exit_code) == ("failed", 2)
    assert says in result.logs


@pytest.mark.parametrize(
    ("name", "file"), [("clean-table", "t.parquet"), ("describe-table", "t.parquet"), ("plot-table", "summary.csv")]
)
def test_a_file_that_is_none_of_its_kind_is_refused(pushed: Runner, tmp_path: Path, name: str, file: str) -> None:
    (tmp_path / file).write_text("no table\n")
    given = {"group_by": "a"} if name == "describe-table" else {}
    result = run(pushed, name, given, files=str(tmp_path / file), ok=False)
    assert (result.status.value, result.usage.exit_code) == ("failed", 2)
    assert f"{name}: " in result.logs


def run(runner: Runner, name: str, given: dict[str, object], *, files: object, ok: bool = True) -> RunResult:
    result = runner.run(RunRequest(skill=name, input=given), RunOptions(files=input_files(files)))
    assert result.ok is ok, result.logs
    return result
