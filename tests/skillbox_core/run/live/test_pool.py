"""A run takes a container that waits: what it is to the run, to whoever comes after, and when it is no good."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import CancelToken, Reason, Runner, RunOptions, RunRequest, RunResult, Status, input_files
from skillbox_core.errors import EngineError
from skillbox_core.models import Artifacts, Call
from skillbox_core.run import pool
from skillbox_core.run.steps import Steps
from skillbox_core.run.verdict import judge
from skillbox_core.sandbox import container as sandbox_container
from skillbox_core.sandbox.container import LABEL_INSTANCE, LABEL_WAITING
from skillbox_core.sandbox.policy import user_id
from skillbox_core.sandbox.started import has_started
from skillbox_core.sandbox.waiting import make_waiting
from tests.services import pools, skills
from tests.services.pools import ahead, record, waiting
from tests.services.settling import settle


def _id(worker: Runner, name: str) -> str:
    return str(worker.installation.engine.inspect(name)["Id"])


def _made(worker: Runner, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of containers that are made for one run from now on."""
    made: list[str] = []
    create = worker.installation.engine.create

    def noted(name: str, config: dict[str, Any]) -> str:
        if LABEL_WAITING not in config["Labels"]:
            made.append(name)
        return create(name, config)

    monkeypatch.setattr(worker.installation.engine, "create", noted)
    return made


WHOLE = """
import json, os, sys, uuid
print("begun", uuid.uuid4().hex, flush=True)
document = json.load(open("/sandbox/input.json"))
print("key", os.environ["KEY"], file=sys.stderr)
print(os.listdir("/tmp"), os.listdir("/dev/shm"), flush=True)
open("/sandbox/out/files/copy", "w").write(open("/sandbox/in/files/given").read())
json.dump([os.getuid(), document], open("/sandbox/out/output.json", "w"))
"""


def test_a_run_takes_the_one_that_waits_and_another_one_is_made_after_it(
    worker: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    skills.push(worker, "whole", WHOLE)
    (tmp_path / "given").write_text("of the caller")
    engine, settings = worker.installation.engine, worker.installation.settings
    name = ahead(worker, "whole")
    user, made = engine.inspect(name)["Config"]["User"], _made(worker, monkeypatch)

    def run() -> RunResult:
        request = RunRequest(skill="whole", input={"a": 1}, env={"KEY": "a-long-secret-word"})
        return worker.run(request, RunOptions(files=input_files({"given": tmp_path / "given"})))

    result = run()
    assert (result.status, result.error) == (Status.SUCCESS, None), result.logs
    uid = user_id(name, settings.sandbox_users)
    assert (user, result.output) == (f"{uid}:{uid}", [uid, {"a": 1}])
    assert result.files_list == ("copy",)
    begun, *lines = sorted(result.logs.splitlines(), reverse=True)
    assert (begun.startswith("key ***"), lines[0].startswith("begun "), lines[1:]) == (True, True, ["[] []"])
    assert (result.usage.exit_code, made) == (0, [])
    assert result.usage.peak_memory
    assert result.usage.cpu_seconds
    row = record(worker, result.execution_id)
    assert (row.claimed, row.attempt) == (name, 1)
    settle()
    (following,) = waiting(worker.installation)
    assert following != name
    assert engine.inspect(following)["Config"]["User"] != user
    (left,) = engine.containers({LABEL_INSTANCE: settings.instance})
    assert left["Names"] == [f"/{following}"]
    assert record(worker, run().execution_id).claimed == following
    assert made == []


BESIDE = """
import json, os, pathlib
others = [p for p in os.listdir("/proc") if p.isdigit() and p not in ("1", str(os.getpid()))]
told = [pathlib.Path("/proc", p, "cmdline").read_bytes().decode().split("\\0") for p in others]
json.dump(told, open("/sandbox/out/output.json", "w"))
"""


def test_nothing_of_the_wait_is_left_when_the_skill_starts(worker: Runner) -> None:
    skills.push(worker, "beside", BESIDE)
    name, waits = ahead(worker, "beside"), str(pools.kind_of(worker, "beside").waits)
    assert waits in worker.installation.engine.inspect(name)["Config"]["Cmd"]
    result = worker.run(RunRequest(skill="beside"), RunOptions(timeout="77s"))
    assert record(worker, result.execution_id).claimed == name
    # The clock of its own deadline, and no other.
    assert all("77.000" in words for words in result.output), result.output
    assert not any(waits in words for words in result.output)


@pytest.mark.parametrize("lang", ["node", "bash"])
def test_the_other_languages_wait_as_well(worker: Runner, lang: str) -> None:
    script = {
        "node": 'console.log("begun"); require("fs").writeFileSync("/sandbox/out/output.json", "[1]")',
        "bash": "echo begun; echo '[1]' >/sandbox/out/output.json",
    }[lang]
    skills.push(worker, f"in-{lang}", script, lang=lang)
    name = ahead(worker, f"in-{lang}")
    result = worker.run(RunRequest(skill=f"in-{lang}"))
    assert (result.status, result.output, result.logs) == (Status.SUCCESS, [1], "begun\n")
    assert record(worker, result.execution_id).claimed == name


def test_a_call_of_a_script_takes_one_as_well(worker: Runner) -> None:
    skills.push(worker, "called", "print()", files={"says.py": "import sys\nprint(sys.argv[1:])\n"})
    call = Call(script="says.py", args=("a", "b"))
    name = ahead(worker, "called", call=call)
    result = worker.run(RunRequest(skill="called"), RunOptions(call=call))
    assert (result.status, result.output) == (Status.SUCCESS, "['a', 'b']\n")
    assert record(worker, result.execution_id).claimed == name


@pytest.mark.parametrize("inline", [True, False])
def test_a_small_output_comes_along_if_it_may(worker: Runner, inline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = worker.installation.settings.model_copy(update={"inline_output": inline})
    own = Runner.from_settings(settings)
    name, asked = ahead(own, "answers"), []
    execute = own.installation.engine.execute
    monkeypatch.setattr(
        own.installation.engine, "execute", lambda one, *rest, **more: asked.append(one) or execute(one, *rest, **more)
    )
    result = own.run(RunRequest(skill="answers", input=7))
    assert result.status is Status.SUCCESS
    assert result.output[1] == 7
    assert record(own, result.execution_id).claimed == name
    assert len(asked) == (0 if inline else 1)


@pytest.mark.parametrize(
    ("script", "options", "status", "reason"),
    [
        ("raise SystemExit(3)", {}, Status.FAILED, Reason.EXIT),
        ("x = bytearray(900 << 20)", {}, Status.FAILED, Reason.OOM),
        ("import time; time.sleep(60)", {"timeout": "1s"}, Status.TIMEOUT, None),
    ],
)
def test_it_ends_as_any_other(
    worker: Runner, script: str, options: dict[str, str], status: Status, reason: Reason | None
) -> None:
    skill = f"ends-{uuid.uuid4().hex[:8]}"
    skills.push(worker, skill, script)
    name = ahead(worker, skill)
    result = worker.run(RunRequest(skill=skill), RunOptions(**options))
    assert (result.status, result.reason) == (status, reason), result
    assert record(worker, result.execution_id).claimed == name
    settle()
    assert not worker.installation.engine.remove(name), "it was left"


def test_a_cancel_ends_it_before_the_caller_goes_on(worker: Runner) -> None:
    name, token = ahead(worker, "for-ever"), CancelToken()
    result = worker.run(RunRequest(skill="for-ever"), on_log=lambda *_: token.cancel(), cancel=token)
    assert result.status is Status.CANCELLED
    assert record(worker, result.execution_id).claimed == name
    assert not worker.installation.engine.remove(name), "it was left"


def test_neither_the_time_nor_the_processor_that_it_took_to_wait_counts(worker: Runner) -> None:
    """It waits for longer than its job may take, and the waiting takes more of the processor than the job does."""
    installation = worker.installation
    name = ahead(worker, "slow")
    burn = ["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; tail -n 1 /proc/$$/stat | cut -d' ' -f14"]
    user = str(installation.engine.inspect(name)["Config"]["User"])
    began = time.monotonic()
    said = b"".join(installation.engine.execute(name, burn, user=user, deadline=time.monotonic() + 60))
    burnt = int(said[8:].split()[0]) / 100
    while time.monotonic() - began < 2:
        time.sleep(0.05)
    steps = Steps(installation)
    options = RunOptions(timeout="2s")
    execution = steps.create_record(RunRequest(skill="slow"), options)
    skill = steps.load_skill(execution, options)
    assert not installation.engine.inspect(name)["ExecIDs"], "it would be thrown away"
    sandbox = steps.create_container(execution, skill, RunRequest(skill="slow"), options)
    assert sandbox.name == name
    outcome = steps.wait(execution, skill, sandbox)
    output = steps.collect_output(execution, skill, sandbox)
    result = steps.cleanup(execution, judge(outcome, output, Artifacts(), skill))
    assert result.status is Status.SUCCESS, result
    assert result.usage.cpu_seconds is not None
    assert 0 < result.usage.cpu_seconds < burnt


def _exec(worker: Runner, name: str) -> None:
    """Somebody has a process of their own in it."""
    api = worker.installation.engine._api
    api.exec_start(api.exec_create(name, ["sleep", "60"])["Id"], detach=True)


SPOILT: dict[str, Callable[[Runner, str], Any]] = {
    "removed": lambda w, n: w.installation.engine.remove(n),
    "stopped": lambda w, n: w.installation.engine._api.stop(n, timeout=0),
    "killed": lambda w, n: w.installation.engine._api.kill(n),
    "paused": lambda w, n: w.installation.engine._api.pause(n),
    "used": _exec,
    "given more memory": lambda w, n: w.installation.engine._api.update_container(
        n, mem_limit="900m", memswap_limit="900m"
    ),
    "given more processor": lambda w, n: w.installation.engine._api.update_container(n, cpu_quota=200_000),
    "given another restart policy": lambda w, n: w.installation.engine._api.update_container(
        n, restart_policy={"Name": "always"}
    ),
    "ended by its stdin": lambda w, n: w.installation.engine.attach(n).close(),
}


@pytest.mark.parametrize("how", SPOILT)
def test_one_that_is_no_good_costs_a_run_nothing_but_time(
    worker: Runner, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ahead(worker, "answers")
    there = _id(worker, name)
    SPOILT[how](worker, name)
    if how == "ended by its stdin":
        while worker.installation.engine.inspect(name)["State"]["Running"]:
            time.sleep(0.02)
    made = _made(worker, monkeypatch)
    result = worker.run(RunRequest(skill="answers"))
    assert (result.status, result.error) == (Status.SUCCESS, None)
    assert made == [f"skillbox-{result.execution_id}-1"]
    row = record(worker, result.execution_id)
    assert (row.claimed, row.attempt) == (None, 1)
    settle()
    assert name not in waiting(worker.installation)
    assert not worker.installation.engine.remove(there), "it was left"
    assert not worker.installation.engine.remove(made[0]), "its own container was left"


def test_where_all_are_gone_a_run_tries_few_of_them(worker: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when an engine was restarted."""
    pools.drain(worker.installation)
    kind = pools.kind_of(worker, "answers")
    facts = {"instance": worker.installation.settings.instance, "engine": worker.installation.engine.name}
    for number in range(4):
        name = f"skillbox-waiting-{number:032x}"
        assert pools.enter(worker.installation.waiting, name, kind=kind.digest, most=4, **facts)
        assert worker.installation.waiting.ready(name)
    made = _made(worker, monkeypatch)
    result = worker.run(RunRequest(skill="answers"))
    assert (result.status, len(made)) == (Status.SUCCESS, 1)
    settle()
    assert f"skillbox-waiting-{0:032x}" in waiting(worker.installation)
    assert len(waiting(worker.installation)) == 2, "one that is left, and one that was made"
    again = worker.run(RunRequest(skill="answers"))
    assert record(worker, again.execution_id).claimed, "the youngest is the one that was made"


@pytest.mark.parametrize("part", ["the claim", "looking at it", "making the next one", "entering the next one"])
def test_whatever_fails_of_the_pool_the_run_does_not(
    worker: Runner, part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise EngineError("of nobody's making")

    name = ahead(worker, "answers")
    if part == "the claim":
        monkeypatch.setattr(worker.installation.executions, "claim", lambda *_, **__: None)
    elif part == "looking at it":
        monkeypatch.setattr(pool, "check_waiting", _first_fails(pool.check_waiting))
        # Nobody else can have brought it a job, so that there is nothing to wait for.
        monkeypatch.setattr(sandbox_container, "adopt", lambda *_, **__: pytest.fail("it is waited for"))
    elif part == "making the next one":
        monkeypatch.setattr(pool, "make_waiting", fail)
    else:
        monkeypatch.setattr(worker.installation.waiting, "enter", fail)
    result = worker.run(RunRequest(skill="answers"))
    assert result.status is Status.SUCCESS, result
    settle()
    if part in ("making the next one", "entering the next one"):
        assert "no container was made ahead: of nobody's making" in caplog.text
        assert waiting(worker.installation) == []
    elif part == "looking at it":
        assert record(worker, result.execution_id).claimed != name
        assert not worker.installation.engine.remove(name), "it was left"


def _first_fails(inner: Callable[..., Any]) -> Callable[..., Any]:
    left = iter([1])

    def call(*args: Any, **how: Any) -> Any:
        if next(left, None):
            raise EngineError("the engine hiccuped")
        return inner(*args, **how)

    return call


def test_one_that_nobody_takes_ends_by_itself_and_says_nothing(worker: Runner) -> None:
    installation = worker.installation
    kind = replace(pools.kind_of(worker, "answers"), waits=1)
    name = f"skillbox-waiting-{uuid.uuid4().hex}"
    settings = installation.settings
    make_waiting(installation.engine, name, kind, users=settings.sandbox_users, instance=settings.instance)
    try:
        give_up = time.monotonic() + 60
        while (state := installation.engine.inspect(name)["State"])["Running"]:
            assert time.monotonic() < give_up, "it waits for ever"
            time.sleep(0.05)
        assert (state["Status"], state["ExitCode"], state["OOMKilled"]) == ("exited", 0, False)
        assert has_started(installation.engine.logs(name), "any", state["ExitCode"], waited=True) is False
    finally:
        assert installation.engine.remove(name)


def test_as_many_wait_as_are_asked_for_and_no_more_than_may(worker: Runner) -> None:
    pools.drain(worker.installation)
    results: list[Status] = []
    threads = [
        threading.Thread(target=lambda: results.append(worker.run(RunRequest(skill="answers")).status))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    settle()
    assert results == [Status.SUCCESS] * 6
    assert 1 <= len(waiting(worker.installation)) <= 4
    mine = {LABEL_INSTANCE: worker.installation.settings.instance}
    assert len(worker.installation.engine.containers(mine)) == len(waiting(worker.installation))


def test_one_of_another_kind_gives_way(worker: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Runner.from_settings(worker.installation.settings.model_copy(update={"pool_max": 1}))
    name = ahead(own, "answers", memory="80Mi")
    kind = pools.kind_of(own, "answers")
    pool.refill(own.installation, kind)
    assert waiting(own.installation) == [name], "it waits since a moment ago"
    monkeypatch.setattr(pool, "SETTLED", timedelta(0))
    pool.refill(own.installation, kind)
    (row,) = own.installation.waiting.listed(own.installation.settings.instance, own.installation.engine.name)
    assert (row.kind, row.ready) == (kind.digest, True)
    assert not own.installation.engine.remove(name), "it was left"


def test_so_many_of_a_kind_wait_at_least(worker: Runner) -> None:
    own = Runner.from_settings(worker.installation.settings.model_copy(update={"pool_min": 2}))
    pools.drain(own.installation)
    assert own.run(RunRequest(skill="answers")).status is Status.SUCCESS
    settle()
    assert len(waiting(own.installation)) == 2


def test_there_is_nothing_of_anybody_in_one_that_waits(worker: Runner) -> None:
    """What the supervisor is given, and what is in the container, is the same for every job of its kind."""
    name = ahead(worker, "answers")
    found = worker.installation.engine.inspect(name)
    said = json.dumps(found)
    for word in ("answers", "default/", worker.installation.settings.home.name):
        assert word not in said
    assert set(found["Config"]["Labels"]) == {
        "managed-by",
        "skillbox.instance",
        "skillbox.waiting",
        "skillbox.name",
        "skillbox.deadline",
    }
    assert [entry.partition("=")[0] for entry in found["Config"]["Env"] if "SKILLBOX" in entry] == []
