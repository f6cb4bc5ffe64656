"""The database connection: SQLite by default, Postgres by setting, one schema for both."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlmodel import Session, SQLModel

from skillbox_core.base.files import make_private
from skillbox_core.errors import DatabaseError, SettingsError
from skillbox_core.storage.postgres import connect_bounded

HEAD = "0012"
"""The newest migration; a test compares it with the folder."""

VERSION_TABLE = "skillbox_version"
"""A table of our own, so that Skillbox and Prefect, which uses Alembic too, can share a database."""
_MIGRATION_LOCK = 0x5B1_11B0
BUSY_SECONDS = 30
"""How long SQLite waits for another writer."""
_ASYNCPG_NAMES = {"ssl": "sslmode", "timeout": "connect_timeout"}
"""What psycopg calls an option of asyncpg's."""
_ASYNCPG_ONLY = frozenset(
    {"prepared_statement_cache_size", "prepared_statement_name_func", "async_fallback", "async_creator_fn"}
    | {"statement_cache_size", "max_cached_statement_lifetime", "max_cacheable_statement_size", "command_timeout"}
)
"""Options without a counterpart: they tune asyncpg, and say nothing of where the database is."""
_HINT = "SKILLBOX_DB_DSN, for example postgresql://user@host/db; an @ in a password is written as %40"

Row = TypeVar("Row", bound=SQLModel)


class Database:
    """A pool of connections to a schema that is up to date.

    Args:
        where: SQLAlchemy URL, or an SQLite file. A path is never put into a URL's text: there is none for some.

    Raises:
        SettingsError: The URL can't be used.
    """

    def __init__(self, where: str | Path) -> None:
        self._url = _database_url(where)
        try:
            sqlite = self._url.get_backend_name() == "sqlite"
            self._engine = create_engine(
                self._url,
                pool_pre_ping=not sqlite,
                # Inputs, outputs and logs are parameters; what an exception says ends up in logs.
                hide_parameters=True,
                connect_args={"timeout": BUSY_SECONDS} if sqlite else {},
            )
        except (ImportError, SQLAlchemyError) as error:
            raise SettingsError(f"the database URL can't be used: {_brief(error)}", hint=_HINT) from error
        if sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
        elif self._url.get_driver_name() == "psycopg":
            event.listen(self._engine, "do_connect", connect_bounded)
        self._ready = False

    @property
    def description(self) -> str:
        """Where the database is, without its password, and without its options: one of them may be a password."""
        return _shown(self._url.set(query={}))

    @contextmanager
    def session(self, *, make: bool = False) -> Iterator[Session]:
        """A session that commits at its end, on a schema that is up to date.

        Args:
            make: Whether an SQLite file that is not there is made, with its folder. Looking makes none, and finds
                nothing there: so only what adds rows asks for it.

        Raises:
            DatabaseError: The database can't be reached or failed.
            SettingsError: A newer Skillbox has been there, or the folder of an SQLite file can't be made.
        """
        try:
            if not make and self.is_missing():
                with _nothing() as empty:
                    yield empty
                return
            self._migrate()
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except sqlalchemy.exc.IntegrityError:
            raise
        except (SQLAlchemyError, OSError) as error:
            where = f": {self._url.database}" if "unable to open" in (text := _brief(error)) else ""
            raise DatabaseError(f"the database failed: {text}{where}") from error

    def first(self, row: Row, key: Any) -> Row:
        """The row of a key: this one, or the one that was first; of many at once, one is.

        Raises:
            DatabaseError: The database can't be reached or failed.
        """
        try:
            with self.session(make=True) as session:
                session.add(row)
                session.flush()
                return row
        except sqlalchemy.exc.IntegrityError:
            with self.session() as session:
                return session.get_one(type(row), key)

    def is_missing(self) -> bool:
        """Whether it is an SQLite file that nobody has made yet."""
        if self._ready or self._file is None:
            return False
        try:
            self._file.stat()
        except FileNotFoundError:
            return True
        except OSError:
            pass  # the driver says what is in the way
        return False

    @property
    def _file(self) -> Path | None:
        path = self._url.database if self._url.get_backend_name() == "sqlite" else None
        # A URI (file:...) may say anything, "in memory" too: that is its driver's matter.
        return None if not path or path.startswith((":memory:", "file:")) else Path(path)

    def _migrate(self) -> None:
        if self._ready:
            return
        if self._file is not None:
            _make_folder(self._file.parent)
        if self._revision() != HEAD:
            self._upgrade()
        self._ready = True

    def _revision(self) -> str | None:
        with self._engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table(VERSION_TABLE):
                return None
            return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608

    def _upgrade(self) -> None:
        """Brings the schema up to date; several processes may try at once, one does it."""
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        # Alembic keeps it in an INI file's syntax, in which a % begins a reference.
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        with self._alone():
            revision = self._revision()
            if revision == HEAD:
                return
            older = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
            if revision is not None and revision not in older:
                raise SettingsError(
                    f"this database was made by a newer Skillbox (revision {revision}; this one knows {HEAD})",
                    hint="install the newer Skillbox, or give this one a database of its own by SKILLBOX_DB_DSN",
                )
            if self._url.get_backend_name() == "sqlite":
                with self._engine.connect() as connection:
                    # Readers and one writer at a time then don't block each other. The file keeps the mode; two
                    # connections that change it at once don't wait for each other, but fail.
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with self._engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._url.get_backend_name() == "sqlite":
            if self._file is None:
                yield
                return
            with Path(f"{self._file}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        else:
            with self._engine.connect() as connection:
                connection.execute(text(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})"))
                try:
                    yield
                finally:
                    connection.execute(text(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})"))


@contextmanager
def _nothing() -> Iterator[Session]:
    """A session on empty tables that takes no rows: what there is to read of a database that is not there."""
    from skillbox_core.storage import tables

    engine = create_engine("sqlite://")
    try:
        tables.ExecutionRow.metadata.create_all(engine)
        with Session(engine) as session:
            session.execute(text("PRAGMA query_only = ON"))
            yield session
    finally:
        engine.dispose()


def identity(where: str | Path) -> str:
    """What tells a database from others, without its password. One of the options may be its host.

    Raises:
        SettingsError: The URL can't be read.
    """
    return _shown(_database_url(where))


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _database_url(where: str | Path) -> URL:
    if isinstance(where, Path):
        return URL.create("sqlite", database=str(where))
    return _synchronous(_parsed(where))


def _synchronous(url: URL) -> URL:
    """The same database by the driver that this package uses: Prefect's own settings name asynchronous ones."""
    backend, _, driver = url.drivername.partition("+")
    if backend == "sqlite" and driver == "aiosqlite":
        return url.set(drivername="sqlite")
    if backend not in ("postgres", "postgresql") or driver not in ("", "asyncpg"):
        return url
    if driver == "asyncpg":
        options = {_ASYNCPG_NAMES.get(name, name): value for name, value in url.query.items()}
        url = url.set(query={name: value for name, value in options.items() if name not in _ASYNCPG_ONLY})
    return url.set(drivername="postgresql+psycopg")


def _parsed(url: str) -> URL:
    """The parts of a database URL; what is wrong with it is said without showing any of it.

    A password with an @ in it is read as part of the host or the port, and would stand in what a driver says of those.
    """
    parsed = None
    with suppress(ArgumentError, ValueError):
        parsed = make_url(url)
    if parsed is None:  # raised out here, or the parser's own error, with its words, would be the new one's context
        raise SettingsError("the database URL is not of a form that can be read", hint=_HINT)
    if "@" in (parsed.host or ""):
        raise SettingsError("the database URL has an @ too many", hint=_HINT)
    return parsed


def _make_folder(folder: Path) -> None:
    try:
        make_private(folder)
    except OSError as error:
        raise SettingsError(
            f"the folder of the database, {folder}, can't be made: {error.strerror or error}",
            hint="SKILLBOX_HOME names one that this user can make, or has made",
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _brief(error: BaseException) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
