"""Another OCI runtime, and user namespaces, on an engine that has them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import CancelToken, Reason, Runner, RunRequest, Settings, Status
from skillbox_core.base import env_file
from skillbox_core.operations.doctor import examine
from skillbox_core.operations.host_system import this_system
from skillbox_core.operations.set_up import set_up
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.policy import MAPPED_USERS
from tests.services import engine
from tests.services.settling import containers_left

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
                "user_ids": MAPPED_USERS,
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
        (container,) = containers_left(own.installation.engine, {LABEL_INSTANCE: own.installation.settings.instance})
        seen.update(own.installation.engine.inspect(container["Id"]))
        token.cancel()

    result = own.run(RunRequest(skill=name), on_log=look, cancel=token)
    assert result.status is Status.CANCELLED, result
    assert seen["HostConfig"]["Runtime"] == RUNTIME
    assert seen["HostConfig"]["UsernsMode"] == "", "host would switch the engine's user namespaces off"


def test_where_the_engine_remaps_users_a_sandbox_is_nobody_on_the_host(own: Runner, make_skill: Any) -> None:
    result = own.run(RunRequest(skill=make_skill(LOOK, lang="bash")))
    assert result.ok, result
    assert isinstance(result.output, dict)
    assert result.output["map"] == f" 0 {engine.SUBORDINATE} 65536"
    assert int(result.output["uid"]) in own.installation.settings.sandbox_users


def test_a_user_that_the_engine_does_not_map_is_refused_with_the_setting(own: Runner, make_skill: Any) -> None:
    usual = own.installation.settings.model_copy(update={"user_ids": Settings.model_fields["user_ids"].default})
    result = Runner.from_settings(usual).run(RunRequest(skill=make_skill(LOOK, lang="bash")))
    assert (result.status, result.reason) == (Status.FAILED, Reason.POLICY), result
    assert "the engine maps users, and has none for the sandbox's 21" in (result.error or "")
    assert f"set SKILLBOX_USER_IDS={MAPPED_USERS}" in (result.error or "")
    checks = {check.part: check for check in examine(Runner.from_settings(usual).installation)}
    assert (checks["users"].level, checks["sandbox"].level) == ("WARN", "FAIL")
    assert MAPPED_USERS in checks["users"].advice
    assert MAPPED_USERS in checks["sandbox"].advice


def test_setup_sees_that_users_are_mapped(own: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILLBOX_DOCKER_HOST", own.installation.settings.engine_url)
    monkeypatch.delenv("SKILLBOX_USER_IDS", raising=False)
    aliases = ",".join(f"{asked}={used}" for asked, used in own.installation.settings.image_aliases.items())
    monkeypatch.setenv("SKILLBOX_IMAGE_ALIASES", aliases)
    list(set_up(tmp_path / "home", this_system()))
    assert env_file.read(tmp_path / "home" / ".env")["SKILLBOX_USER_IDS"] == MAPPED_USERS


def test_the_doctor_says_so_and_finds_every_wall(own: Runner) -> None:
    checks = {check.part: check for check in examine(own.installation)}
    assert (checks["users"].level, "has user namespaces" in checks["users"].found) == ("OK", True)
    assert (checks["runtime"].level, RUNTIME in checks["runtime"].found) == ("OK", True)
    assert checks["sandbox"].level == "OK", checks["sandbox"]


def test_a_runtime_that_is_missing_refuses_and_nothing_stands_in_for_it(runner: Runner) -> None:
    strict = Runner.from_settings(runner.installation.settings.model_copy(update={"runtime": "runsc-not-here"}))
    result = strict.run(RunRequest(skill="word-count"))
    assert (result.status, result.reason, result.logs) == (Status.FAILED, Reason.POLICY, ""), result
    assert 'no OCI runtime "runsc-not-here" (SKILLBOX_RUNTIME); it has' in (result.error or "")
    assert "runc" in (result.error or "")
    assert containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance}) == []
