"""The bench itself: it must notice when a promise is broken, or its table says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, Settings
from skillbox_core.errors import EngineError
from skillbox_core.run import pool
from skillbox_core.sandbox import building
from skillbox_core.sandbox.layer import LABEL_TREE
from tests.hostile.bench import Bench, run_case
from tests.hostile.cases import Case, How, chosen, load_cases, select

CASES = load_cases()


@pytest.fixture
def runner(installation: Settings, tmp_path: Path) -> Runner:
    return Runner.from_settings(installation.model_copy(update={"home": tmp_path / "home"}))


def case_called(name: str) -> Case:
    (case,) = (case for case in CASES if case.id == name)
    return case


def script(tmp_path: Path, text: str, **spec: Any) -> Case:
    path = tmp_path / "case.py"
    path.write_text(text + "\nimport json; json.dump({}, open('/sandbox/out/output.json', 'w'))\n")
    return Case("made/here", "skill", "a promise", {"status": "success", **spec}, path)


def test_a_hardening_that_is_switched_off_is_noticed(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    from skillbox_core.run import steps

    config = steps.container_config

    def weaker(**arguments: Any) -> dict[str, Any]:
        made = config(**arguments)
        made["HostConfig"]["ReadonlyRootfs"] = False
        return made

    case = case_called("probes/walls/root-mount")
    assert run_case(case, runner).held
    monkeypatch.setattr(steps, "container_config", weaker)
    outcome = run_case(case, runner)
    assert not outcome.held, outcome
    assert "it gave False" in outcome.faults[0]


def test_another_outcome_than_the_promised_is_noticed(runner: Runner, tmp_path: Path) -> None:
    outcome = run_case(script(tmp_path, "print('x')", status="failed", reason="exit", logs="y"), runner)
    assert any("the status is success" in fault for fault in outcome.faults)
    assert any("'y' is not in" in fault for fault in outcome.faults)


def test_a_secret_that_is_told_is_noticed(runner: Runner, tmp_path: Path) -> None:
    telling = "import os; print(os.environ['API_KEY'])"
    outcome = run_case(script(tmp_path, telling), runner)
    assert "the secret is in the container's log" in outcome.faults
    named = "import os; open('/sandbox/out/files/' + os.environ['API_KEY'], 'w')"
    outcome = run_case(script(tmp_path, named), runner)
    assert "the secret is in the record" in outcome.faults


def test_what_is_left_is_noticed(runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = script(tmp_path, "print('x')")
    with Bench(runner) as bench:
        (runner.installation.spool / "left").write_text("x")
        bench.ground.canary.write_text("touched")
        outcome = bench.run(case)
    assert "files were left in spool: ['left']" in outcome.faults
    assert "something was written outside" in outcome.faults


def test_memory_that_the_worker_takes_is_noticed(runner: Runner) -> None:
    case = case_called("callers/input-of-exactly-10-mib")
    outcome = run_case(replace(case, spec={**case.spec, "memory": 1}), runner)
    assert any("it may take 1 MiB" in fault for fault in outcome.faults), outcome


def test_cases_run_inside_an_environment_and_one_that_does_not_is_noticed(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = "import inside\nassert inside.__file__.startswith('/opt/skillbox/'), inside.__file__"
    case = script(tmp_path, asks)
    assert not run_case(case, runner).held
    with Bench(runner, inside=True) as bench:
        assert bench.run(case).held
        monkeypatch.setattr(building, "ready_environment", lambda _engine, base, _tree, **_: base)
        assert "a sandbox was not inside the environment" in bench.run(script(tmp_path, "print('x')")).faults


def test_nothing_of_an_environment_that_cases_ran_in_stays_on_the_engine(runner: Runner) -> None:
    with Bench(runner, inside=True) as bench:
        for name in ("images/exposed-ports", "run/closes-everything"):
            assert bench.run(case_called(name)).held
        environment = bench._environment
    assert environment is not None
    assert runner.installation.engine.images([f"{LABEL_TREE}={environment.tree.digest}"]) == []


def test_cases_are_chosen_by_words_of_their_id() -> None:
    assert {case.id.split("/")[0] for case in select(CASES, "streams/,documents/")} == {"streams", "documents"}
    assert select(CASES, "") == CASES


def test_the_page_shows_cases_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hostile-suite.md").read_text("utf-8")
    assert case_called("run/thread-bomb").script.read_text("utf-8") in page  # type: ignore[union-attr]
    row = case_called("probes/syscalls/unshare-user")
    assert f'[unshare-user]\ncode = "{row.spec["code"]}"\n' in page


def test_a_sandbox_that_did_not_wait_is_noticed(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise EngineError("nothing is made ahead")

    case = script(tmp_path, "print('x')")
    with Bench(runner, waiting=True) as bench:
        outcome = bench.run(case)
        assert outcome.held, outcome
        monkeypatch.setattr(pool, "make_waiting", fail)
        outcome = bench.run(case)
    assert "a sandbox was made for its job, and did not wait for it" in outcome.faults
    assert [case.kind for case in chosen(CASES, How(waiting=True)) if case.kind in ("archive", "scenario")] == []
