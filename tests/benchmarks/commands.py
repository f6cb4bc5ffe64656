"""Processor time of commands and imports: help, `exec list` of 100,000 records, `skill list` of 1,500 skills.

Beside them a yardstick takes turns: an interpreter that starts and adds up squares.
"""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from skillbox_core import Settings
from skillbox_core.base.home import load_env_file
from skillbox_core.installation import Installation
from skillbox_core.status import Status
from skillbox_core.storage.database import Database
from skillbox_core.storage.tables import ExecutionRow, now
from tests.benchmarks.ground import Scale
from tests.benchmarks.report import YARDSTICK, Part
from tests.benchmarks.turns import Contestant, TurnError, compare, take_turns
from tests.services.commands import PROGRAM
from tests.services.postgres import missing, postgres

RECORDS, QUICK_RECORDS = 100_000, 10_000
SKILLS, QUICK_SKILLS = 1_500, 150
SQUARES = "print(sum(number * number for number in range(2_000_000)))"
ROWS = 5_000
"""Records that are written at once."""


def measure(scale: Scale, part: Part) -> None:
    """All commands in turns, those that list on both databases."""
    records, skills = (QUICK_RECORDS, QUICK_SKILLS) if scale.quick else (RECORDS, SKILLS)
    load_env_file()
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        asked: dict[str, tuple[Sequence[str], Mapping[str, str], float | None]] = {
            "skillbox --help": ([PROGRAM, "--help"], {}, 0.3),
            "import skillbox_core": ([sys.executable, "-c", "import skillbox_core"], {}, 0.1),
            "import prefect_skillbox": ([sys.executable, "-c", "import prefect_skillbox"], {}, None),
        }
        for name, url in stack.enter_context(databases(folder, part)).items():
            variables = filled(folder / name, url, records, skills)
            listed = f"exec list, {records:,} records, {name}", f"skill list, {skills:,} skills, {name}"
            asked[listed[0]] = [PROGRAM, "exec", "list"], variables, 1.0
            asked[listed[1]] = [PROGRAM, "skill", "list"], variables, 1.0
        contestants = [Contestant(YARDSTICK, used([sys.executable, "-I", "-c", SQUARES], {}))]
        contestants += [Contestant(name, used(command, more)) for name, (command, more, _) in asked.items()]
        times = take_turns(contestants, min(scale.turns, 10), budget=30)
    part.times(YARDSTICK, times[YARDSTICK], "s", 1)
    for name, (_, _, budget) in asked.items():
        if times[name].problem:
            part.fail(f"{name}: {times[name].problem}")
            continue
        part.times(name, times[name], "s", 1, budget=budget)
        part.ratio(f"{name} / {YARDSTICK}", compare(times[name], times[YARDSTICK]))


@contextmanager
def databases(folder: Path, part: Part) -> Iterator[dict[str, str]]:
    """SQLite, and a Postgres where there is one, by name: their URLs, empty for SQLite."""
    if why := missing():
        part.skip("Postgres", why)
        yield {"SQLite": ""}
        return
    (folder / "cluster").mkdir()
    with postgres(folder / "cluster") as url:
        yield {"SQLite": "", "Postgres": url}


def used(command: Sequence[str], variables: Mapping[str, str]) -> Callable[[], float]:
    """Runs it, and says how many seconds of processor time it and what it started took."""

    def turn() -> float:
        before = of_children()
        done = subprocess.run(
            command, env={**os.environ, **variables}, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        after = of_children()
        if done.returncode or (not done.stdout and "list" in command):
            raise TurnError(f"it ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return after - before

    return turn


def of_children() -> float:
    """Processor time of processes that this one has started, and that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def filled(home: Path, url: str, records: int, skills: int) -> dict[str, str]:
    """Makes an installation with so many records and skills; the variables that name it."""
    settings = Settings(home=home, instance=f"bench-{uuid.uuid4().hex[:12]}", db_dsn=url, s3_endpoint="")
    registry = Installation.from_settings(settings).registry
    archive = home / "skill.zip"
    home.mkdir(exist_ok=True)
    for number in range(skills):
        archive.write_bytes(packed(f"skill-{number:04}"))
        registry.push("default", archive)
    write_records(Database(settings.database), records)
    return {"SKILLBOX_HOME": str(home), "SKILLBOX_INSTANCE": settings.instance, "SKILLBOX_DB_DSN": url}


def packed(name: str) -> bytes:
    """A skill as a zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("SKILL.md", f"---\nname: {name}\ndescription: One of many.\nversion: 1.0.0\n---\nDo it.\n")
        archive.writestr("main.py", "print(1)\n")
    return made.getvalue()


def write_records(database: Database, count: int) -> None:
    """Writes finished executions into the table: to run as many skills takes a day."""
    last = now()
    for first in range(0, count, ROWS):
        rows = [
            record(number, last - timedelta(seconds=count - number))
            for number in range(first, min(first + ROWS, count))
        ]
        with database.session(make=True) as session:
            session.execute(insert(ExecutionRow), [row.model_dump() for row in rows])


def record(number: int, at: datetime) -> ExecutionRow:
    """A row as a run leaves it."""
    return ExecutionRow(
        id=uuid.uuid4().hex,
        skill_name=f"skill-{number % 1000:04}",
        skill_version="1.0.0",
        asked_version="",
        tenant_id="default",
        status=(Status.SUCCESS, Status.SUCCESS, Status.FAILED)[number % 3],
        input='{"text": "to be or not to be"}',
        output='{"total_words": 6}',
        logs="counted 6 words\n" * 20,
        idempotency_key=f"default/{number}",
        request_digest=f"{number:064x}",
        instance="bench",
        duration_ms=250,
        created_at=at,
        finished_at=at,
    )
