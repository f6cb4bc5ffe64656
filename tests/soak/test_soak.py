"""The soak itself: its plan is what it says, and its judge notices each kind of wrong record."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from skillbox_core import Runner, RunOptions, RunRequest, Settings
from skillbox_core.storage.tables import ExecutionRow
from tests.hostile.cases import LANGS, Case
from tests.services.skills import push
from tests.soak import ground, mix
from tests.soak.ground import Ground
from tests.soak.judge import Judge, rows_of
from tests.soak.mix import SHARES, Batch, Run, cases_by_group, plan
from tests.soak.strike import Fate
from tests.soak.worker import core


def test_the_plan_has_all_runs_in_about_the_shares_and_a_seed_repeats_it() -> None:
    batches = plan(1000, 7)
    assert batches == plan(1000, 7) != plan(1000, 8)
    warm_ups = [batch for batch in batches if batch.warm_up]
    assert batches[: len(warm_ups)] == warm_ups
    for way in ("core", "flow"):
        warmed = sorted(run.case for batch in warm_ups if batch.way == way for run in batch.runs)
        assert warmed == sorted(
            name for group, cases in cases_by_group().items() if group != "cancelled" for name in cases
        )
    batches = batches[len(warm_ups) :]
    runs = [run for batch in batches for run in batch.runs]
    assert sorted(run.number for run in runs) == list(range(1000))
    group_of = {name: group for group, cases in cases_by_group().items() for name in cases}
    shares = Counter(group_of[run.case] for run in runs)
    assert all(abs(shares[group] / 10 - share) < 5 for group, share in SHARES.items()), shares
    for way in ("core", "flow"):
        for struck in (False, True):
            share = sum(len(batch.runs) for batch in batches if (batch.way, batch.struck) == (way, struck))
            assert share > 200


@pytest.mark.parametrize("name", ["run/secret-in-names-left-out", "run/secret-as-bash-quotes-it", "failing/exits"])
def test_a_worker_runs_a_case_with_all_that_the_case_has(
    installation: Settings, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = {name: case for group in cases_by_group().values() for name, case in group.items()}[name]
    monkeypatch.setattr(ground, "cases_by_group", lambda: {"one": {name: case}})
    runner = Runner.from_settings(installation.model_copy(update={"home": tmp_path / "home", "db_dsn": ""}))
    fate = Fate(Batch("batch", "core", False, (Run(1, name),)))
    core(runner)(Ground(runner).prepare(fate))
    assert list(Judge(runner, {row.id: 1 for row in rows_of(runner)}).faults([fate])) == []


@pytest.mark.parametrize(("printed", "faults"), [(10_000, 0), (1024 * 1024 - 100, 1)], ids=["little", "to the limit"])
def test_a_flood_is_cut_only_where_there_was_time_for_one(
    installation: Settings, tmp_path: Path, printed: int, faults: int
) -> None:
    name = "run/log-flood-until-the-deadline"
    runner = Runner.from_settings(installation.model_copy(update={"home": tmp_path / "home", "db_dsn": ""}))
    push(runner, "flood", "print('x')", lang="python")
    runner.run(RunRequest(skill="flood", input={"n": 1}), RunOptions(key="1"))
    _change(runner, 1, status="timeout", reason=None, logs="x" * printed)
    found = list(Judge(runner, {}).faults([Fate(Batch("batch", "core", False, (Run(1, name),)))]))
    assert len(found) == faults, found


def test_a_case_with_something_that_the_soak_passes_over_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("failing/new", "skill", "a promise", {"status": "success", "somebody": "else"})
    monkeypatch.setattr(mix, "load_cases", lambda *_folder: [case])
    with pytest.raises(ValueError, match=r"'somebody'.*failing/new"):
        cases_by_group()


RUNS = (Run(1, "harmless/counts"), Run(2, "failing/exits"))


@pytest.fixture(scope="module")
def ended(installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation where one harmless and one failing run have ended."""
    home = tmp_path_factory.mktemp("soak") / "home"
    runner = Runner.from_settings(installation.model_copy(update={"home": home, "instance": "judged", "db_dsn": ""}))
    cases = {name: case for group in cases_by_group().values() for name, case in group.items()}
    for run in RUNS:
        script = cases[run.case].script
        assert script is not None
        name = run.case.replace("/", "-")
        push(runner, name, script.read_text(), lang=LANGS[script.suffix])
        runner.run(RunRequest(skill=name, input={"n": run.number}), RunOptions(key=str(run.number)))
    return runner.installation.settings


@pytest.fixture
def judged(ended: Settings, tmp_path: Path) -> tuple[Runner, Callable[..., list[str]]]:
    """A copy of it that a test may spoil, and how it is judged."""
    shutil.copytree(ended.home, tmp_path / "home")
    runner = Runner.from_settings(ended.model_copy(update={"home": tmp_path / "home"}))
    fate = Fate(Batch("batch", "core", False, RUNS))

    def faults(starts: int = 1, **fates: Any) -> list[str]:
        for name, value in fates.items():
            setattr(fate, name, value)
        return list(Judge(runner, {row.id: starts for row in rows_of(runner)}).faults([fate]))

    return runner, faults


def _change(runner: Runner, number: int, **values: Any) -> None:
    with runner.installation.executions._database.session() as session:
        session.execute(update(ExecutionRow).where(col(ExecutionRow.input) == f'{{"n":{number}}}').values(**values))


def test_what_is_right_is_left_alone(judged: tuple[Runner, Callable[..., list[str]]]) -> None:
    _, faults = judged
    assert faults() == []


@pytest.mark.parametrize(
    ("number", "values", "says"),
    [
        (1, {"status": "running"}, "it is not final"),
        (1, {"finished_at": None}, "it is not final"),
        (1, {"status": "timeout"}, "the status is timeout"),
        (2, {"status": "success", "output": "{}"}, "the status is success"),
        (2, {"reason": "oom"}, "the reason is oom"),
        (1, {"output": '{"n": 2}'}, "its output is"),
        (1, {"logs": "line 0\nline 1\nline 1\nline 2\n"}, "its log is"),
        (1, {"files_digests": "[]"}, "its files are"),
        (1, {"files_sha256": "0" * 64}, "can't be fetched"),
        (1, {"input": '{"n": 3}'}, "a run 3 that nobody asked for"),
        (1, {"input": '{"n": 3}'}, "it has 0 records"),
        (1, {"instance": "another"}, "it has 0 records"),
        (2, {"input": '{"n": 1}'}, "it has 2 records"),
        (2, {"logs": "canary-soak-not-a-real-secret KeyError"}, "the secret is in it"),
    ],
)
def test_what_is_wrong_is_noticed(
    judged: tuple[Runner, Callable[..., list[str]]], number: int, values: dict[str, Any], says: str
) -> None:
    runner, faults = judged
    _change(runner, number, **values)
    assert any(says in fault for fault in faults()), faults()


def test_that_no_container_waited_is_noticed(judged: tuple[Runner, Callable[..., list[str]]]) -> None:
    runner, _ = judged
    judge = Judge(runner, {row.id: 1 for row in rows_of(runner)})
    fate = Fate(Batch("batch", "core", False, RUNS))
    assert list(judge.faults([fate])) == []
    assert list(judge.untaken()) == ["no run of the way core took a waiting container"]
    _change(runner, 1, claimed="skillbox-waiting-a")
    assert list(judge.faults([fate])) == []
    assert list(judge.untaken()) == []


@pytest.mark.parametrize("starts", [0, 2])
def test_starts_are_counted(judged: tuple[Runner, Callable[..., list[str]]], starts: int) -> None:
    _, faults = judged
    assert any("start" in fault for fault in faults(starts))


def test_a_lost_worker_explains_a_failure_only_where_nobody_took_its_batch_up(
    judged: tuple[Runner, Callable[..., list[str]]],
) -> None:
    runner, faults = judged
    _change(runner, 1, status="failed", reason="infrastructure", error="the worker was lost: its deadline is over")
    assert faults() != []
    assert faults(abandoned=True) == []
