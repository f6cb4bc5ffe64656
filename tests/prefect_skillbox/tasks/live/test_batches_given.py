"""What a batch is given: files, tables, futures, an environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars
import pytest
from prefect import allow_failure, flow, task, unmapped
from prefect.exceptions import UnfinishedRun
from prefect.task_runners import PrefectTaskRunner

from prefect_skillbox import files_from, secret, skill
from skillbox_core import Reason, Runner, RunResult
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import BatchFailedError
from tests.conftest import MakeSkill
from tests.prefect_skillbox.batches import ECHO, outputs, records, threads

COPY = """
import json, os
given = {name: open("/sandbox/in/files/" + name).read() for name in os.listdir("/sandbox/in/files")}
for name, text in given.items(): open("/sandbox/out/files/" + name, "w").write(text)
json.dump(given, open("/sandbox/out/output.json", "w"))
"""


def test_files_are_the_inputs_own_or_the_same_for_all(
    make_skill: MakeSkill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_skill(COPY)
    for one in ("a.txt", "b.txt"):
        (tmp_path / one).write_text(one[0])
    monkeypatch.chdir(tmp_path)

    @flow(task_runner=threads())
    def many() -> list[Any]:
        copy = skill(name)
        own = copy.batch([{}, {}], files=["a.txt", "b.txt"])
        same = copy.batch([{}, {}], files=unmapped(["a.txt", "b.txt"]))
        # One input for all files; and the files of a batch are those of its runs, one for each.
        frames = copy.batch({}, files=[{"t.csv": polars.DataFrame({"n": [n]})} for n in (1, 2)], size=1)
        of_runs = copy.batch([{}, {}], files=own)
        mapped = copy.map([{}, {}], files=own)
        chosen = copy.batch([{}], files=files_from(own.result()[0], "a.txt"))
        return [outputs(batch.result()) for batch in (own, same, frames, of_runs, mapped, chosen)]

    own, same, frames, of_runs, mapped, chosen = many()
    assert own == of_runs == mapped == [{"a.txt": "a"}, {"b.txt": "b"}]
    assert same == [{"a.txt": "a", "b.txt": "b"}] * 2
    assert frames == [{"t.csv": '"n"\n1\n'}, {"t.csv": '"n"\n2\n'}]
    assert chosen == [{"a.txt": "a"}]


def test_a_table_that_is_read_once_is_there_for_every_try(make_skill: MakeSkill) -> None:
    name = make_skill(COPY + "\nif '2' in given['t.csv']: raise SystemExit(5)\n")

    def rows(n: int) -> Iterator[Any]:
        yield polars.DataFrame({"n": [n]})

    @flow(task_runner=threads())
    def many() -> list[Any]:
        copy = skill(name, retries=1, retry_delay_seconds=0)
        return copy.batch({}, files=[{"t.csv": rows(n)} for n in (1, 2)]).result(raise_on_failure=False)

    good, failed = many()
    assert good.output == {"t.csv": '"n"\n1\n'}
    assert failed.result.reason is Reason.EXIT, failed.result.error


def test_inputs_may_be_futures_and_what_a_task_gives(make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    @task
    def numbers() -> list[int]:
        return [7, 8]

    @flow(task_runner=threads())
    def many() -> list[Any]:
        echo = skill(name)
        of_task = echo.batch(numbers.submit())
        of_map = echo.batch(echo.map([5, 6]))
        of_batch = echo.batch(of_task, size=1)
        failed = echo.submit(3)
        failed.wait()
        lenient = skill(name).batch([{"after": allow_failure(failed)}])
        one = echo({"all": of_task})
        return [outputs(batch.result()) for batch in (of_task, of_map, of_batch, lenient)] + [one.output]

    assert many() == [[7, 8], [5, 6], [7, 8], [{"after": None}], {"all": [7, 8]}]


def test_a_part_whose_upstream_failed_is_not_run(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=threads())
    def many() -> None:
        echo = skill(name)
        batch = echo.batch([1, echo.submit("bad"), 2], size=2)
        results = batch.result(raise_on_failure=False)
        assert [isinstance(one, Exception) for one in results] == [True, True, False]
        with pytest.raises(UnfinishedRun, match="PENDING"):
            batch.result()

    many()
    assert records(runner, name) == ["failed", "success"]


def test_what_breaks_off_as_one_input_is_read_is_its_own(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(COPY)

    def rows(n: int) -> Iterator[Any]:
        yield polars.DataFrame({"n": [n]})
        if n == 1:
            raise KeyError("no such column")

    @flow(task_runner=threads())
    def many() -> None:
        copy = skill(name)
        batch = copy.batch([{}, {}, {}], files=[{"t.csv": rows(n)} for n in range(3)])
        with pytest.raises(
            BatchFailedError, match=r"1 of 3 inputs failed: input 1: KeyError: 'no such column'"
        ) as told:
            batch.result()
        assert [result.ok for result in told.value.results] == [True, False, True]

    many()
    assert records(runner, name) == ["success", "success"]


def test_a_runner_that_leaves_its_tasks_to_task_workers_is_refused(make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    @flow(task_runner=PrefectTaskRunner())
    def many() -> None:
        with pytest.raises(InvalidRequestError, match="no task worker serves a batch"):
            skill(name).batch([1])

    many()


ENVIRONMENT = """
import json, os
print("key is", os.environ["KEY"])
json.dump(len(os.environ["KEY"]), open("/sandbox/out/output.json", "w"))
"""


def test_an_environment_with_secrets_and_limits_are_those_of_each_run(make_skill: MakeSkill) -> None:
    from prefect.blocks.system import Secret

    name = make_skill(ENVIRONMENT)
    Secret(value="a-long-secret-word").save(f"{name}-key", overwrite=True)  # type: ignore[unused-coroutine]

    @flow(task_runner=threads())
    def many() -> list[RunResult]:
        return skill(name, env={"KEY": secret(f"{name}-key")}, memory="80Mi").batch([{}, {}]).result()

    results = many()
    assert [(result.output, result.logs) for result in results] == [(18, "key is ***\n")] * 2


def test_a_file_that_changes_between_two_tries_is_another_request(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path
) -> None:
    name = make_skill(COPY + "\nif given['own.txt'] == 'bad': raise SystemExit(5)\n")
    for one in ("0", "1"):
        (tmp_path / one).write_text("good" if one == "0" else "bad")

    def mended(_task: Any, _run: Any, _state: Any) -> bool:
        (tmp_path / "1").write_text("mended")
        return True

    @flow(task_runner=threads())
    def many() -> list[Any]:
        copy = skill(name, retries=1, retry_delay_seconds=0, retry_condition_fn=mended)
        return outputs(copy.batch({}, files=[{"own.txt": str(tmp_path / one)} for one in ("0", "1")]).result())

    assert many() == [{"own.txt": "good"}, {"own.txt": "mended"}]
    assert records(runner, name) == ["failed", "success", "success"]
