"""The command line in an installation of its own, with an index of packages in a folder."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skillbox_core.installation import Installation
from skillbox_core.sandbox.pruning import stored_environments
from skillbox_core.settings import Settings
from tests.services.commands import Command
from tests.services.wheels import use_folder, wheel

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(
    cli_environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    installation: Settings,
    command: Command,
) -> Iterator[Call]:
    """Calls the command in an installation of its own; what it builds on the engine is gone afterwards."""
    use_folder(tmp_path / "index", monkeypatch)
    wheel(tmp_path / "index", "greeter", files={"greeter.py": f"ID = {uuid.uuid4().hex!r}\n"})
    indexes = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    ours = {name: value for name, value in cli_environment.items() if not name.startswith(("PIP_", "UV_"))}
    engine = Installation.from_settings(installation).engine

    def run(*arguments: str, home: str = "home", **more: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / home).mkdir(exist_ok=True)
        given = {**ours, **indexes, "SKILLBOX_HOME": str(tmp_path / home), **more}
        return command(*arguments, env=given, cwd=tmp_path)

    yield run
    made = {tree.name for tree in tmp_path.glob("*/store/skills/environments/*")}
    for one in stored_environments(engine):
        if one.tree.removeprefix("sha256:") in made:
            engine.remove_image(one.name)


@pytest.fixture
def pushed(call: Call, tmp_path: Path) -> Path:
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: packed\ndescription: d\n---\n")
    (folder / "main.py").write_text(
        "import greeter, json, os\njson.dump(greeter.ID, open('/sandbox/out/output.json', 'w'))\n"
    )
    (folder / "requirements.txt").write_text("greeter\n")
    done = call("skill", "push", str(folder))
    assert done.returncode == 0, done.stderr
    return folder
