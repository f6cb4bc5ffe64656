"""A script whose interpreter waited for it runs as one whose interpreter starts with it, and faster."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, RunResult, Settings, Status, wait_for_removals
from skillbox_core.models import Call
from skillbox_core.run import kinds, pool
from skillbox_core.sandbox.removals import WORKERS
from tests.conftest import MakeSkill

PROGRAMS = Path(__file__).parent / "programs"
ANSWER = "import json\njson.dump(ANSWER, open('/sandbox/out/output.json', 'w'))\n"


def answer(what: str, before: str = "") -> str:
    """A script that leaves the value of an expression."""
    return f"{before}\nimport json\njson.dump({what}, open('/sandbox/out/output.json', 'w'))\n"


@pytest.fixture(scope="module")
def pooled(installation: Settings, runner: Runner) -> Iterator[Runner]:
    """A runner on the same installation with containers that wait."""
    own = Runner.from_settings(installation.model_copy(update={"pool_max": 2, "pool_min": 1}))
    yield own
    wait_for_removals()
    drain(own)


def drain(own: Runner) -> None:
    for row in own.installation.waiting.listed(own.installation.settings.instance, own.installation.engine.name):
        own.installation.give_up_waiting(row.name)


@pytest.fixture(autouse=True)
def emptied(pooled: Runner) -> None:
    """No container waits when a test begins."""
    wait_for_removals()
    drain(pooled)


class Both:
    """Runs a skill in a container that is made for it, and then in one that waited."""

    def __init__(self, pooled: Runner) -> None:
        self._pooled = pooled

    def __call__(
        self, name: str, input: Any = None, env: dict[str, str] | None = None, **options: Any
    ) -> tuple[RunResult, RunResult]:
        cold = self._run(name, input, env or {}, options)
        # Nobody is to have the one that would be made after this.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pool, "refill", lambda *_: None)
            warm = self._run(name, input, env or {}, options)
        assert not self.claimed(cold)
        assert self.claimed(warm)
        return cold, warm

    def _run(self, name: str, input: Any, env: dict[str, str], options: dict[str, Any]) -> RunResult:
        result = self._pooled.run(RunRequest(skill=name, input=input, env=env), RunOptions(**options))
        # The next container is made in the background.
        wait_for_removals()
        return result

    def claimed(self, result: RunResult) -> str | None:
        """The waiting container that a run has taken."""
        return self._pooled.installation.executions.get("default", result.execution_id).claimed


@pytest.fixture
def both(pooled: Runner) -> Both:
    return Both(pooled)


def shown(result: RunResult) -> tuple[Any, ...]:
    """All that a caller is told of a run but for its times, and for which of two streams was first."""
    lines = sorted(result.logs.splitlines())
    return result.status, result.reason, result.error, result.output, lines, result.usage.exit_code


@pytest.mark.parametrize(("lang", "said"), [("python", "JSONDecodeError"), ("node", "Error: at last")])
def test_a_script_sees_nothing_of_having_been_waited_for(
    both: Both, make_skill: MakeSkill, lang: str, said: str
) -> None:
    program = PROGRAMS / f"takes_notice.{ {'python': 'py', 'node': 'js'}[lang] }"
    name = make_skill(program.read_text(), lang=lang, files={"beside.py": ""})
    cold, warm = both(name, {"a": [1, "é"]}, {"MINE": "a 'quoted' word\n and a line, \\ and ü"})
    assert cold.output is not None, cold.logs
    assert warm.output == cold.output
    assert shown(warm) == shown(cold)
    assert "careful" in warm.logs
    assert said in warm.logs
    assert warm.usage.cpu_seconds is not None
    assert cold.usage.cpu_seconds is not None
    assert warm.usage.cpu_seconds < cold.usage.cpu_seconds


@pytest.mark.parametrize(
    "script",
    [
        "import sys; sys.exit(3)",
        "import sys; sys.exit('why it ended')",
        "raise ValueError('é')",
        "raise KeyboardInterrupt",
        "import os; os._exit(4)",
        "import os; print('said', flush=True); os.kill(os.getpid(), 9)",
        "def wrong(:\n    pass",
        "x = '\0'",
        "# -*- coding: latin-1 -*-\nprint('ok')",
        "import atexit, sys\natexit.register(print, 'late')\nsys.exit(0)",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()",
        # Shut down: one that is left to the interpreter's end now and then complains there (Python 3.11).
        "import concurrent.futures as f\nwith f.ProcessPoolExecutor(2) as pool: print(list(pool.map(abs, [-1, -2])))",
        "import asyncio\nasync def main(): print('in a loop')\nasyncio.run(main())",
        "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.stdout.buffer.write(b'no end of line')",
        "import logging\nlogging.warning('by the way')",
        "import dataclasses, pickle\n@dataclasses.dataclass\nclass A: x: int\nprint(pickle.loads(pickle.dumps(A(1))))",
        "import inspect\ndef f(): pass\nprint(inspect.getsource(f))",
        "print(__name__, __file__, __doc__, __package__, __annotations__)",
        "from __future__ import annotations\nimport this",
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'import sys; print(sys.path)'],"
        " capture_output=True).stdout)",
    ],
)  # fmt: skip
def test_it_ends_and_prints_as_it_would(both: Both, make_skill: MakeSkill, script: str) -> None:
    cold, warm = both(make_skill(script))
    assert shown(warm) == shown(cold)


def test_what_its_imports_print_is_its_log_and_stands_there_once(both: Both, make_skill: MakeSkill) -> None:
    name = make_skill("import this\nprint('mine')")
    _, warm = both(name)
    assert warm.logs.startswith("The Zen of Python, by Tim Peters\n"), warm.logs
    assert warm.logs.count("Beautiful is better than ugly.") == 1
    assert warm.logs.endswith("mine\n")


@pytest.mark.parametrize(
    ("script", "files"),
    [
        ("import colorsys as its", {"colorsys.py": "named = 'mine'"}),
        # A module that one of those has imported which it needs.
        ("import argparse\nimport gettext as its", {"gettext.py": "gettext = ngettext = str\nnamed = 'mine'"}),
        ("import json, decimal as its", {"decimal/__init__.py": "named = 'mine'"}),
        # From where the script says, and where nobody else looks.
        (
            "import sys\nsys.path.insert(0, '/sandbox/scripts/lib')\nimport statistics as its",
            {"lib/statistics.py": "named = 'mine'"},
        ),
    ],
)
def test_what_a_skill_brings_along_comes_before_what_was_imported(
    both: Both, make_skill: MakeSkill, script: str, files: dict[str, str]
) -> None:
    cold, warm = both(
        make_skill(answer("[its.named, sorted(__import__('os').listdir('/sandbox'))]", script), files=files)
    )
    assert cold.output == ["mine", ["in", "input.json", "out", "scripts"]]
    assert warm.output == cold.output


def test_one_that_starts_cold_after_all_answers_by_what_it_prints(both: Both, make_skill: MakeSkill) -> None:
    files = {"numbers.py": "", "csv.py": "named = 'mine'", "decimal.txt": ""}
    name = make_skill("import csv\nprint(csv.named)", front="warm: [csv]\n", files=files)
    cold, warm = both(name, call=Call(script="main.py", result="text"), env={"KEY": "a-long-secret-word"})
    assert cold.status is Status.SUCCESS, cold
    assert shown(warm) == shown(cold)


def test_what_an_import_was_ended_for_is_not_the_jobs(
    both: Both, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    eats = "exec python3 -c 'x = bytearray(2 << 30)'"
    monkeypatch.setattr(kinds, "warm_start", lambda *_args, **_named: eats)
    cold, warm = both(make_skill("import sys\nsys.exit(1)"))
    assert shown(warm) == shown(cold)


def test_the_collector_leaves_alone_what_was_imported_and_nothing_of_the_scripts(
    both: Both, make_skill: MakeSkill
) -> None:
    circle = "class Own: pass\nown = Own()\nown.own = own\nseen = weakref.ref(own)\ndel own\nfound = gc.collect()"
    cold, warm = both(
        make_skill(answer("[gc.get_freeze_count() > 1000, gc.isenabled(), seen()]", f"import gc, weakref\n{circle}"))
    )
    assert (cold.output, warm.output) == ([False, True, None], [True, True, None])


def test_each_has_a_randomness_of_its_own(pooled: Runner, both: Both, make_skill: MakeSkill) -> None:
    name = make_skill(
        answer("[random.random(), hash('x'), uuid.uuid4().hex, secrets.token_hex()]", "import random, uuid, secrets")
    )
    results = []
    for _ in range(3):
        results.append(pooled.run(RunRequest(skill=name)))
        wait_for_removals()
    assert [both.claimed(result) is not None for result in results] == [False, True, True]
    first, second, third = (set(result.output) for result in results)
    assert first.isdisjoint(second | third)
    assert second.isdisjoint(third)


@pytest.mark.parametrize("variable", ["TZ", "LC_ALL", "OMP_NUM_THREADS", "MPLBACKEND"])
def test_a_variable_that_is_read_at_an_import_is_there_by_then(
    both: Both, make_skill: MakeSkill, variable: str
) -> None:
    # `time` reads TZ, `os` and `locale` what they read, once: when the interpreter starts.
    script = answer(
        "[os.environ.get(NAME), time.tzname, time.strftime('%H', time.gmtime(0))]".replace("NAME", repr(variable)),
        "import os, time",
    )
    cold, warm = both(make_skill(script), env={variable: "Asia/Tokyo" if variable == "TZ" else "C"})
    assert warm.output == cold.output


@pytest.mark.parametrize(
    ("call", "script"),
    [
        (Call(script="main.py", args=("--n", "{input.n}")), "import sys, json\nprint(json.dumps(sys.argv))"),
        (Call(script="main.py", stdin="{input}", result="lines"), "import sys\nprint(sys.stdin.read())\nprint('x')"),
        (Call(script="main.py", result="text"), "import this"),
        (Call(script="main.py", result="file:new/a.json"), "open('new/a.json', 'w').write('[1]')"),
    ],
)  # fmt: skip
def test_a_called_script_is_told_and_answers_the_same(
    both: Both, make_skill: MakeSkill, call: Call, script: str
) -> None:
    cold, warm = both(make_skill(script), {"n": 7}, call=call)
    assert cold.status is Status.SUCCESS, cold
    assert shown(warm) == shown(cold)


@pytest.mark.parametrize(
    ("front", "modules"),
    [
        ("", ["sys", "json"]),
        ("warm: [decimal, xml.dom]\n", ["decimal", "xml.dom"]),
        ("warm: none\n", None),
        ("warm: [no_such]\n", ["no_such"]),
        # It needs a module that this system does not have: the import fails, and there is no interpreter.
        ("warm: [msilib]\n", ["msilib"]),
    ],
)
def test_skill_md_says_what_is_imported(
    pooled: Runner, both: Both, make_skill: MakeSkill, front: str, modules: list[str] | None
) -> None:
    name = make_skill(answer("sorted(sys.modules)", "import sys"), front=front)
    first = pooled.run(RunRequest(skill=name)).raise_for_status()
    command = pooled.installation.engine.inspect(newest(pooled))["Config"]["Cmd"]
    told = [line for line in "".join(command[3:]).splitlines() if line.startswith("main([")]
    assert told == ([f"main({json.dumps(modules)})"] if modules is not None else [])
    second = pooled.run(RunRequest(skill=name)).raise_for_status()
    assert both.claimed(second)
    assert set(first.output) <= set(second.output)


def newest(pooled: Runner) -> str:
    """The container that waits."""
    wait_for_removals()
    rows = pooled.installation.waiting.listed(pooled.installation.settings.instance, pooled.installation.engine.name)
    return rows[-1].name


@pytest.mark.parametrize(
    "script",
    [
        "process.exit(3)",
        "process.exitCode = 4; console.log('last')",
        "process.kill(process.pid, 'SIGKILL')",
        "await 1",
        "Promise.reject(new Error('nobody'))",
        "setTimeout(() => { console.log('later') }, 50)",
        "const fs = require('fs')\nfs.writeFileSync('/sandbox/out/output.json', JSON.stringify(module.paths))",
        "const { Worker, isMainThread } = require('worker_threads')\nif (isMainThread) new Worker(__filename)\n"
        "console.log(isMainThread)",
        "const no = require('no-such-module')",
        "const { fork } = require('child_process')\nif (process.argv[2]) process.send(process.argv)\n"
        "else fork(__filename, ['child']).on('message', m => console.log(m))",
    ],
)  # fmt: skip
def test_a_node_script_ends_and_prints_as_it_would(both: Both, make_skill: MakeSkill, script: str) -> None:
    cold, warm = both(make_skill(script, lang="node"))
    assert shown(warm) == shown(cold)


def test_a_called_node_script_is_told_and_answers_the_same(both: Both, make_skill: MakeSkill) -> None:
    script = "const fs = require('fs')\nconsole.log(JSON.stringify([process.argv, fs.readFileSync(0, 'utf8')]))"
    cold, warm = both(
        make_skill(script, lang="node"), {"n": 7}, call=Call(script="main.js", args=("a b",), stdin="{input}")
    )
    assert cold.status is Status.SUCCESS, cold
    assert shown(warm) == shown(cold)


def test_another_language_finds_a_shell_that_waits(both: Both, make_skill: MakeSkill) -> None:
    cold, warm = both(make_skill("echo '{}' >/sandbox/out/output.json; echo $0", lang="bash"))
    assert cold.status is Status.SUCCESS, cold
    assert shown(warm) == shown(cold)


def test_its_time_begins_with_its_job(both: Both, make_skill: MakeSkill) -> None:
    cold, warm = both(make_skill("import time\ntime.sleep(30)"), timeout="1s")
    assert (cold.status, warm.status) == (Status.TIMEOUT, Status.TIMEOUT)
    assert warm.duration_ms < 20_000


def test_a_container_can_be_taken_once_its_interpreter_is_ready(
    pooled: Runner, both: Both, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = f"sleep 2; {ON}"
    monkeypatch.setattr(kinds, "warm_start", lambda *_args, **_named: slow)
    name = make_skill(answer("1"))
    ready, at = pooled.installation.waiting.ready, []
    monkeypatch.setattr(pooled.installation.waiting, "ready", lambda row: at.append(stopped(pooled, row)) or ready(row))
    both(name)
    assert at == [True]


def test_a_run_waits_for_no_import_that_hangs(
    pooled: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    monkeypatch.setattr(pool, "follow_up", lambda *_: held.wait(60))
    name = make_skill(answer("1"))
    try:
        # One more than there are threads for either.
        results = [pooled.run(RunRequest(skill=name)) for _ in range(WORKERS + 1)]
        removed = threading.Event()
        pooled.installation.removals.submit(removed.set)
        assert removed.wait(30), "a removal waits for a container that is made"
        assert all(result.ok for result in results)
    finally:
        held.set()


def stopped(own: Runner, name: str) -> bool:
    """Whether a stopped process is among those of a container."""
    processes = own.installation.engine._api.top(name, "-eo pid,stat")["Processes"]
    return any(state.startswith("T") for _, state in processes)


READS_EARLY = """exec python3 -c "
import os, threading
def read():
    with open('/proc/1/fd/0', 'rb', buffering=0) as job, open('/sandbox/.stolen', 'wb', buffering=0) as stolen:
        while part := job.read(4096):
            stolen.write(part)
threading.Thread(target=read, daemon=True).start()
os.kill(os.getpid(), 19)
os.remove('/sandbox/.job')
os.execv('/bin/sh', ['sh', '/sandbox/.run'])
"
"""
WAKES = """
import ctypes, os, signal
signal.signal(signal.SIGCONT, lambda *_: None)
timer = ctypes.c_void_p()
event = (ctypes.c_int * 16)(0, 0, signal.SIGCONT, 0)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.timer_create(1, event, ctypes.byref(timer)) == 0, ctypes.get_errno()
times = (ctypes.c_long * 4)(0, 0, 0, 200_000_000)
assert libc.timer_settime(timer, 0, ctypes.byref(times), None) == 0
os.kill(os.getpid(), signal.SIGSTOP)
while True:
    signal.pause()
"""
ON = "kill -STOP $$; rm /sandbox/.job; exec sh /sandbox/.run"
STEALS = "while :; do head -c 100 /proc/1/fd/0 >>/sandbox/.stolen; done"
FORGES = "printf '\\n\\036skillbox - ready\\n' >/proc/1/fd/2\n"


@pytest.mark.parametrize(
    "warm",
    [
        # It ends, is killed, or is no interpreter at all.
        "exit 1",
        "kill -9 $$",
        ON,
        # It leaves something running that reads what PID 1 is to read.
        f"({STEALS}) & {ON}",
        f"setsid sh -c '{STEALS}' & sleep 0.2; exit 0",
        # By a thread of its own.
        READS_EARLY,
        # It kills what it finds, and sends PID 1 signals.
        f"kill -9 -1; kill -TERM 1; kill -STOP 1; {ON}",
        # It goes on as often as it is stopped.
        f"(while :; do sleep 0.01; kill -CONT $$; done) & kill -STOP $$; {ON}",
        f"{FORGES}{ON}",
        # A clock of its own has it go on while it waits.
        f"(trap '' TERM; sleep 0.3; kill -CONT $$) & {ON}",
        f'exec python3 -c "{WAKES}"',
    ],
)
def test_what_is_imported_gets_nothing_of_the_job_before_it_begins(
    both: Both, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch, warm: str
) -> None:
    monkeypatch.setattr(kinds, "warm_start", lambda *_args, **_named: warm)
    script = answer(
        "{'argv': sys.argv, 'stolen': os.path.exists('/sandbox/.stolen') and open('/sandbox/.stolen').read(),"
        " 'others': [p for p in os.listdir('/proc') if p.isdigit() and p not in ('1', str(os.getpid()))"
        " and not named(p).startswith('sleep') and 'kill -9 -1' not in named(p)],"
        " 'told': os.path.exists('/sandbox/.job')}",
        "import os, sys\ndef named(p):\n    return open(f'/proc/{p}/cmdline').read().replace('\\0', ' ')\n",
    )
    # Handed to one that is not there, a job would never end.
    cold, result = both(make_skill(script), {"secret": "of the job"}, timeout="20s")
    assert result.status is Status.SUCCESS, result
    assert result.output["argv"] == cold.output["argv"]
    assert not result.output["stolen"]
    assert not result.output["told"]
    assert result.output["others"] == []
    assert result.logs == cold.logs
