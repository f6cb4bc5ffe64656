"""Why a skill failed, on the real engine: each cause has its category, its sentence and what helps."""

from __future__ import annotations

import pytest

from skillbox_core import Reason, Runner, Status
from skillbox_core.status import Category
from tests.conftest import Run

OUT = "open('/sandbox/out/output.json', 'w').write('{}')\n"
FILL = "with open({path!r}, 'wb') as file:\n    while True: file.write(bytes(1 << 20))\n"
NODE_HEAP = "const kept = []; for (;;) kept.push(new Array(100000).fill(0).map((_, i) => i + 0.5));"


@pytest.mark.parametrize(
    ("lang", "script", "reason", "category", "summary", "resolution"),
    [
        ("python", "def work(): raise ValueError('bad row 17')\nwork()", Reason.EXIT, Category.EXIT,
         "ValueError: bad row 17 (exit code 1)", ""),
        ("python", "try: int('x')\nexcept ValueError: raise KeyError('name')", Reason.EXIT, Category.EXIT,
         "KeyError: 'name' (exit code 1)", ""),
        ("python", "class BadRow(Exception): pass\nraise BadRow('17')", Reason.EXIT, Category.EXIT,
         "BadRow: 17 (exit code 1)", ""),
        ("python", "foo(", Reason.EXIT, Category.EXIT, "SyntaxError: '(' was never closed (exit code 1)", ""),
        ("python", "raise SystemExit('no such column')", Reason.EXIT, Category.EXIT,
         "the skill ended with exit code 1; its last line on stderr: no such column", ""),
        ("python", "import os; os.abort()", Reason.EXIT, Category.EXIT, "exit code 134, SIGABRT", ""),
        ("node", "throw new TypeError('bad row 17')", Reason.EXIT, Category.EXIT,
         "TypeError: bad row 17 (exit code 1)", ""),
        ("node", "Promise.reject(new Error('bad row 17'))", Reason.EXIT, Category.EXIT,
         "Error: bad row 17 (exit code 1)", ""),
        ("node", "require('fs').readFileSync('nowhere')", Reason.EXIT, Category.EXIT,
         "Error: ENOENT: no such file or directory, open 'nowhere' (exit code 1)", ""),
        ("node", "throw 'bad row 17'", Reason.EXIT, Category.EXIT,
         "the skill ended with exit code 1; its last line on stderr: bad row 17", ""),
        ("bash", "no-such-command", Reason.EXIT, Category.EXIT, "no-such-command: command not found", ""),
        ("node", NODE_HEAP, Reason.OOM, Category.OOM,
         "the skill ran out of memory: Node's heap reached its own limit (exit code 134)", "raise resources.memory"),
        ("python", "bytearray(900 << 20)", Reason.OOM, Category.OOM,
         "the skill ran out of memory, resources.memory is 256Mi; the container's peak was 432Mi of 432Mi",
         "raise resources.memory"),
        ("python", FILL.format(path="/sandbox/big"), Reason.DISK, Category.DISK,
         "the skill filled its scratch area /sandbox of 96Mi (resources.scratch): OSError: [Errno 28]",
         "raise resources.scratch"),
        ("python", FILL.format(path="/tmp/big"), Reason.DISK, Category.DISK,
         "the skill filled /tmp of 64Mi: OSError: [Errno 28] No space left on device", "/tmp is always 64Mi"),
        ("python", FILL.format(path="/dev/shm/big"), Reason.DISK, Category.DISK,
         "the skill filled /dev/shm of 16Mi: OSError: [Errno 28] No space left on device", "/dev/shm is always 16Mi"),
        # What is gone at the end was told by the kernel before.
        ("python", "import os\nfile = open('/tmp/big', 'wb'); os.unlink('/tmp/big')\n"
         "while True: file.write(bytes(1 << 20))", Reason.DISK, Category.DISK,
         "the skill filled a file system of the sandbox: OSError: [Errno 28]", "/tmp is always 64Mi"),
        ("python", "import os\nfile = open('/sandbox/big', 'wb', 0); file.seek(96 << 20); file.write(b'x')",
         Reason.DISK, Category.DISK,
         "the skill wrote a file as large as a file may be, 96Mi (resources.scratch): OSError",
         "raise resources.scratch"),
        ("python", "import threading, time\n"
         "while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", Reason.PIDS, Category.PIDS,
         "the skill ran into the limit of 128 processes and threads: RuntimeError: can't start new thread", "fewer"),
        ("python", "import urllib.request; urllib.request.urlopen('http://data.invalid/')", Reason.EXIT,
         Category.NETWORK, "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
         "skills have no network"),
        ("python", "import socket; socket.create_connection(('192.0.2.1', 80))", Reason.EXIT, Category.NETWORK,
         "OSError: [Errno 101] Network is unreachable (exit code 1)", "skills have no network"),
        ("node", "require('http').get('http://data.invalid/')", Reason.EXIT, Category.NETWORK,
         "Error: getaddrinfo EAI_AGAIN data.invalid (exit code 1)", "skills have no network"),
    ],
)  # fmt: skip
def test_each_cause_is_told(
    run: Run, runner: Runner, lang: str, script: str, reason: Reason, category: Category, summary: str, resolution: str
) -> None:
    result = run(script, lang=lang, front="resources:\n  memory: 256Mi\n  scratch: 96Mi", timeout="40s", cpu="1")
    assert result.status is Status.FAILED, result
    diagnosis = result.diagnosis
    assert diagnosis is not None
    assert summary in diagnosis.summary, result
    assert (result.reason, diagnosis.category, result.error) == (reason, category, diagnosis.summary)
    assert resolution in diagnosis.resolution
    assert runner.installation.executions.result("default", result.execution_id).diagnosis == diagnosis


@pytest.mark.parametrize(
    ("script", "category", "said"),
    [
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'bytearray(900 << 20)'])\n", Category.OOM,
         "the kernel killed one of its processes for memory; the container's peak was 432Mi of 432Mi"),
        (f"try:\n    {FILL.format(path='/tmp/big').replace(chr(10), chr(10) + '    ')}\nexcept OSError: pass\n",
         Category.DISK, "it filled /tmp of 64Mi"),
        ("import threading, time\ntry:\n    while True: "
         "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nexcept RuntimeError: pass\n",
         Category.PIDS, "limit of 128 processes and threads"),
    ],
)  # fmt: skip
def test_a_success_is_warned_of_what_happened_to_it(run: Run, script: str, category: Category, said: str) -> None:
    result = run(script + OUT, front="resources:\n  memory: 256Mi\n  scratch: 96Mi", timeout="40s", cpu="1")
    assert (result.status, result.error) == (Status.SUCCESS, None), result
    assert result.diagnosis is not None
    assert (result.diagnosis.category, said in result.diagnosis.summary) == (category, True), result.diagnosis


def test_what_a_file_system_is_probed_with_can_not_be_made_a_trap(run: Run) -> None:
    traps = "".join(f"os.mkfifo('{place}/.probe')\n" for place in ("/sandbox", "/tmp", "/dev/shm"))
    result = run(f"import os\n{traps}os.chmod('/tmp', 0)\n{OUT}", timeout="10s")
    assert (result.status, result.diagnosis) == (Status.SUCCESS, None), result


def test_secrets_are_in_no_part_of_a_diagnosis(run: Run, runner: Runner) -> None:
    result = run("import os; raise ValueError(os.environ['KEY'])", env={"KEY": "canary-5ecret"})
    assert result.error == "ValueError: *** (exit code 1)"
    row = runner.installation.executions.get("default", result.execution_id)
    assert "canary-5ecret" not in f"{row.diagnosis} {row.error} {result.diagnosis}"
    assert "ValueError: ***" in str(row.diagnosis)
