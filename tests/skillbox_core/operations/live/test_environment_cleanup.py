"""A clean-up takes environments off an engine on which nothing is built any more, and doctor says what they cost."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from skillbox_core import Runner
from skillbox_core.installation import Installation
from skillbox_core.operations import environment_checks, environments, orphans
from skillbox_core.operations.doctor import examine
from skillbox_core.operations.orphans import carry_out, cleanup_orphans, find_orphans
from skillbox_core.sandbox import layer, pruning
from skillbox_core.sandbox.building import ready_environment
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.pruning import StoredEnvironment, stored_environments
from tests.conftest import MakeSkill
from tests.services.trees import SITE, tree


@pytest.fixture
def built(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of an environment of this test's own, which is all that clean-ups see, and old to them."""
    engine, settings = runner.installation.engine, runner.installation.settings
    base = ready_image(engine, settings.image_aliases.get("python:3.12-slim", "python:3.12-slim"))
    own = tree({f"{SITE}/hello/__init__.py": f"ID = {uuid.uuid4().hex!r}\n".encode()})
    ready_environment(engine, base, own, instance=settings.instance, most=1 << 40)
    name = layer.environment_name(own.digest, base.id)

    def mine(of: Engine) -> list[StoredEnvironment]:
        # Other tests on this engine keep theirs.
        return [replace(one, used=0.0) for one in stored_environments(of) if one.name == name]

    monkeypatch.setattr(pruning, "stored_environments", mine)
    monkeypatch.setattr(orphans, "stored_environments", mine)
    monkeypatch.setattr(environments, "stored_environments", mine)
    yield name
    engine.remove_image(name)


def small(runner: Runner) -> Installation:
    settings = runner.installation.settings.model_copy(update={"max_environments_size": 1})
    return Installation.from_settings(settings)


def test_what_is_over_the_limit_goes_with_a_clean_up(runner: Runner, built: str) -> None:
    assert [one for one in find_orphans(runner.installation) if one.kind == "environments"] == []
    installation = small(runner)
    (planned,) = [one for one in cleanup_orphans(installation, dry_run=True) if one.kind == "environments"]
    assert "SKILLBOX_MAX_ENVIRONMENTS_SIZE" in planned.why
    assert installation.engine.inspect_image(built)
    (done,) = carry_out(installation, [planned])
    assert done.done
    assert "1 removed" in done.why
    assert installation.engine.inspect_image(built) is None
    assert [one for one in find_orphans(installation) if one.kind == "environments"] == []
    # Of two at once, the other finds nothing to do.
    assert carry_out(installation, [planned]) == []


def test_what_a_container_uses_stays_and_is_no_fault(runner: Runner, built: str) -> None:
    engine, installation = runner.installation.engine, small(runner)
    name = f"test-{uuid.uuid4().hex}"
    container = engine.create(name, {"Image": built, "Cmd": ["sh"], "HostConfig": {"NetworkMode": "none"}})
    try:
        planned = [one for one in find_orphans(installation) if one.kind == "environments"]
        assert carry_out(installation, planned) == []
        assert engine.inspect_image(built)
    finally:
        engine.remove(container)


def test_what_was_used_a_moment_ago_is_not_planned(runner: Runner, built: str, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = small(runner)
    used = [one for one in stored_environments(installation.engine) if one.name == built]
    monkeypatch.setattr(orphans, "stored_environments", lambda _engine: used)
    assert [one for one in find_orphans(installation) if one.kind == "environments"] == []


def test_a_pruning_says_what_went_and_what_stayed_because_it_is_in_use(runner: Runner, built: str) -> None:
    engine, installation = runner.installation.engine, runner.installation
    container = engine.create(
        f"test-{uuid.uuid4().hex}", {"Image": built, "Cmd": ["sh"], "HostConfig": {"NetworkMode": "none"}}
    )
    try:
        used = environments.prune(installation, 0)
    finally:
        engine.remove(container)
    assert used.removed == ()
    assert [(one.name, why) for one, why in used.kept] == [(built, "a container is made from it")]
    assert environments.prune(installation, used.left).removed == ()
    free = environments.prune(installation, used.left - 1)
    assert [one.name for one in free.removed] == [built]
    assert (free.kept, free.left) == ((), 0)


def test_doctor_says_what_environments_cost_and_which_images_skills_name(
    runner: Runner, built: str, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other tests' skills are in this installation, too.
    monkeypatch.setattr(environment_checks, "MAX_SKILLS", 100_000)
    make_skill("", front="image: nobody/allows:this")
    make_skill("", front="image: python:3.11-slim")
    checks = {check.part: check for check in examine(small(runner))}
    assert checks["environments"].level == "WARN"
    assert "`skillbox env prune`" in checks["environments"].advice
    assert checks["image nobody/allows:this"].level == "WARN"
    assert "not allowed here" in checks["image nobody/allows:this"].found
    assert "image python:3.11-slim" in checks
    assert {check.part: check for check in examine(runner.installation)}["environments"].level == "OK"
