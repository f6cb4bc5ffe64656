"""A worker in a process of its own: `run SECONDS KEY`, `dies LINES KEY`, or `many N` with few files open."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from collections import Counter

from skillbox_core import Runner, RunOptions
from skillbox_core.sandbox.inline import InlineOutput
from skillbox_core.settings import load_settings
from tests.faults.world import request

FILES = 96
DONE = threading.Event()
"""The skill's last line was told."""
DUE = threading.Event()
"""As much of its output has come as the worker lives to see."""


def run(seconds: str, key: str) -> None:
    """Prints each line of the skill at once, then the result."""
    runner = Runner.from_settings(load_settings())
    result = runner.run(
        request(float(seconds)), RunOptions(key=key), on_log=lambda stream, line: stream == "stdout" and tell(line)
    )
    tell(result.model_dump_json())


def dies(lines: str, key: str) -> None:
    """Is killed as its output comes: after so many of its lines, or with all of them by `end`."""
    came, left = InlineOutput.add, iter(range(10**6 if lines == "end" else int(lines)))

    def add(self: InlineOutput, line: str) -> None:
        if next(left, None) is None:
            die()
        came(self, line)

    def end(_self: InlineOutput, _count: int | None) -> None:
        die()

    def die() -> None:
        # The thread that reads the output also passes on what the skill printed before, perhaps behind it.
        if DONE.is_set():
            kill()
        DUE.set()

    InlineOutput.add, InlineOutput.end = add, end  # type: ignore[method-assign]
    run("0.5", key)


def many(number: str) -> None:
    """Prints how often each status came."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    runner = Runner.from_settings(load_settings().model_copy(update={"max_concurrent_execs": 3}))
    seen: Counter[str] = Counter()

    def one() -> None:
        seen[runner.run(request()).status.value] += 1

    threads = [threading.Thread(target=one) for _ in range(int(number))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(json.dumps(seen))


def tell(text: str) -> None:
    print(text, flush=True)
    if text == "done":
        DONE.set()
        if DUE.is_set():
            kill()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal is on its way; nothing after this line may happen.
    threading.Event().wait()


if __name__ == "__main__":
    {"run": run, "dies": dies, "many": many}[sys.argv[1]](*sys.argv[2:])
