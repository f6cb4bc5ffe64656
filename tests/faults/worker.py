"""A worker in a process of its own: `run SECONDS KEY`, or `many N` with few file descriptors to be had."""

from __future__ import annotations

import json
import resource
import sys
import threading
from collections import Counter

from skillbox_core import Runner, RunOptions
from skillbox_core.settings import load_settings
from tests.faults.world import request

FILES = 96


def run(seconds: str, key: str) -> None:
    """Prints each line of the skill at once, then the result."""
    runner = Runner.from_settings(load_settings())
    result = runner.run(
        request(float(seconds)), RunOptions(key=key), on_log=lambda stream, line: stream == "stdout" and tell(line)
    )
    tell(result.model_dump_json())


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


if __name__ == "__main__":
    {"run": run, "many": many}[sys.argv[1]](*sys.argv[2:])
