"""Attacks on containers that wait for a job: what somebody does to one before it is taken, and who takes it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from skillbox_core import Runner, RunOptions, RunRequest
from skillbox_core.installation import Installation
from tests.services import pools
from tests.services.settling import settle

if TYPE_CHECKING:
    from tests.hostile.bench import Bench


def _exec(api: Any, name: str) -> None:
    api.exec_start(api.exec_create(name, ["sleep", "60"])["Id"], detach=True)


def _job(api: Any, name: str) -> Any:
    """Hands it a job of another's making, of which no more comes; the connection lasts as long as what this gives."""
    stream = api.attach_socket(name, params={"stdin": 1, "stream": 1})
    stream._sock.sendall(b"10240 600.000 600 forged 0\n")
    return stream


DEEDS: dict[str, Callable[[Any, str], Any]] = {
    "a process": _exec,
    "a job": _job,
    "more memory": lambda api, name: api.update_container(name, mem_limit="900m", memswap_limit="900m"),
    "more processor": lambda api, name: api.update_container(name, cpu_quota=400_000),
    "a pause": lambda api, name: api.pause(name),
    "an end": lambda api, name: api.kill(name),
    "another name": lambda api, name: api.rename(name, f"somebody-elses-{uuid.uuid4().hex[:12]}"),
}


def tampered_while_it_waits(bench: Bench, given: str) -> str:
    """Somebody else's hand in a container that waits, and a run that could take it."""
    runner = bench.runner_with({"pool_max": 1})
    name = pools.ahead(runner, "harmless")
    there = str(bench.engine.inspect(name)["Id"])
    held = DEEDS[given](bench.engine._api, name)
    asked = RunRequest(skill="harmless", env={"API_KEY": bench.ground.secret})
    result = runner.run(asked, RunOptions(timeout="3s"))
    settle()
    claimed = pools.record(runner, result.execution_id).claimed
    pools.drain(runner.installation)
    gone = not bench.engine.remove(there)
    del held
    return f"{result.status}, in it: {claimed == name}, it is gone: {gone}"


def claimed_by_another_installation(bench: Bench) -> str:
    """Two installations share a database and an engine; one has a container that waits, and the other runs."""
    runner = bench.runner_with({"pool_max": 1})
    name = pools.ahead(runner, "harmless")
    other = bench.runner_with({"pool_max": 1, "instance": f"other-{uuid.uuid4().hex[:12]}"})
    result = other.run(RunRequest(skill="harmless"))
    claimed = pools.record(other, result.execution_id).claimed
    pools.drain(other.installation)
    left = pools.waiting(runner.installation) == [name]
    pools.drain(runner.installation)
    return f"{result.status}, in it: {claimed == name}, it still waits: {left}"


def claimed_at_once(bench: Bench, workers: int) -> str:
    """One container waits, and several workers with connections of their own each have a job for it."""
    runner = bench.runner_with({"pool_max": 1})
    name, claimed, barrier = pools.ahead(runner, "harmless"), list[str | None](), threading.Barrier(workers)
    statuses: list[str] = []

    def run() -> None:
        own = Installation.from_settings(runner.installation.settings)
        barrier.wait()
        result = Runner(own).run(RunRequest(skill="harmless"))
        statuses.append(str(result.status))
        claimed.append(pools.record(runner, result.execution_id).claimed)

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pools.drain(runner.installation)
    return f"{statuses.count('success')} succeeded, {claimed.count(name)} in it"
