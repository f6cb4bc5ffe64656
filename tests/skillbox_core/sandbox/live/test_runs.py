"""Runs on a real engine: every status, every reason, from the skill's and from the caller's side."""

from __future__ import annotations

import json
import math
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import (
    CancelToken,
    ExecutionTimeoutError,
    Reason,
    Runner,
    RunOptions,
    RunRequest,
    Settings,
    SkillNotFoundError,
    Status,
)
from skillbox_core.base.names import container_name
from skillbox_core.errors import EngineError, InvalidRequestError
from skillbox_core.models import Ending, Verdict
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox import container as sandbox_container
from skillbox_core.sandbox import follow
from skillbox_core.sandbox.container import LABEL_EXECUTION, LABEL_INSTANCE, adopt
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.environment import check_env
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.journal import STATE_INTERVAL
from skillbox_core.sandbox.policy import container_config
from skillbox_core.skills.package import package
from tests.conftest import EXAMPLES, MakeSkill, Run
from tests.services.settling import containers_left

ANSWER = "import json; json.dump({}, open('/sandbox/out/output.json', 'w'))\n"


OF_THE_LIBRARY = sorted(p.stem for p in (EXAMPLES / "inputs").glob("*.json") if (EXAMPLES / "skills" / p.stem).is_dir())
"""Those that need no packages; the others are run by `tests/examples/live/test_tables.py`."""


@pytest.mark.parametrize("name", OF_THE_LIBRARY)
def test_each_example_skill_ends_as_it_says(runner: Runner, name: str) -> None:
    document = json.loads((EXAMPLES / "inputs" / f"{name}.json").read_text())
    if name == "slow":
        document = {"seconds": 1}
    result = runner.run(RunRequest(skill=name, input=document))
    expected = Status.FAILED if name == "always-fails" else Status.SUCCESS
    assert result.status is expected, result


@pytest.mark.parametrize(
    ("lang", "script"),
    [
        ("python", "import json,os; d=json.load(open('/sandbox/input.json')); json.dump({'n': d['n']+1, 'same': "
                   "json.loads(os.environ['SANDBOX_INPUT'])==d}, open(os.environ['SANDBOX_OUTPUT'],'w'))"),
        ("node", "const fs=require('fs');const d=JSON.parse(fs.readFileSync('/sandbox/input.json'));fs.writeFileSync("
                 "process.env.SANDBOX_OUTPUT,JSON.stringify({n:d.n+1,same:"
                 "process.env.SANDBOX_INPUT===JSON.stringify(d)}))"),
        ("bash", '[ "$SANDBOX_INPUT" = "$(cat /sandbox/input.json)" ] && '
                 """echo '{"n": 42, "same": true}' >"$SANDBOX_OUTPUT" """),
    ],
)  # fmt: skip
def test_three_languages_get_their_input_and_give_output(run: Run, lang: str, script: str) -> None:
    result = run(script, {"n": 41}, lang=lang)
    assert (result.status, result.output) == (Status.SUCCESS, {"n": 42, "same": True}), result


def test_the_contract_of_the_original_holds_inside(run: Run) -> None:
    script = """
import json, os, sys
json.dump({
    "cwd": os.getcwd(), "home": os.environ["HOME"], "files": os.environ["SANDBOX_FILES_DIR"],
    "output": os.environ["SANDBOX_OUTPUT"], "instructions": os.environ["SKILL_INSTRUCTIONS"],
    "script": os.path.abspath(sys.argv[0]), "env": os.environ["CITY"],
    "helper": open("/sandbox/scripts/lib/a.txt").read(),
    "no input": json.load(open("/sandbox/input.json")),
}, open("/sandbox/out/output.json", "w"))
"""
    result = run(script, env={"CITY": "Zürich 'x' $(id)"}, files={"lib/a.txt": "hello"})
    assert result.output == {
        "cwd": "/sandbox",
        "home": "/tmp",
        "files": "/sandbox/out/files/",
        "output": "/sandbox/out/output.json",
        "instructions": "Do it.",
        "script": "/sandbox/scripts/main.py",
        "env": "Zürich 'x' $(id)",
        "helper": "hello",
        "no input": {},
    }


def test_a_traceback_stays_in_one_piece_among_what_is_printed_meanwhile(run: Run) -> None:
    told: list[tuple[str, str]] = []
    result = run(
        "import threading\n"
        "def chatter():\n"
        "    for number in range(2000): print('row', number)\n"
        "thread = threading.Thread(target=chatter); thread.start()\n"
        "def work(depth): work(depth - 1) if depth else int('x')\n"
        "work(50)",
        on_log=lambda stream, line: told.append((stream, line)),
    )
    lines = result.logs.splitlines()
    begin, end = (
        lines.index("Traceback (most recent call last):"),
        lines.index("ValueError: invalid literal for int() with base 10: 'x'"),
    )
    assert [line for line in lines[begin : end + 1] if line.startswith("row ")] == []
    assert sorted(lines) == sorted(line for _, line in told)
    assert [line for line in lines if line.startswith("row ")] == [f"row {number}" for number in range(2000)]
    assert result.error == "ValueError: invalid literal for int() with base 10: 'x' (exit code 1)"


def test_a_progress_bar_is_shown_while_it_moves_and_kept_as_its_last_state(run: Run) -> None:
    told: list[tuple[float, str]] = []
    result = run(
        "import sys, time\n"
        "for percent in range(0, 101):\n"
        "    sys.stderr.write(f'\\r{percent:3}%|' + '#' * percent); sys.stderr.flush(); time.sleep(0.02)\n"
        "sys.stderr.write('\\n')\n"
        "raise ValueError('bad row 17')",
        on_log=lambda _, line: told.append((time.monotonic(), line)),
    )
    bar = "100%|" + "#" * 100
    assert [line for line in result.logs.splitlines() if "%" in line] == [bar]
    shown = [(moment, line) for moment, line in told if "%|" in line]
    took = shown[-1][0] - shown[0][0]
    assert 2 <= len(shown) <= took / STATE_INTERVAL + 3, "twice a second, and the last one"
    assert shown[-1][1] == bar
    assert result.error == "ValueError: bad row 17 (exit code 1)"


def test_the_environment_says_utf_8_where_the_image_says_nothing(run: Run) -> None:
    shown = "import os; open('/sandbox/out/output.json', 'w').write('\"%s\"' % os.environ.get('LANG'))"
    assert run(shown, env={"LANG": "C"}).output == "C"
    assert run(shown).output == "C.UTF-8"
    sorts = "printf 'é' | wc -m | tr -d ' ' > /sandbox/out/output.json"
    assert run(sorts, lang="bash").output == 1


@pytest.mark.parametrize(
    ("script", "front", "status", "reason", "said"),
    [
        ("raise SystemExit(7)", "", Status.FAILED, Reason.EXIT, "exit code 7"),
        ("import os; os.kill(os.getpid(), 9)", "", Status.FAILED, Reason.EXIT, "exit code 137"),
        ("pass", "", Status.FAILED, Reason.OUTPUT, "output.json is missing"),
        ("open('/sandbox/out/output.json','w').write('{')", "", Status.FAILED, Reason.OUTPUT, "not JSON"),
        ("open('/sandbox/out/output.json','w').write('[NaN]')", "", Status.FAILED, Reason.OUTPUT, "NaN"),
        ("import os; os.symlink('/etc/passwd','/sandbox/out/output.json')", "", Status.FAILED, Reason.OUTPUT, "link"),
        ("import os; os.mkdir('/sandbox/out/output.json')", "", Status.FAILED, Reason.OUTPUT, "a folder"),
        ("open('/sandbox/out/output.json','w').write('1'*1100000)", "", Status.FAILED, Reason.OUTPUT, "limit"),
        ("x = bytearray(900*1024*1024)", "", Status.FAILED, Reason.OOM, "memory"),
        ("import subprocess,sys; subprocess.run([sys.executable,'-c','x=bytearray(900<<20)'],check=True)", "",
         Status.FAILED, Reason.OOM, "memory"),
        ("import threading,time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "",
         Status.FAILED, Reason.PIDS, "128 processes"),
        ("f=open('/sandbox/big','wb')\nwhile True: f.write(bytes(1<<20))", "", Status.FAILED, Reason.DISK, "scratch"),
        ("i=0\nwhile True: open(f'/sandbox/{i}','w'); i+=1", "", Status.FAILED, Reason.DISK, "scratch"),
        ("import time; time.sleep(60)", "timeout: 1s", Status.TIMEOUT, None, "deadline"),
        ("import signal,time\nfor s in (1,2,3,10,12,13,15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(60)",
         "timeout: 1s", Status.TIMEOUT, None, "deadline"),
        ("import os,time\nif os.fork(): time.sleep(60)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(60)",
         "timeout: 1s", Status.TIMEOUT, None, "deadline"),
        # PID 1 can't be killed from inside, and what ends the supervisor's clock does not end the deadline.
        ("import os; os.kill(1, 9); os.kill(1, 15); os.kill(-1, 9)", "", Status.FAILED, Reason.OUTPUT, "missing"),
        ("import os,time; os.kill(-1, 9); time.sleep(60)", "timeout: 1s", Status.TIMEOUT, None, "deadline"),
    ],
)  # fmt: skip
def test_each_way_to_fail_has_its_name(
    run: Run, script: str, front: str, status: Status, reason: Reason | None, said: str
) -> None:
    began = time.monotonic()
    result = run(script, front=front)
    assert (result.status, result.reason) == (status, reason), result
    assert said in (result.error or "")
    assert time.monotonic() - began < 60


def test_a_fork_bomb_stops_at_the_pid_limit_and_is_collected(run: Run) -> None:
    script = (
        ANSWER + "import os,time\ntry:\n  while True: os.fork()\nexcept OSError as e: print(e); raise SystemExit(5)"
    )
    result = run(script, timeout="20s")
    assert (result.status, result.reason) in {(Status.FAILED, Reason.PIDS), (Status.FAILED, Reason.OOM)}, result
    assert "temporarily unavailable" in result.logs


def test_a_full_tmp_and_shm_end_in_no_space(run: Run) -> None:
    script = """
import json
out = {}
for place in ("/tmp", "/dev/shm"):
    try:
        with open(place + "/big", "wb") as f:
            while True: f.write(bytes(1 << 20))
    except OSError as error: out[place] = error.strerror
json.dump(out, open("/sandbox/out/output.json", "w"))
"""
    result = run(script)
    assert result.output == {"/tmp": "No space left on device", "/dev/shm": "No space left on device"}, result


def test_logs_come_live_and_both_streams_are_told_apart(run: Run) -> None:
    seen: list[tuple[float, str, str]] = []
    script = ANSWER + "import sys,time\nprint('one'); print('oops', file=sys.stderr)\ntime.sleep(2)\nprint('two')"
    began = time.monotonic()
    result = run(script, on_log=lambda stream, line: seen.append((time.monotonic() - began, stream, line)))
    ended = time.monotonic() - began
    assert sorted((stream, line) for _, stream, line in seen) == [
        ("stderr", "oops"),
        ("stdout", "one"),
        ("stdout", "two"),
    ]
    first = next(at for at, _, line in seen if line == "one")
    assert ended - first > 1.5, "the first line came only with the last"
    assert sorted(result.logs.splitlines()) == ["one", "oops", "two"]


def test_any_bytes_a_skill_prints_end_in_a_readable_finished_record(run: Run, runner: Runner) -> None:
    script = ANSWER + "import sys; sys.stdout.buffer.write(b'a\\0b\\xff\\xc3\\x1b[31m\\n' + '\\u4e16'.encode()[:2])"
    result = run(script)
    again = runner.installation.executions.result("default", result.execution_id)
    assert again.status is Status.SUCCESS
    assert again.logs == result.logs == "a\ufffdb\ufffd\ufffd\x1b[31m\n\ufffd\n"


def test_a_flood_of_output_is_capped_and_the_cut_is_marked(run: Run, runner: Runner) -> None:
    script = ANSWER + "print('first')\nfor i in range(400000): print('é' * 20, i)\nprint('last')"
    result = run(script, timeout="60s")
    assert result.status is Status.SUCCESS
    assert len(result.logs.encode()) <= runner.installation.settings.max_output_size
    assert result.logs.startswith("first\n")
    assert result.logs.endswith("last\n")
    assert "bytes of log are missing here" in result.logs


def test_files_are_kept_and_what_is_not_collected_is_said(run: Run, runner: Runner, tmp_path: Path) -> None:
    script = (
        ANSWER
        + """
import os
d = "/sandbox/out/files/"
os.makedirs(d + "deep/er"); os.makedirs(d + "empty")
open(d + "deep/er/a.txt", "w").write("hello"); open(d + "b.bin", "wb").write(bytes(300000))
os.symlink("/etc/passwd", d + "link"); os.link(d + "b.bin", d + "hard"); os.mkfifo(d + "pipe")
open(d + "new\\nline", "w"); open(d + "secret", "w").write("x"); os.chmod(d + "secret", 0)
"""
    )
    result = run(script)
    assert result.status is Status.SUCCESS, result
    names = set(result.files_list)
    assert {"deep/er/a.txt", "secret"} <= names
    assert len(names & {"b.bin", "hard"}) == 1
    for said in ("symbolic link", "hard link", "named pipe", "empty folder", "control or invisible"):
        assert said in result.logs
    runner.installation.artifacts.extract(result.artifacts, tmp_path / "out")
    assert (tmp_path / "out/deep/er/a.txt").read_text() == "hello"
    assert result.files_url.endswith(f"default/{result.execution_id}/files.tar.gz")


def test_a_large_input_goes_by_file(run: Run) -> None:
    script = (
        "import json,os; d=json.load(open('/sandbox/input.json')); "
        "json.dump([len(d['x']), 'SANDBOX_INPUT' in os.environ], open('/sandbox/out/output.json','w'))"
    )
    assert run(script, {"x": "y" * 3_000_000}).output == [3_000_000, False]
    assert run(script, {"x": "y" * 1000}).output == [1000, True]


def test_a_cancel_kills_the_container_and_is_not_a_timeout(run: Run, runner: Runner) -> None:
    token = CancelToken()
    began = time.monotonic()
    script = "import time; print('on', flush=True); time.sleep(60)"
    result = run(script, cancel=token, on_log=lambda _stream, _line: token.cancel())
    assert time.monotonic() - began < 10
    assert (result.status, result.reason) == (Status.CANCELLED, None)
    assert result.logs == "on\n"
    assert containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance}) == []


def test_an_interrupt_ends_the_record_as_cancelled_and_passes_on(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("import time; print('on', flush=True); time.sleep(60)")

    def interrupt(_stream: str, _line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(RunRequest(skill=name), on_log=interrupt)
    row = runner.installation.executions.list("default", skill=name)[0]
    assert row.status == "cancelled"
    assert containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance}) == []


def test_an_interrupt_passes_on_though_its_end_cannot_be_recorded(
    installation: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runner = Runner.from_settings(installation.model_copy(update={"home": tmp_path / "home"}))
    package(EXAMPLES / "skills" / "slow", tmp_path / "slow.zip", installation.max_skill_size)
    runner.installation.registry.push("default", tmp_path / "slow.zip")

    def interrupt(_stream: str, _line: str) -> None:
        with closing(sqlite3.connect(tmp_path / "home" / "skillbox.db")) as database, database:
            database.execute("ALTER TABLE executions RENAME TO elsewhere")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(RunRequest(skill="slow", input={"seconds": 30}), on_log=interrupt)
    assert "its end can't be recorded" in caplog.text
    assert containers_left(runner.installation.engine, {LABEL_INSTANCE: installation.instance}) == []


def test_a_skill_of_the_original_runs_unchanged_through_an_alias(run: Run, runner: Runner) -> None:
    result = run(ANSWER, front="image: python:3.12-slim\nversion: 2.1.0\ntimeout: 1m")
    assert (result.status, result.version) == (Status.SUCCESS, "2.1.0")
    row = runner.installation.executions.get("default", result.execution_id)
    assert row.image == runner.installation.settings.image_aliases.get("python:3.12-slim", "python:3.12-slim")
    assert (row.image_id or "").startswith("sha256:")


@pytest.mark.parametrize(
    ("front", "reason", "said"),
    [
        ("image: evil:1", Reason.POLICY, "evil:1"),
        ("resources: {memory: 99Gi}", Reason.INPUT, "SKILLBOX_MAX_MEMORY"),
        ("resources: {cpu: 64}", Reason.INPUT, "SKILLBOX_MAX_CPU"),
        ("timeout: 5h", Reason.INPUT, "SKILLBOX_MAX_TIMEOUT"),
    ],
)
def test_what_the_installation_refuses_ends_the_record_with_the_way_out(
    run: Run, front: str, reason: Reason, said: str
) -> None:
    result = run(ANSWER, front=front)
    assert (result.status, result.reason) == (Status.FAILED, reason)
    assert said in (result.error or "")


def test_errors_before_the_record_are_raised(runner: Runner) -> None:
    for request, error in (
        (RunRequest(skill="nope"), SkillNotFoundError),
        (RunRequest(skill="stats", version="9.9.9"), SkillNotFoundError),
        (RunRequest(skill="../x"), InvalidRequestError),
        (RunRequest(skill="stats", env={"LD_PRELOAD": "x"}), InvalidRequestError),
        (RunRequest(skill="stats", input=float("nan")), InvalidRequestError),
        (RunRequest(skill="stats", input="x" * 10_485_760), InvalidRequestError),
    ):
        with pytest.raises(error):
            runner.run(request)
    with pytest.raises(SkillNotFoundError):
        runner.run(RunRequest(skill="stats"), RunOptions(tenant="other"))


def test_one_key_is_one_execution_and_a_finished_one_needs_no_container(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("import json,time; json.dump(time.time_ns(), open('/sandbox/out/output.json','w'))")
    first = runner.run(RunRequest(skill=name), RunOptions(key="k-" + name))
    second = runner.run(RunRequest(skill=name), RunOptions(key="k-" + name))
    assert second == first
    with pytest.raises(InvalidRequestError, match="another request"):
        runner.run(RunRequest(skill=name, input=1), RunOptions(key="k-" + name))


def _meet(maker: Runner, other: Runner, skill: str, started: Callable[[str], None]) -> None:
    """Has two workers at one execution: `other` comes when `maker` has made the container and starts it by `started`.

    Both must end at one container, and the skill must succeed.
    """
    request, options, made = RunRequest(skill=skill), RunOptions(key=uuid.uuid4().hex), threading.Event()
    steps, sandboxes = Steps(maker.installation), []

    def start(container: str) -> None:
        made.set()
        started(container)

    maker.installation.engine.start = start  # type: ignore[method-assign]
    execution = steps.create_record(request, options)
    loaded = steps.load_skill(execution, options)
    making = threading.Thread(
        target=lambda: sandboxes.append(steps.create_container(execution, loaded, request, options))
    )
    making.start()
    assert made.wait(30)
    result = other.run(request, options)
    making.join()
    assert (result.execution_id, result.status, len(sandboxes)) == (execution.id, Status.SUCCESS, 1), result


def test_a_new_container_is_left_to_the_worker_who_is_about_to_start_it(runner: Runner, make_skill: MakeSkill) -> None:
    slow = Runner.from_settings(runner.installation.settings)
    start = slow.installation.engine.start

    def start_late(container: str) -> None:
        time.sleep(0.7)
        start(container)

    _meet(slow, Runner.from_settings(runner.installation.settings), make_skill(ANSWER), start_late)


def test_a_container_that_is_started_while_another_worker_removes_it_as_abandoned_stays(
    runner: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_container, "UNSTARTED", 0.0)
    slow, other = Runner.from_settings(runner.installation.settings), Runner.from_settings(runner.installation.settings)
    removing, started, anew = threading.Event(), threading.Event(), []
    start, remove, create = (
        slow.installation.engine.start,
        other.installation.engine.remove,
        other.installation.engine.create,
    )

    def start_late(container: str) -> None:
        assert removing.wait(30)
        start(container)
        started.set()

    def remove_late(container: str, **how: bool) -> bool:
        removing.set()
        assert started.wait(30)
        return remove(container, **how)

    def create_noted(*arguments: Any) -> str:
        container = create(*arguments)
        anew.append(container)
        return container

    monkeypatch.setattr(other.installation.engine, "remove", remove_late)
    monkeypatch.setattr(other.installation.engine, "create", create_noted)
    _meet(slow, other, make_skill(ANSWER), start_late)
    assert anew == []


def test_a_container_made_by_a_lost_worker_is_adopted_with_its_logs_from_the_first_line(
    runner: Runner, make_skill: MakeSkill
) -> None:
    name = make_skill("import json,time,uuid\nu=uuid.uuid4().hex\nprint('first',u)\ntime.sleep(2)\n"
                      "json.dump(u, open('/sandbox/out/output.json','w'))")  # fmt: skip
    request, options = RunRequest(skill=name), RunOptions(key="lost-" + name)
    lost = Steps(Runner.from_settings(runner.installation.settings).installation)
    execution = lost.create_record(request, options)
    skill = lost.load_skill(execution, options)
    sandbox = lost.create_container(execution, skill, request, options)

    # Another process: none of the first one's connections, the same key.
    result = Runner.from_settings(runner.installation.settings).run(request, options)
    assert result.execution_id == execution.id
    assert result.status is Status.SUCCESS, result
    assert result.logs == f"first {result.output}\n"
    assert containers_left(runner.installation.engine, {"skillbox.execution": execution.id}) == [], sandbox


def test_a_clock_that_jumped_ahead_ends_no_run_that_is_taken_over(
    runner: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_skill(ANSWER + "import time; time.sleep(1.5)")
    request, options = RunRequest(skill=name), RunOptions(key="jumped-" + name)
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda now=time.time: now() - 7200)
        lost = Steps(Runner.from_settings(runner.installation.settings).installation)
        execution = lost.create_record(request, options)
        lost.create_container(execution, lost.load_skill(execution, options), request, options)
    result = Runner.from_settings(runner.installation.settings).run(request, options)
    assert (result.execution_id, result.status) == (execution.id, Status.SUCCESS), result


def test_repeating_the_wait_gives_a_skill_no_more_time(runner: Runner, make_skill: MakeSkill) -> None:
    # It stops its supervisor's clock, so that only the worker's is left.
    name = make_skill("import os, time; print('on', flush=True); os.kill(-1, 19) if not os.fork() else time.sleep(60)")

    def fail(_stream: str, _line: str) -> None:
        raise EngineError("the log can't be read")

    request, options, steps = RunRequest(skill=name), RunOptions(timeout="2s"), Steps(runner.installation, fail)
    execution = steps.create_record(request, options)
    skill = steps.load_skill(execution, options)
    sandbox = steps.create_container(execution, skill, request, options)
    outcome, give_up = None, time.monotonic() + 20
    while outcome is None and time.monotonic() < give_up:
        with suppress(EngineError):
            outcome = steps.wait(execution, skill, sandbox)
    steps.cleanup(execution, Verdict(Status.TIMEOUT))
    assert outcome is not None
    assert outcome.ending is Ending.DEADLINE


def test_a_skill_whose_worker_dies_at_its_deadline_is_not_started_again(runner: Runner, make_skill: MakeSkill) -> None:
    # Without the supervisor's clock, so that the worker's own decides.
    name = make_skill("import os, time; os.kill(-1, 19) if not os.fork() else time.sleep(60)")
    request, options = RunRequest(skill=name), RunOptions(timeout="1s", key=uuid.uuid4().hex)
    lost = Steps(Runner.from_settings(runner.installation.settings).installation)
    execution = lost.create_record(request, options)
    skill = lost.load_skill(execution, options)
    outcome = lost.wait(execution, skill, lost.create_container(execution, skill, request, options))
    assert outcome.ending is Ending.DEADLINE
    result = Runner.from_settings(runner.installation.settings).run(request, options)
    assert (result.execution_id, result.status) == (execution.id, Status.TIMEOUT), result
    assert runner.installation.executions.get("default", execution.id).attempt == 1
    assert containers_left(runner.installation.engine, {"skillbox.execution": execution.id}) == []


LOUD = """
import json, os, sys, time, uuid
name = uuid.uuid4().hex
for number in range(40000): print(number, "x" * 50, file={stream})
print(name, file=sys.stderr)
while not os.path.exists("/tmp/go"): time.sleep(0.01)
print("last"); json.dump(name, open("/sandbox/out/output.json", "w"))
"""


def test_a_container_is_collected_as_the_user_it_has_whatever_the_setting_says_now(
    runner: Runner, make_skill: MakeSkill
) -> None:
    request, options = RunRequest(skill=make_skill(ANSWER)), RunOptions(key=uuid.uuid4().hex)
    lost = Steps(runner.installation)
    execution = lost.create_record(request, options)
    lost.create_container(execution, lost.load_skill(execution, options), request, options)
    other = runner.installation.settings.model_copy(update={"user_ids": "70000-70000"})
    result = Runner.from_settings(other).run(request, options)
    assert (result.execution_id, result.status) == (execution.id, Status.SUCCESS), result


@pytest.mark.parametrize("stream", ["sys.stdout", "sys.stderr"])
def test_a_container_whose_log_lost_its_beginning_is_adopted_and_not_started_again(
    runner: Runner, make_skill: MakeSkill, stream: str
) -> None:
    name = make_skill(LOUD.replace("{stream}", stream))
    request, options = RunRequest(skill=name), RunOptions(key="loud-" + name)
    lost = Runner.from_settings(runner.installation.settings)
    steps = Steps(lost.installation)
    execution = steps.create_record(request, options)
    sandbox = steps.create_container(execution, steps.load_skill(execution, options), request, options)
    attachment = lost.installation.connections.take(sandbox)
    assert attachment
    attachment.close()
    while True:
        log = b"".join(runner.installation.engine.logs(sandbox.container_id))
        if re.search(rb"(?m)[0-9a-f]{32}$", log):
            break
    assert b"started" not in log, "the engine keeps the whole log"

    def hear(_stream: str, line: str) -> None:
        if line in log.decode(errors="replace"):
            go = runner.installation.engine.execute(
                sandbox.container_id, ["touch", "/tmp/go"], user=sandbox.user, deadline=math.inf
            )
            list(go) if not heard else None
        heard.append(line)

    heard: list[str] = []
    began = time.monotonic()
    result = Runner.from_settings(runner.installation.settings).run(request, options, on_log=hear)
    assert result.status is Status.SUCCESS, result
    assert time.monotonic() - began < 30
    assert str(result.output).encode() in log, "another start has another name"
    assert runner.installation.executions.get("default", execution.id).attempt == 1
    assert result.logs.startswith("[skillbox: the beginning of the log is lost")
    assert "last" in heard


def test_a_skill_of_which_the_log_shows_nothing_is_adopted_and_goes_on(
    runner: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = RunRequest(skill=make_skill(ANSWER + "\nimport time; time.sleep(4)"))
    options, lost = RunOptions(key=uuid.uuid4().hex), Runner.from_settings(runner.installation.settings).installation
    execution = Steps(lost).create_record(request, options)
    sandbox = Steps(lost).create_container(execution, Steps(lost).load_skill(execution, options), request, options)
    lost.connections.drop(sandbox.name)
    other = Runner.from_settings(runner.installation.settings)
    # As on an engine whose disk is full, or in a flood whose log begins anew in that moment.
    monkeypatch.setattr(other.installation.engine, "logs", lambda *_, **__: iter(()))
    monkeypatch.setattr(sandbox_container, "DELIVERY_TIMEOUT", 0.5)
    monkeypatch.setattr(sandbox_container, "DOUBT", 0.5)
    settings = runner.installation.settings
    found = adopt(other.installation.engine, sandbox.name, token=execution.id, instance=settings.instance)
    assert found == sandbox
    result = other.run(request, options)
    assert (result.execution_id, result.status) == (execution.id, Status.SUCCESS), result
    assert runner.installation.executions.get("default", execution.id).attempt == 1


def test_a_flood_that_is_taken_over_in_its_middle_does_not_look_whole(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("import time\nends, i = time.time() + 2, 0\nwhile time.time() < ends: print(i); i += 1\n")
    request, options = RunRequest(skill=name), RunOptions(key=uuid.uuid4().hex)
    lost = Runner.from_settings(runner.installation.settings)
    execution = Steps(lost.installation).create_record(request, options)
    skill = Steps(lost.installation).load_skill(execution, options)
    lost.installation.connections.drop(
        Steps(lost.installation).create_container(execution, skill, request, options).name
    )
    result = Runner.from_settings(runner.installation.settings).run(request, options)
    assert result.execution_id == execution.id
    marks = [line for line in result.logs.splitlines() if line.startswith("[skillbox: ")]
    numbers = [int(line) for line in result.logs.splitlines() if line.isdigit()]
    assert len(numbers) > 1000
    assert marks, numbers[:3]


@pytest.mark.parametrize(
    ("handed_over", "state"),
    [
        (b"", "left"),
        (b"20000 5.0 60 TOKEN\n" + b"x" * 10_000, "left"),
        (b"", "paused"),
        (b"20000 5.0 60 TOKEN\n" + b"x" * 10_000, "held"),
    ],
    ids=["nothing", "half a tar", "paused", "its maker is frozen"],
)
def test_a_sandbox_whose_delivery_broke_off_is_made_anew(
    runner: Runner, handed_over: bytes, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state == "held":
        monkeypatch.setattr(sandbox_container, "DELIVERY_TIMEOUT", 0.5)
    image = ready_image(runner.installation.engine, runner.installation.settings.image_aliases.get("bash:5", "bash:5"))
    token = uuid.uuid4().hex
    labels = {LABEL_INSTANCE: runner.installation.settings.instance, LABEL_EXECUTION: token}
    config = container_config(
        user=70_000, image_id=image.id, memory=64 << 20, scratch=1 << 20, cpu_quota=50_000, labels=labels
    )
    name = container_name(token, 1)
    container = runner.installation.engine.create(name, config)
    try:
        attachment = runner.installation.engine.attach(container)
        runner.installation.engine.start(container)
        attachment.write(handed_over.replace(b"TOKEN", token.encode()), time.monotonic() + 10)
        if state == "paused":
            runner.installation.engine._api.pause(container)
        if state != "held":
            attachment.close()
        assert (
            adopt(runner.installation.engine, name, token=token, instance=runner.installation.settings.instance) is None
        )
        assert not runner.installation.engine.remove(container), "it was removed"
        attachment.close()
    finally:
        runner.installation.engine.remove(container)


def test_a_log_that_was_followed_to_its_end_takes_no_other_request_with_it(runner: Runner) -> None:
    engine = Engine(runner.installation.settings.engine_url)
    image = ready_image(engine, runner.installation.settings.image_aliases.get("bash:5", "bash:5"))
    labels = {LABEL_INSTANCE: runner.installation.settings.instance}
    config = container_config(
        user=70_000, image_id=image.id, memory=64 << 20, scratch=1 << 20, cpu_quota=50_000, labels=labels
    )
    quiet, over = (engine.create(f"t-{uuid.uuid4().hex}", config) for _ in range(2))
    try:
        attachment = runner.installation.engine.attach(quiet)
        runner.installation.engine.start(quiet)
        followed = engine.follow(over)
        assert list(followed) == []
        other = engine.follow(quiet)
        followed.close()
        followed.release()
        attachment.close()
        assert b"refused" in b"".join(other)
        other.release()
    finally:
        for container in (quiet, over):
            engine.remove(container)


def test_a_connection_that_nobody_waits_on_is_closed_with_its_run(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("import time; time.sleep(60)")
    request, options, steps = (
        RunRequest(skill=name),
        RunOptions(key="dropped-" + name),
        Steps(
            runner.installation,
        ),
    )
    execution = steps.create_record(request, options)
    sandbox = steps.create_container(execution, steps.load_skill(execution, options), request, options)
    steps.cleanup(execution, Verdict(Status.FAILED, Reason.INFRASTRUCTURE))
    assert runner.installation.connections.take(sandbox) is None


def test_a_container_removed_by_somebody_else_is_said_to_be_lost(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("import time; print('on', flush=True); time.sleep(60)")

    def remove(_stream: str, _line: str) -> None:
        for container in runner.installation.engine.containers({"skillbox.skill": f"{name}@1.0.0"}):
            runner.installation.engine.remove(container["Id"])

    result = runner.run(RunRequest(skill=name), on_log=remove)
    assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE), result


def test_a_result_that_is_no_success_raises_on_request(run: Run) -> None:
    with pytest.raises(ExecutionTimeoutError) as caught:
        run("import time; time.sleep(9)", timeout="1s").raise_for_status()
    assert caught.value.result.status is Status.TIMEOUT


def test_a_skill_of_ten_thousand_files_runs(run: Run) -> None:
    script = (
        "import json, os\njson.dump(len(os.listdir('/sandbox/scripts/data')), open(os.environ['SANDBOX_OUTPUT'], 'w'))"
    )
    result = run(script, files={f"data/{n // 3}/{n}.txt": "x" for n in range(9_990)})
    assert (result.status, result.output) == (Status.SUCCESS, 3_330)


def test_prepared_python_packages_can_be_imported(run: Run) -> None:
    script = "import greeter, json; json.dump(greeter.greet(), open('/sandbox/out/output.json', 'w'))"
    result = run(script, files={"vendor/greeter.py": "def greet(): return 'hello'\n", "requirements.txt": "greeter\n"})
    assert result.output == "hello", result


@pytest.mark.parametrize("_attempt", [1, 2])
def test_no_line_is_lost_when_one_stream_is_far_behind_the_other(run: Run, _attempt: int) -> None:
    # Behind a reader that pauses, the streams drift apart: four times in five, stdout's end comes after stderr's.
    seen: dict[str, list[int]] = {"stdout": [], "stderr": []}

    def read(stream: str, line: str) -> None:
        seen[stream].append(int(line.split()[0]))
        if seen[stream][-1] % 2000 == 0:
            time.sleep(0.3)

    script = ANSWER + "import sys\nfor i in range(20000): print(i, 'x' * 80, file=(sys.stdout, sys.stderr)[i % 2])"
    result = run(script, on_log=read)
    assert result.ok, result
    assert seen == {"stdout": list(range(0, 20000, 2)), "stderr": list(range(1, 20000, 2))}


FORGER = """
import os, sys, time
print("ready", flush=True)
while not os.path.exists("/tmp/token"): time.sleep(0.01)
token = open("/tmp/token").read().strip()
# The shell around this, and the supervisor's clock.
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (1, os.getpid(), os.getppid()):
        try: os.kill(int(name), 19)
        except OSError: pass
json.dump({}, open('/sandbox/out/output.json', 'w'))
sys.stderr.write(f"\\n\\x1eskillbox {token} ended code=0 late=0 full=0 peak=1 cpu_ns=1 oom=0\\n")
sys.stderr.flush()
while True: print("x" * 1000)
"""


@pytest.mark.parametrize("cancelled", [False, True], ids=["nobody cancels", "cancelled"])
def test_a_forged_last_word_does_not_outlast_the_wait_for_the_rest(
    run: Run, runner: Runner, monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    monkeypatch.setattr(follow, "DRAIN", 600.0 if cancelled else 3.0)
    token, seen = CancelToken(), 0

    def hear(stream: str, line: str) -> None:
        nonlocal seen
        seen += 1
        if line == "ready":
            engine = runner.installation.engine
            (row,) = containers_left(engine, {LABEL_INSTANCE: runner.installation.settings.instance})
            found = engine.inspect(row["Id"])["Config"]
            told = f"echo {found['Labels'][LABEL_EXECUTION]} >/tmp/token"
            command = ["sh", "-c", told]
            list(engine.execute(row["Id"], command, user=found["User"], deadline=time.monotonic() + 30))
        if cancelled and seen == 1000:
            token.cancel()

    began = time.monotonic()
    result = run("import json\n" + FORGER, timeout="2s", on_log=hear, cancel=token)
    assert result.status is (Status.CANCELLED if cancelled else Status.SUCCESS), result
    assert seen >= 1000
    assert time.monotonic() - began < 60
    assert containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance}) == []


def test_a_skill_that_keeps_stdout_to_itself_still_ends(run: Run) -> None:
    result = run(ANSWER + "import os; os.close(1); os.close(2)")
    assert result.ok, result


SPECIAL = (
    *("PPID", "UID", "EUID", "GROUPS", "OPTIND", "OPTARG", "OPTERR", "LINENO", "RANDOM", "SRANDOM", "SECONDS", "SHLVL"),
    *(
        "PWD",
        "OLDPWD",
        "_",
        "REPLY",
        "MAIL",
        "MAILPATH",
        "MAILCHECK",
        "PS1",
        "PS2",
        "TERM",
        "COLUMNS",
        "LINES",
        "SHELL",
    ),
    *(
        "HOSTNAME",
        "HOSTTYPE",
        "MACHTYPE",
        "OSTYPE",
        "HISTSIZE",
        "HISTFILE",
        "HISTCMD",
        "DIRSTACK",
        "FUNCNAME",
        "FUNCNEST",
    ),
    *("EPOCHSECONDS", "EPOCHREALTIME", "COMP_LINE", "COPROC", "PIPESTATUS", "POSIXLY_CORRECT", "TIMEFORMAT", "TMOUT"),
    *(
        "ATTY",
        "FC",
        "EMACS",
        "FIGNORE",
        "INPUTRC",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "USER",
        "LOGNAME",
        "size",
        "skill",
    ),
    *("token", "late", "grace", "limit", "sandbox", "code", "full", "place", "found", "value"),
)
"""Names that mean something to a shell, or to our own start of one."""


def test_every_variable_that_is_taken_arrives_as_it_is(run: Run) -> None:
    taken = {}
    for name in SPECIAL:
        with suppress(InvalidRequestError):
            check_env({name: ""})
            taken[name] = f"7 {name}\n'b' $x `y`"
    assert len(taken) > 40
    result = run("import json, os; json.dump(dict(os.environ), open('/sandbox/out/output.json', 'w'))", env=taken)
    assert result.ok, result.logs
    assert {name: result.output.get(name) for name in taken} == taken
