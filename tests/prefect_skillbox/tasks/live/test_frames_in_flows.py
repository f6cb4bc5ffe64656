"""Tables in memory as files of skills in a flow: called, mapped, retried, cached, in other processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_dask import DaskTaskRunner

from prefect_skillbox import SKILL_DIGEST, skill
from skillbox_core import ExecutionFailedError, Runner
from skillbox_core.errors import InvalidRequestError
from tests.conftest import MakeSkill

SUM = """
import csv, json, os
top = os.environ["SANDBOX_INPUT_FILES_DIR"]
sums = {}
for folder, _, names in os.walk(top):
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(".csv"):
            sums[os.path.relpath(path, top)] = sum(int(row["n"]) for row in csv.DictReader(open(path)))
        else:
            sums[os.path.relpath(path, top)] = open(path, "rb").read(4).decode()
json.dump(dict(sorted(sums.items())), open("/sandbox/out/output.json", "w"))
"""
FAIL = SUM + "raise SystemExit(str(sums))"
COLUMNS = {"kind": ["a", "b", "a"], "n": [1, 2, 3]}


def batches() -> Iterator[pa.RecordBatch]:
    for n in COLUMNS["n"]:
        yield pa.record_batch({"n": [n]})


@pytest.fixture(autouse=True)
def _nothing_stays(runner: Runner) -> Iterator[None]:
    yield
    assert [entry.name for entry in runner.installation.spool.iterdir()] == []


def test_tables_of_every_library_and_batches_are_files_of_a_skill(make_skill: MakeSkill) -> None:
    add = skill(make_skill(SUM))

    @flow
    def tables() -> Any:
        connection = duckdb.connect()
        files = {
            "polars.csv": pl.DataFrame(COLUMNS),
            "in": [{"pandas.csv": pd.DataFrame(COLUMNS)}, {"generator.csv": batches()}],
            "duckdb.csv": connection.sql("select unnest([4, 5]) as n"),
            "t.parquet": pd.DataFrame(COLUMNS),
        }
        return add.submit({}, files=files).result().output

    assert tables() == {
        "duckdb.csv": 9,
        "in/generator.csv": 6,
        "in/pandas.csv": 6,
        "polars.csv": 6,
        "t.parquet": "PAR1",
    }


def test_a_skill_is_mapped_over_the_groups_of_a_table(make_skill: MakeSkill) -> None:
    add = skill(make_skill(SUM))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def groups() -> Any:
        by_kind = pl.DataFrame(COLUMNS).partition_by("kind", maintain_order=True)
        polars = add.map(files=[{"part.csv": group} for group in by_kind])
        pandas = add.map([{}, {}], files={"part.csv": pd.DataFrame(COLUMNS)})
        return [result.output["part.csv"] for result in [*polars.result(), *pandas.result()]]

    assert groups() == [4, 2, 6, 6]


def test_futures_of_tables_stand_for_the_tables(make_skill: MakeSkill) -> None:
    add = skill(make_skill(SUM))

    @task
    def load(factor: int) -> pd.DataFrame:
        return pd.DataFrame(COLUMNS).assign(n=lambda frame: frame["n"] * factor)

    @flow
    def futures() -> Any:
        one = add.submit(files={"x.csv": load.submit(10)})
        several = add.map(files=[{"x.csv": future} for future in load.map([1, 2])])
        return [result.output["x.csv"] for result in (one.result(), *several.result())]

    assert futures() == [60, 6, 12]


def test_a_table_in_the_place_of_all_files_is_refused(make_skill: MakeSkill) -> None:
    add = skill(make_skill(SUM))

    @flow
    def unnamed() -> Any:
        called = add(files=pd.DataFrame(COLUMNS), return_state=True)
        mapped = add.map([{}], files=pl.DataFrame(COLUMNS))
        mapped.wait()
        return [state.result(raise_on_failure=False) for state in (called, mapped[0].state)]

    for error in unnamed():
        assert isinstance(error, InvalidRequestError)
        assert 'files={"name.parquet": table}' in str(error)


def test_all_tries_of_a_task_have_the_rows_of_its_iterator(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(FAIL)
    add = skill(name, retries=2)
    given = batches()

    @flow
    def tries() -> Any:
        state = add({}, files={"g.csv": given}, return_state=True)
        other = add({}, files={"g.csv": given}, return_state=True)
        return [one.result(raise_on_failure=False) for one in (state, other)]

    failed, second = tries()
    assert isinstance(failed, ExecutionFailedError)
    assert isinstance(second, InvalidRequestError)
    assert "was read before" in str(second)
    listed = runner.installation.executions.list("default", skill=name)
    executions = [runner.installation.executions.get("default", execution.id) for execution in listed]
    assert len(executions) == 3
    assert all("{'g.csv': 6}" in execution.logs for execution in executions)
    assert len({execution.input_files for execution in executions}) == 1


@pytest.mark.parametrize("policy", [SKILL_DIGEST, INPUTS], ids=["digest", "inputs"])
def test_a_table_is_known_to_the_cache_by_its_contents(runner: Runner, make_skill: MakeSkill, policy: Any) -> None:
    name = make_skill(SUM)
    add = skill(name, cache_policy=policy)

    def names(*tables: Any) -> list[str | None]:
        @flow
        def calls() -> list[str | None]:
            return [add({}, files={"t.csv": table}, return_state=True).name for table in tables]

        return calls()

    frame = pl.DataFrame(COLUMNS)
    assert names(frame, frame.clone(), frame.with_columns(n=pl.lit(1)), frame) == [
        "Completed",
        "Cached",
        "Completed",
        "Cached",
    ]
    changing = pd.DataFrame(COLUMNS)
    assert names(changing)
    changing.loc[0, "n"] = 100
    assert names(changing) == ["Completed"]
    assert names(pd.DataFrame(COLUMNS)) == ["Cached"]


def test_a_cached_task_reads_an_iterator_once(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(SUM)
    add = skill(name, cache_policy=SKILL_DIGEST)

    @flow
    def calls() -> Any:
        states = [add({}, files={"t.csv": batches()}, return_state=True) for _ in range(2)]
        submitted = add.submit({}, files={"t.csv": batches()})
        submitted.wait()
        return [(state.name, state.result().output["t.csv"]) for state in (*states, submitted.state)]

    assert calls() == [("Completed", 6), ("Cached", 6), ("Cached", 6)]
    assert len(runner.installation.executions.list("default", skill=name)) == 1


def test_tables_pass_to_the_processes_of_dask(make_skill: MakeSkill) -> None:
    add = skill(make_skill(SUM))

    @flow(
        task_runner=DaskTaskRunner(cluster_kwargs={"n_workers": 1, "threads_per_worker": 2, "dashboard_address": None})
    )
    def elsewhere() -> Any:
        one = add.submit({}, files={"x.csv": pl.DataFrame(COLUMNS)})
        several = add.map(files=[{"x.csv": pd.DataFrame(COLUMNS)}, {"x.csv": pa.table(COLUMNS)}])
        return [result.output["x.csv"] for result in (one.result(), *several.result())]

    assert elsewhere() == [6, 6, 6]
