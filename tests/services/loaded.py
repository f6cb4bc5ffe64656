"""What a command of ours loads: libraries that take long, and rooms of the core."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEAVY = {
    *("alembic", "docker", "fsspec", "httpx", "importlib.metadata", "jsonschema", "packaging", "pandas", "prefect"),
    *("prefect_skillbox", "psycopg", "pyarrow", "pydantic", "pydantic_settings", "requests", "rich", "s3fs"),
    *("sqlalchemy", "sqlmodel", "urllib3", "yaml"),
    *("environments", "inputs", "installation", "models", "operations", "run", "runner", "sandbox", "settings"),
    *("skills", "storage"),
}
"""Libraries, and rooms of the core."""
COMMAND = {"pydantic", "importlib.metadata"}
"""By Typer, as soon as there is a command whose options it reads."""
SETTINGS = {*COMMAND, "pydantic_settings", "settings"}
DATABASE = {*SETTINGS, "sqlalchemy", "sqlmodel", "storage"}
ARCHIVES = {"models", "skills", "yaml"}
ENGINE = {"docker", "installation", "inputs", "models", "requests", "sandbox", "urllib3"}

_CODE = """
import atexit, gc, json, sys
before = gc.get_stats()[0]["collections"]
# Called after all that the command has registered.
atexit.register(lambda: print(json.dumps({
    "modules": sorted(sys.modules), "collections": collected, "kept": gc.get_freeze_count()
})))
sys.argv = ["skillbox", *json.loads(sys.argv[1])]
from skillbox_core.cli import main
try: main()
finally: collected = gc.get_stats()[0]["collections"] - before
"""


@dataclass(frozen=True)
class Loaded:
    """A command that has ended.

    Attributes:
        code: Its exit code.
        heavy: What it loaded of `HEAVY`.
        modules: All that it loaded.
        collections: How often the garbage collector looked for what is unreachable.
        kept: Objects that the interpreter doesn't look through at its end.
    """

    code: int
    said: str
    heavy: frozenset[str]
    modules: frozenset[str]
    collections: int
    kept: int


def loaded_by(command: Sequence[str], variables: Mapping[str, str]) -> Loaded:
    """Runs a command in an interpreter of its own, with these variables and no others."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps(list(command))],
        env=dict(variables),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    names = {name.removeprefix("skillbox_core.") for name in found["modules"]}
    rooms = {name.partition(".")[0] for name in names if name != "skillbox_core"} | (names & {"importlib.metadata"})
    return Loaded(
        code=done.returncode,
        said=done.stderr,
        heavy=frozenset(rooms & HEAVY),
        modules=frozenset(found["modules"]),
        collections=found["collections"],
        kept=found["kept"],
    )
