"""`skill("pdf#check")`: a call that an overlay names is a task like any other."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from prefect import flow

from prefect_skillbox import SKILL_DIGEST, run_skill, skill
from skillbox_core import ExecutionFailedError, Runner, RunResult
from skillbox_core.errors import InvalidRequestError
from skillbox_core.skills.package import package

ECHO = "import json, sys, time\nprint(json.dumps([*sys.argv[1:], time.time_ns()]))\n"
OVERLAY = "entrypoints: {one: {script: echo.py, args: [one, '{input.n}']}, two: {script: echo.py, args: [%s]}}\n"


def push(runner: Runner, tmp_path: Path, name: str, two: str) -> None:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    (folder / "SKILL.md").write_text(f"---\nname: {name}\ndescription: A test.\n---\nDo it.\n")
    (folder / "echo.py").write_text(ECHO)
    made = package(folder, tmp_path / "made.zip", 1024**2, overlay=(OVERLAY % two).encode())
    runner.installation.registry.push("default", made.path)


def test_entrypoints_are_tasks_that_are_mapped_cached_and_deployed(runner: Runner, tmp_path: Path) -> None:
    name = f"foreign-{uuid.uuid4().hex[:8]}"
    push(runner, tmp_path, name, "two")
    first = skill(f"{name}@^1#one")
    kept = skill(f"{name}#two", cache_policy=SKILL_DIGEST)
    assert kept.name == f"{name}#two"

    @flow
    def both() -> tuple[list[RunResult], RunResult]:
        return first.map([{"n": 1}, {"n": 2}]).result(), kept({})

    mapped, before = both()
    assert [result.output[:2] for result in mapped] == [["one", "1"], ["one", "2"]]
    assert before.output[0] == "two"
    assert before.call is not None
    assert before.call.entrypoint == "two"

    @flow
    def again() -> RunResult:
        return kept({})

    assert again().output == before.output
    push(runner, tmp_path, name, "other")
    assert again().output[0] == "other"
    assert run_skill(f"{name}#one", {"n": 3})["output"][:2] == ["one", "3"]
    args: list[str | list[str]] = ["{input.n}", ["-m", "{input.m?}"], ["-n", "{input.n?}"]]
    called = run_skill(name, {"n": 4}, script="echo.py", args=args, ok_exit_codes=[0, 1], result="lines")
    assert called["output"][0].startswith('["4", "-n", "4", ')
    with pytest.raises(InvalidRequestError, match="no entrypoint"):
        run_skill(f"{name}#none")

    @flow
    async def waiting() -> list[RunResult]:
        return [future.result() for future in [first.submit({"n": 5}), *first.map([{"n": 6}])]]

    assert [result.output[:2] for result in asyncio.run(waiting())] == [["one", "5"], ["one", "6"]]


def test_a_wrong_input_fails_the_task_before_anything_is_asked_of_the_image(runner: Runner, tmp_path: Path) -> None:
    name = f"foreign-{uuid.uuid4().hex[:8]}"
    push(runner, tmp_path, name, "], input_schema: {required: [n]}}}\nrequires: [no-such-tool]  # ")
    with pytest.raises(ExecutionFailedError, match=f"the input does not fit the input_schema of {name}@1.0.0: .*n"):
        skill(f"{name}#two")({})


def test_an_entrypoint_has_no_other_script_or_arguments() -> None:
    with pytest.raises(InvalidRequestError, match="is another call"):
        skill("pdf#check", script="a.py")
    with pytest.raises(InvalidRequestError, match="args is for a script"):
        skill("pdf#check", args=["x"])
