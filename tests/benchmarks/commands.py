"""Processor time of commands and imports: help, a page of 100,000 records, all of 1,500 skills.

Beside them a yardstick takes turns: an interpreter that starts and adds up squares.
"""

from __future__ import annotations

import io
import os
import re
import resource
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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
from tests.benchmarks.programs import environment_of
from tests.benchmarks.report import YARDSTICK, Part
from tests.benchmarks.turns import Contestant, TurnError, compare, take_turns
from tests.services.commands import PROGRAM
from tests.services.postgres import missing, postgres

PAGE = 20
"""Records that `exec list` shows."""
ROW = re.compile(r"\bskill-[0-9]{4}\b")
"""The name of a skill, which each row of a list has; those of a page of records are different ones."""
RECORDS, QUICK_RECORDS = 100_000, 10_000
SKILLS, QUICK_SKILLS = 1_500, 150
SQUARES = "print(sum(number * number for number in range(2_000_000)))"
ROWS = 5_000
"""Records that are written at once."""


@dataclass(frozen=True)
class Asked:
    """A command that is measured.

    Attributes:
        variables: Of its environment, beside those of this process.
        budget: Seconds.
        rows: How many rows it has to show at least: a list that shows fewer does less.
    """

    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    budget: float | None = None
    rows: int = 0


def lists(variables: Mapping[str, str], records: int, skills: int) -> dict[str, Asked]:
    """The commands that list, by what they list: the page that `exec list` shows, and all skills."""
    everything = [PROGRAM, "skill", "list", "--limit", str(skills)]
    return {
        f"exec list, the last {PAGE} of {records:,} records": Asked([PROGRAM, "exec", "list"], variables, 1.0, PAGE),
        f"skill list, all of {skills:,} skills": Asked(everything, variables, 1.0, skills),
        f"skill list --json, all of {skills:,} skills": Asked([*everything, "--json"], variables, None, skills),
    }


def measure(scale: Scale, part: Part) -> None:
    """All commands in turns, those that list on both databases."""
    records, skills = (QUICK_RECORDS, QUICK_SKILLS) if scale.quick else (RECORDS, SKILLS)
    load_env_file()
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        asked = {
            "skillbox --help": Asked([PROGRAM, "--help"], budget=0.3),
            "import skillbox_core": Asked([sys.executable, "-c", "import skillbox_core"], budget=0.1),
            "import prefect_skillbox": Asked([sys.executable, "-c", "import prefect_skillbox"]),
        }
        for name, url in stack.enter_context(databases(folder, part)).items():
            variables = filled(folder / name, url, records, skills)
            asked |= {f"{what}, {name}": one for what, one in lists(variables, records, skills).items()}
        contestants = [Contestant(YARDSTICK, used(Asked([sys.executable, "-I", "-c", SQUARES])))]
        contestants += [Contestant(name, used(one)) for name, one in asked.items()]
        times = take_turns(contestants, min(scale.turns, 10), budget=30)
    part.times(YARDSTICK, times[YARDSTICK], "s", 1)
    for name, one in asked.items():
        if times[name].problem:
            part.fail(f"{name}: {times[name].problem}")
            continue
        part.times(name, times[name], "s", 1, budget=one.budget)
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


def used(asked: Asked) -> Callable[[], float]:
    """Runs it, and says how many seconds of processor time it and what it started took."""

    def turn() -> float:
        before = of_children()
        done = subprocess.run(
            asked.command,
            env=environment_of(os.environ, asked.variables),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        after = of_children()
        if done.returncode:
            raise TurnError(f"it ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        if (shown := len(set(ROW.findall(done.stdout)))) < asked.rows:
            raise TurnError(f"it showed {shown} of {asked.rows} rows: {done.stderr.strip()[-300:]}")
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
