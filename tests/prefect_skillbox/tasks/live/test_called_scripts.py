"""Each script of the corpus, called as a mapped Prefect task; and what holds for a run holds for a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas.objects import Artifact
from prefect.futures import PrefectFutureList
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_skillbox import SKILL_DIGEST, skill
from skillbox_core import ExecutionFailedError, Runner, RunResult
from tests.conftest import MakeSkill
from tests.corpus.pushing import Corpus
from tests.corpus.table import Case, cases
from tests.prefect_skillbox.seen import artifacts, run_id

pytestmark = [pytest.mark.once]
ECHO = {"scripts/echo.py": "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"}
TOGETHER = 16
"""Calls in one flow run: what a flow costs is paid once for all, and no test waits for too many others."""
Ended = Callable[[Case], RunResult]


@pytest.fixture(scope="module")
def corpus(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(runner, tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def ended(corpus: Corpus, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """How the call of a case ended, in a flow run that does the calls of the next cases too."""
    chosen = [item.callspec.params.get("case") for item in request.session.items if isinstance(item, pytest.Function)
              and item.path == request.path and hasattr(item, "callspec")]  # fmt: skip
    wanted = [case for case in chosen if isinstance(case, Case)]
    ends: dict[str, RunResult | BaseException] = {}

    def mapped(case: Case) -> PrefectFutureList[RunResult]:
        corpus.push(case)
        folder = tmp_path_factory.mktemp("files")
        for number, text in enumerate(case.files.values()):
            (folder / str(number)).write_text(text)
        given = {name: str(folder / str(number)) for number, name in enumerate(case.files)}
        return skill(case.name, **case.call, env=case.env, raise_on_failure=False).map([case.input], [given])

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def several(some: list[Case]) -> None:
        begun: dict[str, PrefectFutureList[RunResult]] = {}
        for case in some:
            try:
                begun[case.id] = mapped(case)
            except (Exception, pytest.skip.Exception) as error:
                ends[case.id] = error
        for name, futures in begun.items():
            (ends[name],) = futures.result(raise_on_failure=False)

    def end(case: Case) -> RunResult:
        if case.id not in ends:
            first = wanted.index(case)
            several(wanted[first : first + TOGETHER])
        if isinstance(it := ends[case.id], BaseException):
            raise it
        return it

    return end


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_script_is_mapped_as_a_task(case: Case, ended: Ended) -> None:
    result = ended(case)
    assert (result.reason or "", result.usage.exit_code) == (case.failed, case.exit_code), result.error
    assert (result.has_output, result.output) == (case.has_output, case.output)
    assert set(result.files_list) == set(case.left)
    assert result.call is not None
    assert result.call.script == case.call["script"]


@pytest.fixture
def echo(make_skill: MakeSkill) -> str:
    """A skill that has a script beside its entrypoint, which prints its arguments."""
    return make_skill("print()", files=ECHO)


def test_each_run_of_a_map_has_arguments_of_its_own(echo: str, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.csv", "b.csv")]
    for path in paths:
        path.write_text("")
    task = skill(echo, script="scripts/echo.py", args=["--title", "{input.title}", "{files}"])

    @flow
    def mapped() -> list[RunResult]:
        return task.map([{"title": "one"}, {"title": "two"}], [str(path) for path in paths]).result()

    assert [result.output for result in mapped()] == [
        ["--title", "one", "/sandbox/in/files/a.csv"],
        ["--title", "two", "/sandbox/in/files/b.csv"],
    ]


def test_each_run_of_a_map_leaves_out_what_its_input_has_nothing_for(echo: str) -> None:
    task = skill(
        echo,
        script="scripts/echo.py",
        args=["{if input.strict}--strict", ["-t", "{input.title?}"], "--tag={input.tags...?}", ("--in", "{files}")],
    )

    @flow
    def mapped() -> list[RunResult]:
        return task.map([{"title": "one", "tags": ["a", "b"]}, {"strict": True, "title": None}, {}]).result()

    assert [result.output for result in mapped()] == [["-t", "one", "--tag=a", "--tag=b"], ["--strict"], []]


def test_a_call_can_be_called_submitted_and_awaited(echo: str) -> None:
    task = skill(echo, script="scripts/echo.py", args=["{input}"])

    @flow
    def plain() -> list[Any]:
        return [task("called").output, task.submit("submitted").result().output]

    @flow
    async def waiting() -> list[Any]:
        return [future.result().output for future in [task.submit("one"), task.submit("two")]]

    assert plain() == [["called"], ["submitted"]]
    assert asyncio.run(waiting()) == [["one"], ["two"]]


def test_the_result_of_one_call_is_an_argument_of_the_next(echo: str) -> None:
    task = skill(echo, script="scripts/echo.py", args=["{input.a}"])

    @flow
    def chained() -> RunResult:
        return task({"a": task.submit({"a": "x"})})

    assert chained().output == ['["x"]']


def test_what_is_missing_fails_the_task_before_there_is_a_container(echo: str, runner: Runner) -> None:
    task = skill(echo, script="scripts/echo.py", args=["{input.missing}"])

    @flow
    def failing() -> str:
        return str(task({"a": 1}, return_state=True).message)

    assert "{input.missing} is not in the input" in failing()
    assert runner.installation.executions.list("default", skill=echo) == []


def test_an_exit_code_that_is_no_answer_fails_the_task(make_skill: MakeSkill) -> None:
    name = make_skill("", files={"scripts/x.py": "import sys\nprint('finding')\nsys.exit(1)\n"})
    with pytest.raises(ExecutionFailedError, match="ok_exit_codes"):
        skill(name, script="scripts/x.py")()
    result = skill(name, script="scripts/x.py", ok_exit_codes={0, 1})()
    assert (result.output, result.usage.exit_code) == ("finding\n", 1)


def test_a_call_is_cached_by_all_that_it_says(echo: str, runner: Runner) -> None:
    options: Mapping[str, Any] = {"script": "scripts/echo.py", "args": ["a"]}
    variants = [
        options,
        options,
        {**options, "args": ["b"]},
        {**options, "stdin": "x"},
        {**options, "ok_exit_codes": {0, 1}},
        {**options, "result": "text"},
        {**options, "edit": True},
    ]

    @flow
    def once(number: int) -> str | None:
        return skill(echo, cache_policy=SKILL_DIGEST, **variants[number])(return_state=True).name

    assert [once(number) for number in range(len(variants))] == [
        *("Completed", "Cached"),
        *["Completed"] * (len(variants) - 2),
    ]


def test_the_summary_in_the_ui_has_the_call_and_the_exit_code(echo: str) -> None:
    @flow
    def shown() -> None:
        skill(echo, script="scripts/echo.py", args=["`x`", "{input}"])("y")

    def summaries(found: Mapping[str, Artifact]) -> list[str]:
        return [str(one.data) for one in found.values() if "## Output" in str(one.data)]

    (summary,) = summaries(artifacts(run_id(shown(return_state=True)), summaries))
    assert '{"script": "scripts/echo.py", "args": ["`x`", "{input}"]}' in summary
    assert "| exit code | 0 |" in summary
