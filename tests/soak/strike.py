"""Drives workers through their batches: starts them, kills them at random, and has the work done again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.mix import Batch, Way

WORKER = Path(__file__).parent / "worker.py"
BETWEEN_KILLS = 6.0
"""Seconds that a worker lives on average with a batch."""
STRIKES = 3
"""A batch costs so many workers at most; then it is left in peace, so that the soak has an end."""
ABANDONED = 0.15
"""This share of the killed workers' batches nobody takes up again."""
HUNG = 300.0
"""Seconds for a batch; a worker that takes longer is a fault, and killed."""


@dataclass
class Fate:
    """What was done to a batch, for whoever judges its records."""

    batch: Batch
    flow_run: str | None = None
    strikes: int = 0
    abandoned: bool = False
    stopped: bool = False


@dataclass
class Line:
    """One worker after another, for one share of the batches.

    Args:
        way: What kind of worker.
        batches: Its share, in order.
        struck: Whether its workers are killed.
        prepare: Gives what the worker is told of a batch.
        abandon: Told of a batch that nobody takes up again.
        environment: Of the workers.
        log: Where they print what goes wrong.
        seed: Decides when they are killed.
    """

    way: Way
    batches: Sequence[Batch]
    struck: bool
    prepare: Callable[[Fate], dict[str, Any]]
    abandon: Callable[[Fate], None]
    environment: Mapping[str, str]
    log: Path
    seed: int
    fates: list[Fate] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    workers: int = 0

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.way}, {'killed at random' if self.struck else 'never killed'}"

    def run(self) -> None:
        """Runs all batches; what went wrong is in `faults`."""
        self._dice = random.Random(self.seed)
        self._worker: subprocess.Popen[str] | None = None
        try:
            for batch in self.batches:
                fate = Fate(batch)
                self.fates.append(fate)
                self._run_batch(fate)
        except Exception as error:
            self.faults.append(f"the line of {self.name} ended: {type(error).__name__}: {error}")
            raise
        finally:
            if self._worker is not None:
                self._worker.kill()
                self._worker.wait()

    def _run_batch(self, fate: Fate) -> None:
        told = json.dumps(self.prepare(fate)) + "\n"
        while True:
            ended, struck = self._once(fate, told)
            if ended or fate.stopped:
                return
            if not struck:
                self.faults.append(f"a worker ({self.name}) ended by itself over {fate.batch.name}; see {self.log}")
                return
            fate.strikes += 1
            if self._dice.random() < ABANDONED:
                fate.abandoned = True
                self.abandon(fate)
                return

    def _once(self, fate: Fate, told: str) -> tuple[bool, bool]:
        """Gives a batch to a worker; whether it came to its end, and whether the worker was killed over it."""
        worker = self._alive()
        assert worker.stdin
        assert worker.stdout
        struck = threading.Event()

        def strike(number: int) -> None:
            struck.set()
            worker.send_signal(number)

        timers = [threading.Timer(HUNG, self._hung, (worker, fate))]
        if fate.batch.stop_after is not None:
            fate.stopped = True
            timers.append(threading.Timer(fate.batch.stop_after, strike, (signal.SIGTERM,)))
        elif self.struck and fate.strikes < STRIKES:
            timers.append(threading.Timer(self._dice.expovariate(1 / BETWEEN_KILLS), strike, (signal.SIGKILL,)))
        worker.stdin.write(told)
        worker.stdin.flush()
        for timer in timers:
            timer.start()
        answer = worker.stdout.readline()
        for timer in timers:
            timer.cancel()
            timer.join()
        if answer:
            self.resident.append(json.loads(answer)["resident"])
        if struck.is_set() or not answer:
            # Over a finished batch too, where the blow came as it ended.
            worker.wait(60)
            self._worker = None
        return bool(answer), struck.is_set()

    def _alive(self) -> subprocess.Popen[str]:
        if self._worker is None:
            self.workers += 1
            with self.log.open("a") as log:
                self._worker = subprocess.Popen(
                    [sys.executable, str(WORKER), self.way],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env={**os.environ, **self.environment},
                )
        return self._worker

    def _hung(self, worker: subprocess.Popen[str], fate: Fate) -> None:
        self.faults.append(f"a worker ({self.name}) hung over {fate.batch.name}")
        worker.kill()


def side_by_side(lines: Sequence[Line], said: Callable[[str], None]) -> None:
    """Runs all lines at once, and says now and then how far they are."""
    threads = [threading.Thread(target=line.run, name=line.name) for line in lines]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(15 / len(threads))
        done = ", ".join(f"{line.name}: {len(line.fates)} of {len(line.batches)} batches" for line in lines)
        said(f"{time.monotonic() - began:4.0f} s  {done}")
