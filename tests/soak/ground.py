"""The installation that a soak runs on: its skills, its flow runs, its clean-up, and what is left of it all."""

from __future__ import annotations

import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import docker
from prefect.client.orchestration import get_client
from prefect.states import Crashed

from prefect_skillbox.flows.reconciler import cleanup_orphans
from skillbox_core import Runner, Status
from skillbox_core.operations.orphan_rules import name_of
from skillbox_core.operations.orphans import end_owner
from skillbox_core.operations.pool import drain, look
from skillbox_core.sandbox.container import LABEL_INSTANCE
from tests.hostile.cases import LANGS
from tests.services.skills import push
from tests.services.starts import Starts
from tests.soak.mix import call_of, cases_by_group
from tests.soak.strike import Fate
from tests.soak.worker import SECRET, mixed

CLEAN_EVERY = 15.0
"""Seconds between clean-ups; of a real installation it is minutes."""
SETTLING = 240.0
"""Seconds in which what was given up is cleaned up, and the slots of killed workers are free again."""


class Ground:
    """A fresh installation with all skills of the soak pushed.

    Attributes:
        starts: How often the engine started a skill.
        cleanups: How often the reconciler's flow ran.
        orphans: How many orphans it dealt with.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.starts = Starts(
            runner.installation.engine.url, f"{LABEL_INSTANCE}={runner.installation.settings.instance}"
        )
        self.cleanups = self.orphans = 0
        self._faults: list[str] = []
        self._client = docker.APIClient(runner.installation.engine.url, version="auto")
        self._volumes = self._volume_names()
        self._calls: dict[str, dict[str, Any]] = {}
        for number, case in enumerate(case for group in cases_by_group().values() for case in group.values()):
            assert case.script is not None
            name = f"soak-{number}"
            push(
                runner,
                name,
                case.script.read_text("utf-8"),
                lang=LANGS[case.script.suffix],
                front=str(case.spec.get("front", "")),
            )
            self._calls[case.id] = {"skill": name, **call_of(case)}

    def prepare(self, fate: Fate) -> dict[str, Any]:
        """What a worker is told of a batch; for a flow, its run is made here, as a schedule would."""
        if fate.batch.way == "flow" and fate.flow_run is None:
            with get_client(sync_client=True) as client:
                fate.flow_run = str(client.create_flow_run(mixed, parameters={"runs": []}).id)
        runs = [{**asdict(run), **self._calls[run.case]} for run in fate.batch.runs]
        return {**asdict(fate.batch), "flow_run": fate.flow_run, "runs": runs}

    def abandon(self, fate: Fate) -> None:
        """Says that the owner of a batch is lost, as Prefect's automation for dead workers would."""
        if fate.flow_run is None:
            end_owner(self.runner.installation, fate.batch.name, Status.FAILED)
            return
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(uuid.UUID(fate.flow_run), Crashed(), force=True)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Counts starts, and cleans up again and again, as long as the soak goes on."""
        over = threading.Event()
        cleaning = threading.Thread(target=self._clean_until, args=(over,))
        with self.starts:
            cleaning.start()
            try:
                yield
            finally:
                over.set()
                cleaning.join()

    def _clean_until(self, over: threading.Event) -> None:
        while not over.wait(CLEAN_EVERY):
            self.cleanups += 1
            try:
                self.orphans += len(cleanup_orphans())
            except Exception as error:
                self._faults.append(f"a clean-up failed: {type(error).__name__}: {error}")

    def settle(self) -> Iterator[str]:
        """Waits until the clean-up has found everything; gives what it has not found in the time for it."""
        give_up = time.monotonic() + SETTLING
        while (busy := self._unsettled()) and time.monotonic() < give_up:
            time.sleep(2)
        yield from busy
        yield from self._drained()
        yield from self._faults

    def _drained(self) -> Iterator[str]:
        """Removes what waits for a job; gives what is left all the same."""
        installation = self.runner.installation
        yield from (f"container {name} still waits: {why}" for name, why in drain(installation).failed)
        yield from (f"{entry.name} is {entry.state.value} ({entry.why})" for entry in look(installation).entries)

    def _unsettled(self) -> list[str]:
        instance = self.runner.installation.settings.instance
        found = [f"record {row.id} still runs" for row in self.runner.installation.executions.running(instance)]
        containers = self.runner.installation.engine.containers({LABEL_INSTANCE: instance})
        # In this order: what has a row by now may wait on.
        rows = self.runner.installation.waiting.listed(instance, self.runner.installation.engine.name)
        waiting = {row.name for row in rows}
        found += [f"container {c['Names']} is left" for c in containers if name_of(c) not in waiting]
        found += [f"{path.name} is left in the spool" for path in self.runner.installation.spool.glob("*")]
        with get_client(sync_client=True) as client:
            for limit in client.read_global_concurrency_limits(limit=50, offset=0):
                if limit.active_slots:
                    found.append(f"{limit.active_slots} slots of {limit.name} are taken")
        return found

    def left(self, fates: Sequence[Fate]) -> Iterator[str]:
        """Whatever the soak left that it should not have."""
        if more := self._volume_names() - self._volumes:
            yield f"volumes were left: {sorted(more)}"
        home = self.runner.installation.settings.home
        for folder in (home.parent / "tmp", self.runner.installation.spool):
            if names := [path.name for path in folder.glob("*")]:
                yield f"{len(names)} files were left in {folder.name}: {names[:5]}"
        cached = [path for path in (home / "cache").rglob("*") if path.is_file()]
        # An archive, and the mark of its use beside it.
        odd = [path.name for path in cached if path.suffix not in (".zip", ".asked")]
        if odd:
            yield f"files were left in the cache: {odd[:5]}"
        # In a process of its own: closing SQLite's files in this one would drop the locks that it holds on them.
        command = ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", "-e", SECRET]
        told = subprocess.run([*command, str(home), str(home.parent / "workers.log")], capture_output=True, text=True)
        yield from (f"the secret is in {path}" for path in told.stdout.splitlines())
        with get_client(sync_client=True) as client:
            for fate in fates:
                if fate.flow_run is None:
                    continue
                state = client.read_flow_run(uuid.UUID(fate.flow_run)).state
                said = state.name if state else "None"
                if fate.abandoned or fate.stopped:
                    # One that was stopped before Prefect listened for it has not even begun.
                    right = said in ("Crashed", "Cancelled", "Cancelling", "Completed", "Pending")
                else:
                    right = said == "Completed"
                if not right:
                    yield f"the flow run of {fate.batch.name} is {said}: {state.message if state else ''}"

    def _volume_names(self) -> set[str]:
        return {volume["Name"] for volume in self._client.volumes()["Volumes"] or ()}
