"""A finished run is used again where the flow asks for it, and only where nothing that it depends on has changed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.exceptions import CancelledRun

from prefect_skillbox import SKILL_DIGEST, skill
from prefect_skillbox.tasks.skill_task import SkillTask
from skillbox_core import ExecutionFailedError, Runner
from skillbox_core.errors import InvalidRequestError
from skillbox_core.settings import load_settings
from tests.conftest import MakeSkill
from tests.services import skills

ANSWER = 'import json; json.dump({}, open("/sandbox/out/output.json", "w"))'


def _calls(cached: SkillTask, *calls: dict[str, Any]) -> list[tuple[str | None, str]]:
    """The name of the state and the execution of each call, made in a flow run of its own."""

    @flow
    def once(arguments: dict[str, Any]) -> tuple[str | None, str]:
        state = cached(**arguments, return_state=True)
        return state.name, state.result().execution_id

    return [once(arguments) for arguments in calls]


def test_the_same_run_is_cached_and_anything_else_is_not(runner: Runner, make_skill: MakeSkill, tmp_path: Path) -> None:
    name, data = make_skill(ANSWER), tmp_path / "data.csv"
    data.write_text("a")
    first, again, other_order, other, with_file, with_file_again = _calls(
        skill(name, cache_policy=SKILL_DIGEST),
        {"input": {"a": 1, "b": 2}},
        {"input": {"a": 1, "b": 2}},
        {"input": {"b": 2, "a": 1}},
        {"input": {"a": 1, "b": 3}},
        {"input": {"a": 1, "b": 2}, "files": str(data)},
        {"input": {"a": 1, "b": 2}, "files": str(data)},
    )
    assert [state for state, _ in (first, again, other_order, other)] == [
        "Completed",
        "Cached",
        "Completed",
        "Completed",
    ]
    assert first[1] == again[1]
    assert (with_file[0], with_file_again) == ("Completed", ("Cached", with_file[1]))
    data.write_text("b")
    ((changed, _),) = _calls(skill(name, cache_policy=SKILL_DIGEST), {"input": {"a": 1, "b": 2}, "files": str(data)})
    assert changed == "Completed"
    assert len(runner.installation.executions.list("default", skill=name)) == 5


def test_limits_environment_and_version_are_part_of_what_is_the_same(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path
) -> None:
    name = make_skill(ANSWER)
    plain = skill(name).with_options(cache_policy=SKILL_DIGEST)
    variants = [
        plain,
        skill(name, cache_policy=SKILL_DIGEST, memory="300Mi"),
        skill(name, cache_policy=SKILL_DIGEST, env={"A": "1"}),
        skill(name, cache_policy=SKILL_DIGEST, env={"A": "2"}),
    ]
    assert [_calls(each, {})[0][0] for each in variants] == ["Completed"] * 4
    assert [_calls(each, {})[0][0] for each in variants] == ["Cached"] * 4
    with zipfile.ZipFile(tmp_path / "next.zip", "w") as archive:
        archive.writestr("SKILL.md", f"---\nname: {name}\nversion: 1.1.0\ndescription: x\nlang: python\n---\n")
        archive.writestr("main.py", ANSWER)
    runner.installation.registry.push("default", tmp_path / "next.zip")
    assert _calls(plain, {})[0][0] == "Completed"


def test_a_failure_is_never_cached(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("raise SystemExit(3)")
    for _ in range(2):
        with pytest.raises(ExecutionFailedError):
            _calls(skill(name, cache_policy=SKILL_DIGEST), {})
    assert len(runner.installation.executions.list("default", skill=name)) == 2
    with pytest.raises(InvalidRequestError, match="raise_on_failure"):
        skill(name, cache_policy=SKILL_DIGEST, raise_on_failure=False)


def test_a_run_that_was_cancelled_is_never_cached(
    make_skill: MakeSkill, stop_when_begun: Callable[[str], None]
) -> None:
    name = make_skill("import time; time.sleep(4)\n" + ANSWER)
    cached = skill(name, cache_policy=SKILL_DIGEST)

    @flow
    def stopped() -> None:
        stop_when_begun(name)
        cached({})

    with pytest.raises(CancelledRun):
        stopped()
    assert [state for state, _ in _calls(cached, {}, {})] == ["Completed", "Cached"]


def test_another_installation_under_the_same_name_has_results_of_its_own(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_skill(ANSWER)
    cached = skill(name, cache_policy=SKILL_DIGEST)
    assert [_calls(cached, {})[0][0] for _ in range(2)] == ["Completed", "Cached"]
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SKILLBOX_HOME", str(tmp_path / "other"))
    other = Runner.from_settings(load_settings())
    skills.push(other, name, ANSWER)
    ((state, execution),) = _calls(cached, {})
    assert state == "Completed"
    assert other.installation.executions.get("default", execution).status == "success"
