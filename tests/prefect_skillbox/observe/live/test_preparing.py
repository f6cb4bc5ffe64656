"""A skill whose packages are made ready inside a flow: what log and UI say of it, once, and whose time it takes."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from prefect import flow

from prefect_skillbox import skill
from prefect_skillbox.observe.artifacts import artifact_key
from skillbox_core import Runner, RunRequest
from skillbox_core.base.progress import Progress
from skillbox_core.errors import IndexUnavailableError
from skillbox_core.sandbox import layer, pruning
from skillbox_core.skills.package import package
from tests.prefect_skillbox import seen
from tests.services.wheels import use_folder, wheel

SCRIPT = "import {module}, json, os\njson.dump({module}.NAME, open(os.environ['SANDBOX_OUTPUT'], 'w'))\n"


@pytest.fixture
def name(runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A skill that needs a package which nothing has seen before."""
    made, module = f"needs-{uuid.uuid4().hex[:8]}", f"m{uuid.uuid4().hex[:8]}"
    wheel(use_folder(tmp_path / "index", monkeypatch), module)
    folder = tmp_path / "skill"
    folder.mkdir()
    (folder / "SKILL.md").write_text(f"---\nname: {made}\ndescription: Needs a package.\n---\n")
    (folder / "main.py").write_text(
        f'# /// script\n# dependencies = ["{module}"]\n# ///\n' + SCRIPT.format(module=module)
    )
    installation = runner.installation
    locker = installation.environments.locker("default", [].append)
    archive = package(folder, tmp_path / "s.zip", installation.settings.max_skill_size, locker=locker)
    installation.registry.push("default", archive.path)
    return made


def test_a_first_run_says_how_far_its_packages_are_and_a_second_nothing(name: str) -> None:
    needing = skill(name)

    @flow
    def twice() -> None:
        assert needing({}).output.startswith("m")
        assert needing({}).output.startswith("m")

    run = seen.run_id(twice(return_state=True))
    key = artifact_key("environment", name)
    found = seen.artifacts(run, lambda found: key in found and float(str(found[key].data)) == 100)
    assert found[key].type == "progress"
    assert str(found[key].description).startswith(f"`{name}`: `built environment ")
    messages = [
        log.message for log in seen.logs(run, lambda found: any("[skillbox: built" in log.message for log in found))
    ]
    begun = [
        message
        for message in messages
        if message.startswith(f"[skillbox: making the environment of {name}: 1 package ")
    ]
    assert len(begun) == 1


def test_what_it_takes_is_not_the_skills_time(runner: Runner, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "build_timeout", lambda _size: 600.0)
    told: list[Progress] = []
    result = runner.run(RunRequest(skill=name), on_progress=told.append)
    assert result.ok, result
    assert [progress.percent for progress in told] == sorted(progress.percent for progress in told)
    assert (told[0].percent, told[-1].percent) == (0, 100)
    (one,) = [
        one for one in pruning.stored_environments(runner.installation.engine) if told[-1].text.split()[2] in one.tree
    ]
    assert one.size > 0


def test_an_index_that_is_away_is_tried_again_and_then_named(
    runner: Runner, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def away(*_: object, **__: object) -> None:
        tries.append("x")
        raise IndexUnavailableError("the index can't be reached")

    monkeypatch.setattr("skillbox_core.environments.prepare.make_tree", away)
    result = runner.run(RunRequest(skill=name))
    assert (result.status, result.reason) == ("failed", "infrastructure"), result
    assert "the index can't be reached" in (result.error or "")
    assert len(tries) > 1
