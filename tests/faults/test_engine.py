"""The engine itself is killed, or somebody else lays hands on a sandbox."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from skillbox_core import Reason, Runner, RunOptions, RunResult, Settings, Status, wait_for_removals
from skillbox_core.run import loading
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.engine import Image
from skillbox_core.sandbox.images import ready_image
from tests.faults.dockerd import IMAGE, Dockerd, dockerd, missing
from tests.faults.world import LINES, push, request
from tests.services.settling import containers_left

WITHIN = 60.0


@contextmanager
def _own_engine(installation: Settings, tmp_path: Path, *options: str) -> Iterator[tuple[Dockerd, Runner]]:
    if why := missing():
        pytest.skip(why)
    with dockerd(Path(tempfile.mkdtemp(prefix="d", dir="/tmp")), *options) as engine:
        settings = installation.model_copy(
            update={
                "home": tmp_path / "home",
                "docker_host": engine.url,
                "image_allowlist": (IMAGE,),
                "image_aliases": {},
                "default_images": {**installation.default_images, "bash": IMAGE},
            }
        )
        runner = Runner.from_settings(settings)
        push(runner)
        yield engine, runner
        assert wait_for_removals(60)


def _meanwhile(runner: Runner, seconds: float, deed: Callable[[str], None], **options: str) -> RunResult:
    """Runs the skill, and does something with its container as soon as the skill says its first line."""
    results: list[RunResult] = []
    begun = threading.Event()

    def run() -> None:
        results.append(runner.run(request(seconds), RunOptions(**options), on_log=lambda *_: begun.set()))

    thread = threading.Thread(target=run)
    began = time.monotonic()
    thread.start()
    assert begun.wait(WITHIN)
    (found,) = containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance})
    deed(str(found["Id"]))
    thread.join(WITHIN)
    assert time.monotonic() - began < WITHIN
    (result,) = results
    assert runner.installation.executions.result("default", result.execution_id).status is result.status
    assert containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance}) == []
    assert list(runner.installation.spool.glob("*")) == []
    return result


def test_a_run_outlives_an_engine_that_restores_its_containers(installation: Settings, tmp_path: Path) -> None:
    with _own_engine(installation, tmp_path, "--live-restore") as (engine, runner):

        def restart(_container: str) -> None:
            engine.kill()
            engine.start()

        result = _meanwhile(runner, 4, restart)
        assert (result.status, result.files_list) == (Status.SUCCESS, ("data",)), result
        assert sorted(result.logs.splitlines()) == LINES


def test_an_engine_that_is_away_at_the_deadline_is_waited_for(installation: Settings, tmp_path: Path) -> None:
    with _own_engine(installation, tmp_path, "--live-restore") as (engine, runner):

        def away(_container: str) -> None:
            engine.kill()
            # The skill ends well meanwhile, and then its deadline passes.
            time.sleep(6)
            engine.start()

        result = _meanwhile(runner, 1, away, timeout="4s")
        assert (result.status, result.files_list) == (Status.SUCCESS, ("data",)), result


def test_a_run_ends_with_an_engine_that_ends_its_containers(installation: Settings, tmp_path: Path) -> None:
    with _own_engine(installation, tmp_path) as (engine, runner):

        def restart(_container: str) -> None:
            engine.kill()
            engine.start()

        result = _meanwhile(runner, 20, restart)
        assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE), result
        assert "sandbox was lost" in str(result.error)
        # And the engine is as good as before.
        assert runner.run(request()).status is Status.SUCCESS


def _api(runner: Runner) -> docker.APIClient:
    return docker.APIClient(runner.installation.engine.url, version="auto")


@pytest.fixture(scope="module")
def own_skill(runner: Runner) -> Runner:
    push(runner)
    return runner


def test_a_container_that_somebody_removes_is_infrastructure(own_skill: Runner) -> None:
    result = _meanwhile(own_skill, 30, lambda container: _api(own_skill).remove_container(container, force=True))
    assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE), result
    assert "removed by someone else" in str(result.error)


def test_a_container_that_somebody_kills_is_infrastructure(own_skill: Runner) -> None:
    result = _meanwhile(own_skill, 30, lambda container: _api(own_skill).kill(container))
    assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE), result


def test_a_container_that_somebody_pauses_meets_its_deadline(own_skill: Runner) -> None:
    result = _meanwhile(own_skill, 30, lambda container: _api(own_skill).pause(container), timeout="3s")
    assert result.status is Status.TIMEOUT, result


def test_a_container_that_somebody_renames_is_found_all_the_same(own_skill: Runner) -> None:
    result = _meanwhile(own_skill, 5, lambda container: _api(own_skill).rename(container, f"mine-{container[:12]}"))
    assert result.status is Status.SUCCESS, result


def test_an_image_that_goes_between_look_up_and_use_is_looked_up_again(
    own_skill: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Image("sha256:" + "0" * 64, (), ())
    answers = iter([gone])
    monkeypatch.setattr(loading, "ready_image", lambda engine, name: next(answers, None) or ready_image(engine, name))
    assert own_skill.run(request()).status is Status.SUCCESS
