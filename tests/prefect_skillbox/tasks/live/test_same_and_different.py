"""Two different skills never look the same to Prefect: not to its cache, its task workers, its graph or its lists."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars
import pytest
from prefect import allow_failure, flow, task
from prefect.cache_policies import DEFAULT, FLOW_PARAMETERS, INPUTS, RUN_ID, TASK_SOURCE, CachePolicy
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import TaskRun
from prefect.futures import PrefectDistributedFuture
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import task_input_hash
from prefect.utilities.collections import visit_collection

from prefect_skillbox import SKILL_DIGEST, skill
from prefect_skillbox.tasks.result import SkillResult
from prefect_skillbox.tasks.skill_task import SkillTask
from skillbox_core import Runner, RunResult
from skillbox_core.status import Status
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen
from tests.services import skills
from tests.services.process import running
from tests.services.web import Page, web

PROGRAM = Path(__file__).parent / "programs" / "serving.py"

# Says who it is: its own name, its variable or else its argument, what its input and its files are.
SCRIPT = """
import json, os, pathlib, sys
files = pathlib.Path("/sandbox/in/files")
said = {
    "of": "OF",
    "who": os.environ.get("WHO", *sys.argv[1:]),
    "input": open("/sandbox/input.json").read(),
    "files": {p.name: p.read_text() for p in files.iterdir()} if files.exists() else {},
}
json.dump(said, open("/sandbox/out/output.json", "w"))
"""
OVERLAY = "entrypoints: {first: {script: main.py, args: [first]}, second: {script: main.py, args: [second]}}"


def constant(_context: Any, _parameters: dict[str, Any]) -> str:
    return "always"


CACHING: dict[str, dict[str, Any]] = {
    "DEFAULT": {"cache_policy": DEFAULT},
    "INPUTS": {"cache_policy": INPUTS},
    "INPUTS + TASK_SOURCE": {"cache_policy": INPUTS + TASK_SOURCE},
    "TASK_SOURCE": {"cache_policy": TASK_SOURCE},
    "FLOW_PARAMETERS": {"cache_policy": FLOW_PARAMETERS},
    "RUN_ID": {"cache_policy": RUN_ID},
    "SKILL_DIGEST": {"cache_policy": SKILL_DIGEST},
    "SKILL_DIGEST + RUN_ID": {"cache_policy": SKILL_DIGEST + RUN_ID},
    "a function": {"cache_key_fn": constant},
    "task_input_hash": {"cache_key_fn": task_input_hash},
}


@pytest.fixture
def say(runner: Runner) -> Callable[..., str]:
    """Pushes a skill that says who it is, and gives its name."""

    def push(version: str = "1.0.0", name: str = "") -> str:
        name = name or f"t-{uuid.uuid4().hex[:12]}"
        skills.push(
            runner,
            name,
            SCRIPT.replace("OF", f"{name}@{version}"),
            front=f"version: {version}",
            files={".skillbox/overlay.yaml": OVERLAY},
        )
        return name

    return push


@flow
def in_one_run(calls: list[Any], parameter: Any = None) -> list[tuple[str | None, Any]]:
    """The name of the state and the output of each call."""
    states = [task(*arguments, return_state=True) for task, *arguments in calls]
    return [(state.name, state.result(raise_on_failure=False).output) for state in states]


@pytest.mark.parametrize("caching", CACHING)
def test_prefects_cache_never_gives_the_result_of_another_call(
    caching: str, say: Callable[..., str], runner: Runner, tmp_path: Path
) -> None:
    options, given = CACHING[caching], {"x": caching}
    name, other = say(), say()
    say("1.1.0", name)
    runner_of_partner = f"partner-{uuid.uuid4().hex[:8]}"
    skills.push(runner, name, SCRIPT.replace("OF", "the partner's"), tenant=runner_of_partner)
    one, two = tmp_path / "one" / "a.csv", tmp_path / "two" / "a.csv"
    for path in (one, two):
        path.parent.mkdir()
        path.write_text(path.parent.name)
    first = skill(f"{name}@1.0.0", **options)
    different = [
        (first, given),
        (skill(other, **options), given),
        (skill(f"{name}@1.1.0", **options), given),
        (skill(name, tenant=runner_of_partner, **options), given),
        (skill(f"{name}@1.0.0", env={"WHO": "me"}, **options), given),
        (skill(f"{name}@1.0.0", env={"WHO": "you"}, **options), given),
        (skill(f"{name}@1.0.0", memory="300Mi", **options), given),
        (skill(f"{name}@1.0.0", timeout="61s", **options), given),
        (skill(f"{name}@1.0.0", cpu="0.6", **options), given),
        (first, given, str(one)),
        (first, given, str(two)),
        (first, given, {"b.csv": str(two)}),
        (skill(f"{name}@1.0.0#first", **options), given),
        (skill(f"{name}@1.0.0#second", **options), given),
    ]
    # The same objects twice in one flow run, as the parameters of the flow are part of some keys.
    ended = in_one_run([*different, *different])
    before, again = ended[: len(different)], ended[len(different) :]
    assert [state for state, _ in before] == ["Completed"] * len(different)
    assert [state for state, _ in again] == ["Cached"] * len(different)
    assert [output for _, output in again] == [output for _, output in before]
    told = [(output["of"], output["who"], output["files"]) for _, output in before]
    assert told == [
        (f"{name}@1.0.0", None, {}),
        (f"{other}@1.0.0", None, {}),
        (f"{name}@1.1.0", None, {}),
        ("the partner's", None, {}),
        (f"{name}@1.0.0", "me", {}),
        (f"{name}@1.0.0", "you", {}),
        (f"{name}@1.0.0", None, {}),
        (f"{name}@1.0.0", None, {}),
        (f"{name}@1.0.0", None, {}),
        (f"{name}@1.0.0", None, {"a.csv": "one"}),
        (f"{name}@1.0.0", None, {"a.csv": "two"}),
        (f"{name}@1.0.0", None, {"b.csv": "two"}),
        (f"{name}@1.0.0", "first", {}),
        (f"{name}@1.0.0", "second", {}),
    ]


@pytest.mark.once
@pytest.mark.parametrize("options", [{"cache_policy": INPUTS}, {"cache_key_fn": task_input_hash}])
def test_prefects_hash_of_the_inputs_does_not_hide_the_order_of_their_keys(
    options: dict[str, Any], say: Callable[..., str]
) -> None:
    told = skill(say(), **options)
    orders = [{"a": 1, "b": [{"c": 2, "d": 3}]}, {"b": [{"c": 2, "d": 3}], "a": 1}, {"a": 1, "b": [{"d": 3, "c": 2}]}]
    ended = in_one_run([(told, value) for value in (*orders, *orders)])
    assert [state for state, _ in ended] == ["Completed"] * 3 + ["Cached"] * 3
    assert [json.loads(output["input"]) for _, output in ended] == orders * 2
    assert len({output["input"] for _, output in ended}) == 3


@pytest.mark.once
@pytest.mark.parametrize("options", [{"cache_policy": INPUTS}, {"cache_key_fn": task_input_hash}])
def test_two_failed_results_in_an_input_are_two_inputs(
    options: dict[str, Any], say: Callable[..., str], make_skill: MakeSkill
) -> None:
    script = "import json, shutil; shutil.copy('/sandbox/input.json', '/sandbox/out/output.json'); raise SystemExit(3)"
    failing, told = skill(make_skill(script)), skill(say(), **options)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def both() -> list[str]:
        return [told(allow_failure(failing.submit({"n": n}))).output["input"] for n in (1, 2)]

    assert both() == ['{"n":1}', '{"n":2}']


@pytest.mark.once
def test_skill_digest_inside_a_policy_of_ones_own_is_that_of_the_call(say: Callable[..., str]) -> None:
    def daily(context: Any, parameters: dict[str, Any]) -> str:
        return f"today {SKILL_DIGEST.compute_key(context, parameters, {})}"

    told = skill(say(), cache_key_fn=daily)
    ended = in_one_run([(told, {"n": n}) for n in (1, 2, 1)])
    assert [(state, output["input"]) for state, output in ended] == [
        ("Completed", '{"n":1}'),
        ("Completed", '{"n":2}'),
        ("Cached", '{"n":1}'),
    ]


@pytest.mark.once
def test_a_flows_parameters_count_in_their_order_too(say: Callable[..., str]) -> None:
    told = skill(say(), cache_policy=FLOW_PARAMETERS)

    @flow
    def passes(row: dict[str, int]) -> tuple[str | None, str]:
        state = told(row, return_state=True)
        return state.name, state.result().output["input"]

    ended = [passes({"b": 1, "a": 2}), passes({"a": 2, "b": 1}), passes({"b": 1, "a": 2})]
    assert ended == [("Completed", '{"b":1,"a":2}'), ("Completed", '{"a":2,"b":1}'), ("Cached", '{"b":1,"a":2}')]


@pytest.mark.once
def test_the_source_of_a_skill_is_what_was_pushed(say: Callable[..., str]) -> None:
    name = say()
    told = {policy: skill(name, cache_policy=policy_) for policy, policy_ in (("s", TASK_SOURCE), ("i", INPUTS))}
    assert [state for state, _ in in_one_run([(told["s"], {}), (told["i"], {})])] == ["Completed"] * 2
    say("1.1.0", name)
    ended = in_one_run([(told["s"], {}), (told["i"], {})])
    assert [(state, output["of"]) for state, output in ended] == [
        ("Completed", f"{name}@1.1.0"),
        ("Cached", f"{name}@1.0.0"),
    ], "without TASK_SOURCE the version counts as it was asked for, as any argument does"


@pytest.mark.once
def test_a_users_cache_key_function_gets_what_it_gets_from_a_plain_task(say: Callable[..., str]) -> None:
    given: list[dict[str, Any]] = []

    def key(context: Any, parameters: dict[str, Any]) -> str:
        given.append(parameters)
        return f"{context.task.name} {sorted(parameters)}"

    @task(cache_key_fn=key)
    def plain(input: Any = None, files: Any = None) -> RunResult:
        return RunResult(execution_id="x", status=Status.SUCCESS, output=None)

    told = skill(say(), cache_key_fn=key)
    value = {"b": 1, "a": [told.name]}
    in_one_run([(plain, value, None), (told, value, None)])
    assert given == [{"input": value, "files": None}] * 2


@pytest.fixture
def pages() -> Iterator[tuple[dict[str, Page], str]]:
    pages: dict[str, Page] = {}
    with web(pages) as address:
        yield pages, address


@pytest.mark.once
@pytest.mark.parametrize("policy", [SKILL_DIGEST, SKILL_DIGEST + RUN_ID, INPUTS])
def test_what_a_server_says_nothing_of_is_not_taken_for_unchanged(
    policy: CachePolicy, say: Callable[..., str], pages: tuple[dict[str, Page], str], caplog: pytest.LogCaptureFixture
) -> None:
    served, address = pages
    told = skill(say(), cache_policy=policy)

    def read(page: Page) -> tuple[str | None, Any]:
        served["/x.csv"] = page
        ((state, output),) = in_one_run([(told, {}, f"{address}/x.csv")])
        return state, output["files"]["x.csv"]

    if policy != SKILL_DIGEST + RUN_ID:
        tagged = [read(Page([text], headers={"ETag": f'"{text!a}"'})) for text in (b"1", b"1", b"2")]
        assert tagged == [("Completed", "1"), ("Cached", "1"), ("Completed", "2")]
    assert "no cache key" not in caplog.text
    assert [read(Page([text])) for text in (b"3", b"3", b"4")] == [("Completed", text) for text in "334"]
    assert caplog.text.count("has no cache key: its store says nothing of the contents of x.csv") == 3


def test_each_run_of_a_map_has_a_name_of_its_own_and_so_have_its_steps(say: Callable[..., str]) -> None:
    name = say()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
    def maps() -> list[list[str]]:
        plain, own = skill(name), skill(name, task_run_name="of {input[city]}")
        made = [plain.map([{}, {}]), own.map([{"city": "Bonn"}, {"city": "Ulm"}]), [own.submit({"city": "Kiel"})]]
        return [[future.result().output["of"] for future in futures] for futures in made]

    state = maps(return_state=True)
    assert state.result() == [[f"{name}@1.0.0"] * 2, [f"{name}@1.0.0"] * 2, [f"{name}@1.0.0"]]
    steps = sorted(f"{name}@1.0.0{index} · wait" for index in ("[0]", "[1]", "[0]", "[1]", ""))
    expected = sorted([f"{name}[0]", f"{name}[1]", "of Bonn[0]", "of Ulm[1]", "of Kiel"]), steps

    def names() -> tuple[list[str], list[str]]:
        found = [run.name for run in _task_runs(state)]
        own = [name for name in found if " · " not in name]
        return sorted(own), sorted(name for name in found if name.endswith(" · wait"))

    # The server records task runs from events, a moment after they happened.
    assert seen.eventually(names, lambda found: found == expected) == expected


def _task_runs(state: Any) -> list[TaskRun]:
    with get_client(sync_client=True) as client:
        runs = FlowRunFilter(id=FlowRunFilterId(any_=[seen.run_id(state)]))
        return client.read_task_runs(flow_run_filter=runs)


@pytest.mark.once
def test_a_skills_result_is_whole_and_prefect_looks_at_its_output_only(say: Callable[..., str]) -> None:
    ((_, output),) = in_one_run([(skill(say()), {})])
    assert output["who"] is None

    @flow
    def once() -> RunResult:
        return skill(say())({})

    result = once()
    assert isinstance(result, SkillResult)
    assert set(dict(result)) == set(RunResult.model_fields)
    core = RunResult(**dict(result))
    assert (result == core, core == result) == (True, True)
    assert json.loads(result.model_dump_json())["output"] == result.output
    assert not dataclasses.is_dataclass(result)
    visited: list[Any] = []
    for value in (result.output, "", None, 3):
        visit_collection(result.model_copy(update={"output": value}), visited.append, max_depth=1)
    assert [type(one) for one in visited] == [SkillResult, dict, SkillResult, SkillResult, SkillResult]


@pytest.mark.once
def test_results_are_kept_where_an_option_asks_for_it_and_only_for_their_own_run(
    say: Callable[..., str], runner: Runner
) -> None:
    for option in ({"persist_result": True}, {"result_serializer": "pickle"}):
        ended = in_one_run([(skill(name := say(), **option), {}), (skill(name, **option), {})])
        assert [state for state, _ in ended] == ["Completed", "Completed"]

    @flow
    def kept() -> Any:
        return skill(say(), persist_result=True)({}, return_state=True).data

    assert kept().is_persisted


@pytest.mark.once
def test_options_do_what_they_do_for_a_plain_task(say: Callable[..., str], make_skill: MakeSkill) -> None:
    ended: list[str] = []
    asked: list[str] = []

    def done(_task: Any, run: Any, _state: Any) -> None:
        ended.append(run.name)

    def once_more(word: str, _task: Any, run: Any, _state: Any) -> bool:
        asked.append(word)
        return run.run_count < 2

    told = skill(say(), name="called", tags=["t"], on_completion=[done], log_prints=True)
    failing = skill(
        make_skill("raise SystemExit(1)"), retries=5, retry_condition_fn=partial(once_more, "no"), on_failure=[done]
    )

    @flow
    def uses() -> tuple[str | None, str | None]:
        return told({}, return_state=True).name, failing({}, return_state=True).name

    states = uses(return_state=True)
    assert states.result(raise_on_failure=False) == ("Completed", "Failed")
    assert (ended, asked) == (["called", failing.name], ["no", "no"])
    runs = seen.eventually(lambda: _task_runs(states), lambda found: "called" in {run.name for run in found})
    assert next(run.tags for run in runs if run.name == "called") == ["t"]


@pytest.fixture
def background(
    say: Callable[..., str], make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dict[str, SkillTask]]:
    """The tasks of a program that serves them, seen from here, while it runs."""
    names = [say(), say(), make_skill("raise SystemExit(3)")]
    monkeypatch.setenv("TEST_SKILLS", ",".join(names))
    sys.modules.pop("tests.prefect_skillbox.tasks.live.programs.serving", None)
    with running([sys.executable, str(PROGRAM)], tmp_path / "worker.log", env=dict(os.environ)):
        yield importlib.import_module("tests.prefect_skillbox.tasks.live.programs.serving").TASKS


def _given(future: PrefectDistributedFuture[RunResult]) -> RunResult:
    # Prefect's own waiting hears of the end by an event, and can miss it when its connection is made just then.
    with get_client(sync_client=True) as client:
        seen.eventually(
            lambda: client.read_task_run(future.task_run_id).state, lambda state: state and state.is_final(), 90
        )
    return future.result(timeout=10)


def test_delayed_skills_are_run_each_as_what_it_is(background: dict[str, SkillTask]) -> None:
    futures = {what: one.delay({"n": 1}) for what, one in background.items()}
    results = {what: _given(future) for what, future in futures.items()}
    one, other = background["one"].spec.name, background["other"].spec.name
    told = {what: (r.output["of"], r.output["who"]) for what, r in results.items() if what != "failing"}
    assert told == {
        "one": (f"{one}@1.0.0", None),
        "other": (f"{other}@1.0.0", None),
        "with a variable": (f"{one}@1.0.0", "variable"),
        "with another one": (f"{one}@1.0.0", "another"),
        "an entrypoint": (f"{one}@1.0.0", "first"),
        "another entrypoint": (f"{one}@1.0.0", "second"),
        "with options": (f"{one}@1.0.0", None),
        "cached": (f"{one}@1.0.0", None),
    }
    assert (results["failing"].status, results["failing"].usage.exit_code) == (Status.FAILED, 3)
    again = _given(background["failing"].delay({"n": 1}))
    assert again.execution_id != results["failing"].execution_id, "a failure is kept for who asked, not used again"


def test_a_delayed_skill_has_the_tables_and_values_that_it_was_given(
    background: dict[str, SkillTask], runner: Runner
) -> None:
    future = background["one"].delay({"n": date(2026, 1, 2)}, files={"t.csv": polars.DataFrame({"n": [1]})})
    record = runner.installation.executions.get("default", _given(future).execution_id)
    assert record.input == '{"n":"2026-01-02"}'
    assert [path for path, *_ in json.loads(record.input_files)] == ["t.csv"]


@pytest.mark.once
def test_a_key_is_the_same_in_every_process(background: dict[str, SkillTask], tmp_path: Path) -> None:
    # Found in its own folder it has another full name, and as a program, which the test above runs, it is `__main__`.
    path = os.pathsep.join([str(PROGRAM.parent), str(Path.cwd())])
    printed = subprocess.run(
        [sys.executable, "-c", "import serving; print([t.task_key for t in serving.TASKS.values()])"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "7"}, cwd=tmp_path,
    )  # fmt: skip
    assert printed.stdout.strip() == str([one.task_key for one in background.values()]), printed.stderr
