"""Cancelling: however a flow is run and told to stop, its containers die and its records say so."""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling
from prefect.task_runners import ProcessPoolTaskRunner

from prefect_skillbox import skill
from prefect_skillbox.execution import cancellation
from skillbox_core import Reason, Runner, Settings, Status
from skillbox_core.errors import SkillboxError
from tests.services.prefect import WORKER
from tests.services.process import running

PROGRAM = Path(__file__).parent / "programs" / "cancelling.py"
SIGNAL_BOUND = 2.0
"""Seconds from the signal to the end of the containers, as promised."""
REQUEST_BOUND = 10.0
"""Seconds from the request to the server, as promised."""


@pytest.fixture
def alone(installation: Settings, runner: Runner) -> Runner:
    """The runner under an instance of the test's own: what is counted is only what the test started."""
    return _alone(installation)


def _alone(installation: Settings) -> Runner:
    return Runner.from_settings(installation.model_copy(update={"instance": f"test-{uuid.uuid4().hex[:12]}"}))


def _environment(runner: Runner) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SKILLBOX_HOME": str(runner.installation.settings.home),
        "SKILLBOX_INSTANCE": runner.installation.settings.instance,
        # So many inputs of a batch go at once.
        "SKILLBOX_MAX_CONCURRENT_EXECS": "2",
    }


def _containers(runner: Runner) -> int:
    return len(runner.installation.engine.containers({"skillbox.instance": runner.installation.settings.instance}))


def _started(runner: Runner) -> int:
    """Containers in which the skill runs: what they printed has reached the engine."""
    found = runner.installation.engine.containers({"skillbox.instance": runner.installation.settings.instance})

    def says(container_id: str) -> bytes:
        with suppress(SkillboxError):
            # A container is listed a moment before it can be asked, and a moment after.
            return b"".join(runner.installation.engine.logs(container_id))
        return b""

    return sum(b"started" in says(container["Id"]) for container in found)


def _until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds until the condition held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began


def _statuses(runner: Runner) -> list[str]:
    rows = runner.installation.executions.list("default", limit=1000)
    return [row.status for row in rows if row.instance == runner.installation.settings.instance]


CONTAINERS = {
    "direct": 1,
    "submitted": 2,
    "mapped": 2,
    "batched": 2,
    "asynchronous": 2,
    "within_tasks": 2,
    "in_a_subflow": 2,
    "hooked": 1,
}
QUEUED = {"batched": 2}
"""Executions that wait for a place in the process meanwhile: of the part that is to fill it when the first is done."""
ELSEWHERE = {"in_processes": 2, "on_dask": 2, "batched_in_a_process": 2}
"""Flows whose skills are in other processes than the one that is told to stop."""


@pytest.mark.by_itself
@pytest.mark.parametrize(
    ("which", "number"),
    [
        *((which, signal.SIGTERM) for which in CONTAINERS if which != "hooked"),
        ("direct", signal.SIGINT),
        ("mapped", signal.SIGINT),
    ],
)
def test_a_signal_to_a_script_ends_its_skills(
    alone: Runner, tmp_path: Path, which: str, number: signal.Signals
) -> None:
    containers = CONTAINERS[which]
    command = [sys.executable, str(PROGRAM), "script", which]
    with running(command, tmp_path / "log", env=_environment(alone)) as script:
        _until(lambda: _started(alone) == containers, 60, f"{containers} containers")
        script.send_signal(number)
        _until(lambda: _containers(alone) == 0, SIGNAL_BOUND, "the containers' end")
        assert script.wait(60) != 0
    executions = containers + QUEUED.get(which, 0)
    assert _statuses(alone) == [Status.CANCELLED] * executions, (tmp_path / "log").read_text()[-4000:]


def test_a_skill_that_is_about_to_begin_hears_of_the_signal_too(alone: Runner, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running([sys.executable, str(PROGRAM), "script", "about_to_begin"], log, env=_environment(alone)) as script:
        _until(lambda: "about to begin" in log.read_text(), 60, "the task run")
        script.send_signal(signal.SIGTERM)
        assert script.wait(60) != 0
    assert _containers(alone) == 0
    assert set(_statuses(alone)) <= {Status.CANCELLED}, log.read_text()[-4000:]


@pytest.mark.by_itself
@pytest.mark.parametrize("which", ELSEWHERE)
def test_a_signal_to_a_script_ends_its_skills_in_other_processes(alone: Runner, tmp_path: Path, which: str) -> None:
    with running([sys.executable, str(PROGRAM), "script", which], tmp_path / "log", env=_environment(alone)) as script:
        _until(lambda: _started(alone) == ELSEWHERE[which], 90, "the containers")
        script.send_signal(signal.SIGTERM)
        _until(lambda: _started(alone) == 0, SIGNAL_BOUND, "the containers' end")
        assert script.wait(60) != 0
    _until(lambda: _containers(alone) == 0, 20, "the end of what a process had begun meanwhile")
    assert set(_statuses(alone)) == {Status.CANCELLED}, (tmp_path / "log").read_text()[-4000:]


def test_a_forked_childs_signals_are_none_of_its_parents() -> None:
    # A pool of processes ends its children by SIGTERM, in the middle of a flow that goes on.
    cancellation.listen()
    mine = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(mine)
    assert mine == cancellation._watch._write_end
    child = os.fork()
    if not child:
        os._exit(0 if signal.set_wakeup_fd(-1) == -1 and cancellation._watch._write_end is None else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_flow_run_that_is_over_is_not_ended_with_a_later_one(runner: Runner) -> None:
    word_count = skill("word-count")

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def elsewhere(fail: bool) -> None:
        word_count.submit({"text": "a"}).result()
        known.append(len(cancellation._watch._elsewhere))
        assert not fail

    known: list[int] = []
    for fail in (False, True, False, False):
        elsewhere(fail, return_state=True)
    assert known == [1, 1, 1, 1]


@pytest.fixture(scope="module")
def deployed(
    installation: Settings, runner: Runner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Runner]]:
    """Gives, for `serve` or `worker`, the flows as deployments named like the instance, with that to run them."""
    started: dict[str, Runner] = {}
    with ExitStack() as processes:

        def by(how: str) -> Runner:
            if how not in started:
                alone = started[how] = _alone(installation)
                command = [sys.executable, str(PROGRAM), how, alone.installation.settings.instance]
                environment = {**_environment(alone), **WORKER}
                processes.enter_context(running(command, tmp_path_factory.mktemp(how) / "log", env=environment))
            return started[how]

        yield by


@pytest.mark.parametrize(
    ("how", "which"),
    [*(("serve", which) for which in CONTAINERS), ("worker", "direct"), ("worker", "mapped")],
)
def test_a_cancel_at_the_server_ends_the_skills_of_a_deployed_flow(
    deployed: Callable[[str], Runner], how: str, which: str
) -> None:
    alone, containers = deployed(how), CONTAINERS[which]
    before = len(_statuses(alone))
    with get_client(sync_client=True) as client:
        deployment = _deployment(client, f"{which.replace('_', '-')}/{alone.installation.settings.instance}")
        run_id = client.create_flow_run_from_deployment(deployment).id
        _until(lambda: _started(alone) == containers, 90, "the containers")
        client.set_flow_run_state(run_id, Cancelling())
        _until(lambda: _containers(alone) == 0, REQUEST_BOUND, "the containers' end")
        _until(lambda: _final(client, run_id), 60, "the flow run's end")
        assert client.read_flow_run(run_id).state_name == "Cancelled"
    executions = containers + QUEUED.get(which, 0)
    assert _statuses(alone)[:executions] == [Status.CANCELLED] * executions
    assert len(_statuses(alone)) == before + executions


def test_a_flow_run_whose_process_is_killed_ends_its_skills_by_its_hook(
    deployed: Callable[[str], Runner], tmp_path: Path
) -> None:
    alone, pid_file = deployed("serve"), tmp_path / "pid"
    with get_client(sync_client=True) as client:
        deployment = _deployment(client, f"hooked/{alone.installation.settings.instance}")
        run = client.create_flow_run_from_deployment(deployment, parameters={"pid_file": str(pid_file)})
        _until(lambda: _started(alone) == 1, 90, "the container")
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        _until(lambda: _containers(alone) == 0, 60, "the container's end")
        _until(lambda: _final(client, run.id), 60, "the flow run's end")
        assert client.read_flow_run(run.id).state_name == "Crashed"
    newest = next(row for row in alone.installation.executions.list("default", limit=50) if row.owner == str(run.id))
    assert (newest.status, newest.reason) == (Status.FAILED, Reason.INFRASTRUCTURE)


def _final(client: SyncPrefectClient, run_id: uuid.UUID) -> bool:
    state = client.read_flow_run(run_id).state
    return state is not None and state.is_final()


def _deployment(client: SyncPrefectClient, name: str) -> uuid.UUID:
    found: list[uuid.UUID] = []

    def there() -> bool:
        with suppress(ObjectNotFound):
            found.append(client.read_deployment_by_name(name).id)
        return bool(found)

    _until(there, 60, f"the deployment {name}")
    return found[0]
