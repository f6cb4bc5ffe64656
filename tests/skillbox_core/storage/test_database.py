"""Any path and any password reach the database that was meant, by a driver that this package can use."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

import skillbox_core
from skillbox_core.errors import DatabaseError
from skillbox_core.storage.database import Database

ODD_NAMES = [
    "a b",
    "100%",
    "%41",
    "what?",
    "no #1",
    "it's",
    'say "so"',
    "$HOME `id`",
    "\u00fcml\u00e4ut",
    "a=b&c",
    "{x}",
    "back\\",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_records_are_in_the_home_whatever_its_path_is(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "skillbox.db"
    with Database(file).session(make=True) as session:
        assert session.execute(text("SELECT count(*) FROM executions")).scalar() == 0
    assert file.is_file()
    assert {path.name for path in tmp_path.iterdir()} == {name}


@pytest.mark.parametrize("name", ["100%", "%(here)s"])
def test_a_percent_in_the_path_of_the_package_is_no_reference(tmp_path: Path, name: str) -> None:
    package = Path(skillbox_core.__file__).parent
    shutil.copytree(package, tmp_path / name / "skillbox_core", ignore=shutil.ignore_patterns("__pycache__"))
    script = "import sys; from pathlib import Path; from skillbox_core.storage import database as d\n"
    script += "with d.Database(Path(sys.argv[1])).session(make=True): print(d.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x.db")], cwd=tmp_path / name, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/{name}/")


PASSWORDS = ["plain", "100%", "%41", "a/b", "what?", "#1", "p@ss", "it's", "a:b", "a b", "\u00fc", "+", "[x]", "$&="]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_that_is_encoded_as_in_a_url_reaches_the_driver_as_it_is(password: str) -> None:
    database = Database(f"postgresql://user:{quote(password, safe='')}@host:5433/db")
    _, options = database._engine.dialect.create_connect_args(database._engine.url)
    assert (options["password"], options["host"], options["dbname"]) == (password, "host", "db")
    assert database.description == "postgresql+psycopg://user:***@host:5433/db"


@pytest.mark.parametrize(
    ("dsn", "driver", "options"),
    [
        ("postgres://u@h/d", "postgresql+psycopg", {}),
        ("postgresql://u@h/d?sslmode=require", "postgresql+psycopg", {"sslmode": "require"}),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg", {}),
        ("postgresql+asyncpg://u@h/d", "postgresql+psycopg", {}),
        ("postgres+asyncpg://u@h/d", "postgresql+psycopg", {}),
        ("postgresql+asyncpg://u@h/d?ssl=require", "postgresql+psycopg", {"sslmode": "require"}),
        ("postgresql+asyncpg://u@h/d?prepared_statement_cache_size=0&host=/run/pg", "postgresql+psycopg",
         {"host": "/run/pg"}),
        ("sqlite+aiosqlite:////x/y.db", "sqlite", {}),
        ("sqlite+pysqlite:////x/y.db", "sqlite+pysqlite", {}),
    ],
)  # fmt: skip
def test_an_asynchronous_driver_means_the_synchronous_one_of_the_same_database(
    dsn: str, driver: str, options: dict[str, str]
) -> None:
    url = Database(dsn)._engine.url
    assert (url.drivername, dict(url.query)) == (driver, options)
    assert url.database == ("/x/y.db" if driver.startswith("sqlite") else "d")


def test_looking_into_a_database_that_is_not_there_finds_nothing_and_makes_nothing(tmp_path: Path) -> None:
    for where in (tmp_path / "home" / "x.db", f"sqlite:///{tmp_path}/home/x.db"):
        with Database(where).session() as session:
            assert session.execute(text("SELECT count(*) FROM executions")).scalar() == 0
        with pytest.raises(DatabaseError, match="readonly"), Database(where).session() as session:
            session.execute(text("DELETE FROM resolutions"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_an_error_also_to_somebody_who_only_looks(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="unable to open"), Database(tmp_path / "file" / "x.db").session():
        pass
