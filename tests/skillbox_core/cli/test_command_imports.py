"""What each command loads: no more than it uses, since imports are most of the time that a command takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.installation import Installation
from tests.services.loaded import ARCHIVES, COMMAND, DATABASE, ENGINE, SETTINGS, loaded_by
from tests.services.records import fill, record
from tests.skillbox_core.storage.live.test_skill_lists import archive

EXAMPLES = Path(__file__).parents[3] / "examples" / "skills"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with records and a skill."""
    folder = tmp_path_factory.mktemp("home")
    installation = Installation.from_settings(Settings(home=folder, db_dsn="", s3_endpoint=""))
    fill(installation.executions._database, (record(number) for number in range(30)))
    installation.registry.push("default", archive(folder / "made"))
    return folder


@pytest.mark.parametrize(
    ("command", "code", "loads"),
    [
        (["--help"], 0, set()),
        ([], 2, set()),
        (["--version"], 0, set()),
        (["version"], 0, COMMAND),
        (["frobnicate"], 2, COMMAND),
        (["exec", "list", "--nonsense"], 2, COMMAND),
        (["skill", "--help"], 0, COMMAND),
        (["run", "--help"], 0, COMMAND),
        (["deploy", "--help"], 0, COMMAND),
        (["exec", "list"], 0, DATABASE),
        (["exec", "list", "--json", "--after", str(record(29)["id"])], 0, DATABASE),
        (["skill", "list"], 0, {*DATABASE, "skills"}),
        (["skill", "list", "--json"], 0, {*DATABASE, "skills"}),
        (["skill", "show", "echo"], 0, {*DATABASE, *ARCHIVES, "fsspec"}),
        # Its word on the image is the sandbox's rule for images, which needs no engine.
        (["skill", "lint", str(EXAMPLES / "word-count")], 0, {*SETTINGS, *ARCHIVES, "packaging", "sandbox"}),
        (
            ["skill", "push", str(EXAMPLES / "word-count")],
            0,
            {*DATABASE, *ARCHIVES, "fsspec", "packaging", "sandbox"},
        ),
        (["exec", "show", str(record(29)["id"])], 0, {*DATABASE, "models"}),
        (["exec", "logs", str(record(29)["id"])], 0, {*DATABASE, "models"}),
        (["exec", "files", str(record(29)["id"])], 0, {*DATABASE, "models"}),
        (["run", "ehco"], 2, {*DATABASE, *ARCHIVES, *ENGINE, "fsspec", "run", "runner"}),
    ],
    ids=lambda value: " ".join(Path(word).name for word in value) if isinstance(value, list) else None,
)
def test_a_command_loads_no_more_than_it_uses(home: Path, command: list[str], code: int, loads: set[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SKILLBOX_")}
    found = loaded_by(command, {**environment, "SKILLBOX_HOME": str(home)})
    assert found.code == code, found.said
    assert found.heavy - loads == set()
    # Seven of them come before the command says how often.
    assert found.collections < 12, "the collector looks through all that was imported, again and again"
    assert found.kept > 10_000, "what a command has loaded is looked through and taken apart at its end"
