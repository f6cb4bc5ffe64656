"""Another OCI runtime, and user namespaces, on an engine that has them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import CancelToken, Reason, Runner, RunRequest, Status
from skillbox_core.operations.doctor import examine
from skillbox_core.sandbox.container import LABEL_INSTANCE
from tests.services import engine

RUNTIME = "other"

LOOK = """
{ echo '{"map": "'$(tr -s ' ' </proc/self/uid_map)'", "uid": "'$(id -u)'"}'; } >"$SANDBOX_OUTPUT"
"""


@pytest.fixture(scope="module")
def own(runner: Runner) -> Iterator[Runner]:
    """A runner on an engine that knows a second runtime, and whose containers have user namespaces."""
    if why := engine.missing():
        pytest.skip(why)
    name = runner.installation.settings.image_aliases.get("bash:5", "bash:5")
    folder = Path(tempfile.mkdtemp(prefix="sbx-"))
    try:
        options = f"--add-runtime={RUNTIME}={shutil.which('runc')}"
        with engine.engine(folder, options, remap=True) as found:
            engine.copy_image(runner.installation.engine, found, name)
            change: dict[str, Any] = {
                "docker_host": found.url,
                "runtime": RUNTIME,
                "image_aliases": dict.fromkeys(runner.installation.settings.image_allowlist, name),
            }
            yield Runner.from_settings(runner.installation.settings.model_copy(update=change))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_runtime_that_is_asked_for_runs_the_sandbox(own: Runner, runner: Runner, make_skill: Any) -> None:
    name, token, seen = make_skill("echo on; sleep 60", lang="bash"), CancelToken(), {}

    def look(_stream: str, _line: str) -> None:
        (container,) = own.installation.engine.containers({LABEL_INSTANCE: own.installation.settings.instance})
        seen.update(own.installation.engine.inspect(container["Id"]))
        token.cancel()

    result = own.run(RunRequest(skill=name), on_log=look, cancel=token)
    assert result.status is Status.CANCELLED, result
    assert seen["HostConfig"]["Runtime"] == RUNTIME
    assert seen["HostConfig"]["UsernsMode"] == "", "host would switch the engine's user namespaces off"


def test_where_the_engine_remaps_users_a_sandbox_is_nobody_on_the_host(own: Runner, make_skill: Any) -> None:
    result = own.run(RunRequest(skill=make_skill(LOOK, lang="bash")))
    assert result.output == {"map": f" 0 {engine.SUBORDINATE} 65536", "uid": "65534"}, result


def test_the_doctor_says_so_and_finds_every_wall(own: Runner) -> None:
    checks = {check.part: check for check in examine(own.installation)}
    assert "user namespaces are on" in checks["users"].found
    assert (checks["runtime"].level, RUNTIME in checks["runtime"].found) == ("OK", True)
    assert checks["sandbox"].level == "OK", checks["sandbox"]


def test_a_runtime_that_is_missing_refuses_and_nothing_stands_in_for_it(runner: Runner) -> None:
    strict = Runner.from_settings(runner.installation.settings.model_copy(update={"runtime": "runsc-not-here"}))
    result = strict.run(RunRequest(skill="word-count"))
    assert (result.status, result.reason, result.logs) == (Status.FAILED, Reason.POLICY, ""), result
    assert 'no OCI runtime "runsc-not-here" (SKILLBOX_RUNTIME); it has' in (result.error or "")
    assert "runc" in (result.error or "")
    assert runner.installation.engine.containers({LABEL_INSTANCE: runner.installation.settings.instance}) == []
