"""A hardening that gets lost between this project and the engine's container stops the run, on a real engine."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from skillbox_core import Reason, Runner, RunRequest, Status
from skillbox_core.errors import EngineError
from skillbox_core.sandbox.container import LABEL_EXECUTION, LABEL_INSTANCE
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.policy import container_config
from skillbox_core.sandbox.readback import differences
from tests.conftest import Run
from tests.services.settling import containers_left

FIELDS = sorted(container_config(user=1, image_id="", memory=1, scratch=1, cpu_quota=1, labels={})["HostConfig"])


@pytest.fixture(scope="module")
def asked(runner: Runner) -> dict[str, Any]:
    image = runner.installation.settings.image_aliases.get("python:3.12-slim", "python:3.12-slim")
    labels = {LABEL_EXECUTION: uuid.uuid4().hex, LABEL_INSTANCE: runner.installation.settings.instance}
    return container_config(
        user=70_000,
        image_id=ready_image(runner.installation.engine, image).id,
        memory=64 << 20,
        scratch=32 << 20,
        cpu_quota=50_000,
        labels=labels,
    )


def reported(engine: Engine, body: Mapping[str, Any]) -> dict[str, Any]:
    container = engine.create(f"t-{uuid.uuid4().hex}", body)
    try:
        return engine.inspect(container)
    finally:
        engine.remove(container)


def test_an_engine_takes_the_whole_policy_over(runner: Runner, asked: dict[str, Any]) -> None:
    assert list(map(str, differences(asked, reported(runner.installation.engine, asked)))) == []


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_gets_lost_is_a_difference(runner: Runner, asked: dict[str, Any], field: str) -> None:
    body = copy.deepcopy(asked)
    del body["HostConfig"][field]
    try:
        answer = reported(runner.installation.engine, body)
    except EngineError:
        # The engine itself does not take the rest without it.
        return
    found = [difference.field for difference in differences(asked, answer)]
    if not found:
        # What was asked is this engine's own default, so nothing was lost.
        kept = answer["HostConfig"][field]
        wanted = asked["HostConfig"][field]
        assert kept == wanted or (field == "RestartPolicy" and kept["Name"] in ("", "no"))
    else:
        assert f"HostConfig.{field}" in found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ReadonlyRootfs", False),
        ("CapAdd", ["SYS_PTRACE"]),
        ("SecurityOpt", ["seccomp=unconfined"]),
        ("IpcMode", "host"),
    ],
)
def test_a_sandbox_that_was_weakened_on_its_way_is_never_started(
    run: Run, runner: Runner, monkeypatch: pytest.MonkeyPatch, field: str, value: object
) -> None:
    """As a proxy, a plug-in or an old API would do it: the create call's body arrives changed."""
    create, start, started = runner.installation.engine.create, runner.installation.engine.start, []

    def weakened(name: str, config: Mapping[str, Any]) -> str:
        return create(name, {**config, "HostConfig": {**config["HostConfig"], field: value}})

    monkeypatch.setattr(runner.installation.engine, "create", weakened)
    monkeypatch.setattr(
        runner.installation.engine, "start", lambda container: (started.append(container), start(container))
    )
    result = run("print('I ran')")
    assert (result.status, result.reason) == (Status.FAILED, Reason.POLICY), result
    assert f"HostConfig.{field}" in (result.error or "")
    assert (started, result.logs) == ([], "")
    assert containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance}) == []


def test_the_next_run_is_as_good_as_ever(runner: Runner) -> None:
    assert runner.run(RunRequest(skill="word-count", input={"text": "a b"})).status is Status.SUCCESS
