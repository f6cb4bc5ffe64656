"""What each command loads: no more than it uses, since imports are most of the time that a command takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.installation import Installation
from tests.services.records import fill, record
from tests.skillbox_core.storage.live.test_skill_lists import archive

HEAVY = {
    *("alembic", "docker", "fsspec", "httpx", "importlib.metadata", "jsonschema", "packaging", "pandas", "prefect"),
    *("prefect_skillbox", "psycopg", "pyarrow", "pydantic", "pydantic_settings", "requests", "rich", "s3fs"),
    *("sqlalchemy", "sqlmodel", "urllib3", "yaml"),
    *("environments", "inputs", "installation", "models", "operations", "run", "runner", "sandbox", "settings"),
    *("skills", "storage"),
}
"""Libraries, and rooms of the core."""
_COMMAND = {"pydantic", "importlib.metadata"}
"""By Typer, as soon as there is a command whose options it reads."""
_SETTINGS = {*_COMMAND, "pydantic_settings", "settings"}
_DATABASE = {*_SETTINGS, "sqlalchemy", "sqlmodel", "storage"}
_ARCHIVES = {"models", "packaging", "skills", "yaml"}

CODE = """
import atexit, gc, json, sys
before = gc.get_stats()[0]["collections"]
# Done last: what is registered first is called after all others.
atexit.register(lambda: print(len(gc.get_objects())))
sys.argv = ["skillbox", *json.loads(sys.argv[1])]
from skillbox_core.cli import main
try: main()
except SystemExit as ending: code = ending.code or 0
sys.stdout.flush()
collections = gc.get_stats()[0]["collections"] - before
print(json.dumps({"code": code, "modules": sorted(sys.modules), "collections": collections}))
"""


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
        (["version"], 0, _COMMAND),
        (["frobnicate"], 2, _COMMAND),
        (["exec", "list", "--nonsense"], 2, _COMMAND),
        (["skill", "--help"], 0, _COMMAND),
        (["run", "--help"], 0, _COMMAND),
        (["deploy", "--help"], 0, _COMMAND),
        (["exec", "list"], 0, _DATABASE),
        (["exec", "list", "--json", "--after", str(record(29)["id"])], 0, _DATABASE),
        (["skill", "list"], 0, {*_DATABASE, "skills"}),
        (["skill", "list", "--json"], 0, {*_DATABASE, "skills"}),
        (["skill", "show", "echo"], 0, {*_DATABASE, *_ARCHIVES, "fsspec"}),
        (["exec", "show", str(record(29)["id"])], 0, {*_DATABASE, "models"}),
        (["exec", "logs", str(record(29)["id"])], 0, {*_DATABASE, "models"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_command_loads_no_more_than_it_uses(home: Path, command: list[str], code: int, loads: set[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SKILLBOX_")}
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(command)],
        env={**environment, "SKILLBOX_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *_, answer, looked_through = done.stdout.splitlines()
    said = json.loads(answer)
    assert said["code"] == code, done.stderr
    loaded = {name.removeprefix("skillbox_core.") for name in said["modules"]}
    rooms = {name.partition(".")[0] for name in loaded if name != "skillbox_core"} | (loaded & {"importlib.metadata"})
    assert (rooms & HEAVY) - loads == set()
    assert said["collections"] < 20, "the collector looks through all that was imported, again and again"
    assert int(looked_through) < 1000, "the collector looks through all that was imported as the process ends"
