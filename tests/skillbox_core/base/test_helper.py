"""A helper process has its limits before it is told anything, and none of the worker's secrets."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skillbox_core.base.helper import Helper
from skillbox_core.errors import InfrastructureError

MEMORY = 512 * 1024 * 1024
LIMITS = """
import json, os, resource, sys
sys.stdin.readline()
kinds = ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU")
print(json.dumps([{kind: resource.getrlimit(getattr(resource, kind)) for kind in kinds}, dict(os.environ)]), flush=True)
"""


@contextmanager
def helper(folder: Path, program: str, *, patience: float = 20, cpu_seconds: int | None = 1) -> Iterator[Helper]:
    path = folder / "program.py"
    path.write_text(program)
    made = Helper("the test", path, memory=MEMORY, patience=patience, cpu_seconds=cpu_seconds)
    try:
        yield made
    finally:
        made.end()


def test_it_has_its_limits_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILLBOX_S3_SECRET_KEY", "canary-5ecret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    with helper(tmp_path, LIMITS) as one:
        limits, environment = json.loads(one.ask(b"\n") or b"")
    assert limits["RLIMIT_AS"] == [MEMORY, MEMORY]
    assert limits["RLIMIT_CORE"] == [0, 0]
    assert limits["RLIMIT_CPU"][0] == 1
    assert environment["LANG"] == "C.UTF-8"
    assert not [name for name in environment if name.startswith(("SKILLBOX", "PREFECT", "AWS"))]


@pytest.mark.parametrize(
    "program",
    ["while True: pass", "import os\ntry: bytearray(1 << 30)\nexcept MemoryError: os._exit(12)"],
    ids=["processor time", "memory"],
)
def test_what_takes_too_much_has_no_answer(tmp_path: Path, program: str) -> None:
    with helper(tmp_path, f"import sys; sys.stdin.readline()\n{program}") as one:
        assert one.ask(b"\n") is None
        assert not one.usable


@pytest.mark.parametrize(
    "program",
    [
        f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})",
        "print('x' * 2_000_000, flush=True)",
        "import time\nfor _ in range(60): print('.', end='', flush=True); time.sleep(0.1)\nprint(flush=True)",
        "import time; time.sleep(60)",
    ],
    ids=["a crash", "an answer without end", "an answer that trickles", "no answer"],
)
def test_what_gives_no_answer_is_ended(tmp_path: Path, program: str) -> None:
    begun = time.monotonic()
    with helper(tmp_path, f"import sys; sys.stdin.readline()\n{program}", patience=1) as one:
        with pytest.raises(InfrastructureError, match="ended before it could answer"):
            one.ask(b"\n")
        with pytest.raises(ProcessLookupError):
            os.kill(one._process.pid, 0)
    assert time.monotonic() - begun < 15


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    program = (
        "import os, sys, time\nsys.stdin.readline()\nif child := os.fork(): print(child, flush=True)\ntime.sleep(60)"
    )
    with helper(tmp_path, program) as one:
        child = int(one.ask(b"\n") or b"")
    give_up = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().rpartition(")")[2][:3]:
        assert time.monotonic() < give_up, "a child of it lives on"
        time.sleep(0.01)
