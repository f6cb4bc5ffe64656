"""What is kept, on both kinds of storage."""

from __future__ import annotations

import io
import re
import stat
import tarfile
import threading
import traceback
import urllib.request
import uuid
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import event, inspect, text

from skillbox_core import Reason, Runner, RunOptions, RunRequest, Settings, SkillNotFoundError, Status
from skillbox_core.errors import DatabaseError, SettingsError, SkillboxError, StorageError, VersionExistsError
from skillbox_core.installation import Installation
from skillbox_core.models import Diagnosis, Verdict
from skillbox_core.operations.orphans import cleanup_orphans, end_owner
from skillbox_core.run.steps import Steps
from skillbox_core.status import Category
from skillbox_core.storage.database import HEAD, VERSION_TABLE, Database
from tests.services.postgres import fresh_database

SCRIPT = (
    "import json; print('a\\0b \\x00 raw'); d=json.load(open('/sandbox/input.json'))\n"
    "open('/sandbox/out/files/é.txt','w').write('kept'); json.dump(d, open('/sandbox/out/output.json','w'))"
)


def archive(folder: Path, name: str = "echo", version: str = "1.0.0", script: str = SCRIPT) -> Path:
    path = folder / f"{name}-{version}.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("SKILL.md", f"---\nname: {name}\nversion: {version}\ndescription: d\nlang: python\n---\n")
        packed.writestr("main.py", script)
    return path


def test_a_run_is_kept_whole_and_its_files_can_be_fetched(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    document = {"text": "NUL \0, é, 😀", "n": [1, 2.5, None, True]}
    result = Runner(store).run(RunRequest(skill="echo", input=document))
    assert (result.status, result.output) == (Status.SUCCESS, document), result
    again = store.executions.result("default", result.execution_id)
    assert (again.output, again.logs, again.files_list) == (document, result.logs, ("é.txt",))
    with urllib.request.urlopen(again.files_url) as answer:
        packed = answer.read()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        member = tar.extractfile("é.txt")
        assert member is not None
        assert member.read() == b"kept"
    if store.settings.s3_endpoint:
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in again.files_url
        assert store.settings.s3_secret_key not in again.files_url


def test_versions_are_ordered_as_semver_and_latest_is_the_highest_release(store: Installation, tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0-rc.1", "1.2.0"):
        store.registry.push("default", archive(tmp_path, version=version))
    assert store.registry.skills("default") == ["echo"]
    assert store.registry.versions("default", "echo") == ["2.0.0-rc.1", "1.10.0", "1.9.0", "1.2.0"]
    assert store.registry.resolve("default", "echo", "latest") == "1.10.0"
    assert store.registry.skills("other") == []
    with pytest.raises(SkillNotFoundError):
        store.registry.resolve("other", "echo", "")
    store.registry.delete("default", "echo", "1.10.0")
    assert store.registry.resolve("default", "echo", "") == "1.9.0"


def test_of_two_pushes_at_once_one_wins(store: Installation, tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(archive(folder, script=f"print({number})"))
    store.registry.skills("default")
    outcomes: list[object] = []

    def push(path: Path) -> None:
        try:
            outcomes.append(store.registry.push("default", path).archive.digest)
        except SkillboxError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=push, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(outcomes) == 4
    assert len(winners) == 1
    assert outcomes.count(VersionExistsError) == 3
    assert store.registry.load("default", "echo", "1.0.0").digest == winners[0]


def test_an_object_that_was_swapped_is_noticed(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    (tmp_path / "evil").mkdir()
    store.registry._bucket.put(archive(tmp_path / "evil", script="evil()"), "default/echo/1.0.0/skill.zip")
    with pytest.raises(StorageError, match="not what was pushed"):
        store.registry.load("default", "echo", "1.0.0")


def test_a_bucket_of_the_original_keeps_working(store: Installation, tmp_path: Path) -> None:
    store.registry._bucket.put(archive(tmp_path), "default/echo/1.0.0/skill.zip")
    assert Runner(store).run(RunRequest(skill="echo")).status is Status.SUCCESS


def test_an_object_under_another_name_is_refused(store: Installation, tmp_path: Path) -> None:
    store.registry._bucket.put(archive(tmp_path, name="other"), "default/echo/1.0.0/skill.zip")
    result = Runner(store).run(RunRequest(skill="echo"))
    assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE)
    assert "says it is other@1.0.0" in (result.error or "")


def test_a_closed_record_never_changes_and_late_writers_are_refused(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    request, options = RunRequest(skill="echo"), RunOptions(key="late")
    late = Steps(store).create_record(request, options)
    assert store.executions.next_attempt(late).attempt == 2
    assert store.executions.close(late, Verdict(Status.SUCCESS)).status is Status.RUNNING, "another attempt has it now"
    current = Steps(store).create_record(request, options)
    assert current.attempt == 2
    assert store.executions.close(current, Verdict(Status.FAILED, Reason.EXIT, "x")).status is Status.FAILED
    assert store.executions.close(current, Verdict(Status.SUCCESS)).status is Status.FAILED
    # Nothing but a sentence is known of it, as of records of before there were diagnoses.
    assert store.executions.result("default", current.id).diagnosis == Diagnosis(Category.EXIT, "x")


def test_one_key_used_by_many_at_once_opens_one_record(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    ids: list[str] = []
    steps = Steps(store)

    def open_record() -> None:
        ids.append(steps.create_record(RunRequest(skill="echo"), RunOptions(key="same")).id)

    threads = [threading.Thread(target=open_record) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_the_reconciler_closes_what_nobody_looks_after_and_leaves_the_living(
    store: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.registry.push("default", archive(tmp_path, script="import time; time.sleep(60)"))
    steps, request, options = (
        Steps(store),
        RunRequest(skill="echo"),
        RunOptions(key="orphan", timeout="30s"),
    )
    execution = steps.create_record(request, options)
    skill = steps.load_skill(execution, options)
    sandbox = steps.create_container(execution, skill, request, options)
    assert cleanup_orphans(store) == []

    from skillbox_core.operations import orphans

    monkeypatch.setattr(orphans, "GRACE", -1_000_000.0)
    (store.spool / f"{execution.id}-1.tar.gz").write_bytes(b"living")
    (store.spool / f"{'0' * 32}-1.in-x").mkdir()
    found = cleanup_orphans(store, dry_run=True)
    assert [(o.kind, o.done) for o in found] == [("container", False), ("record", False), ("spool", False)]
    assert [(o.kind, o.done, o.name) for o in cleanup_orphans(store)] == [
        ("record", True, execution.id),
        ("spool", True, f"{'0' * 32}-1.in-x"),
        ("container", True, sandbox.name),
    ]
    assert [(o.kind, o.done) for o in cleanup_orphans(store)] == [("spool", True)], "its execution is over now"
    assert store.executions.result("default", execution.id).reason is Reason.INFRASTRUCTURE
    assert cleanup_orphans(store) == []


def test_ending_an_owner_reads_its_own_records_and_no_inputs(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    opened = {}
    for owner in ("one", "other"):
        options = RunOptions(key=owner, owner=owner, owner_attempt=1)
        opened[owner] = Steps(store).create_record(RunRequest(skill="echo", input=owner), options).id
    asked: list[str] = []
    engine = store.executions._database._engine
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: asked.append(statement))
    assert [(o.execution_id, o.done) for o in end_owner(store, "one", Status.CANCELLED)] == [(opened["one"], True)]
    first = asked[0]
    assert "owner = " in first
    assert not re.search(r"executions\.(input|output|logs)\b", first)
    statuses = {owner: store.executions.get("default", found).status for owner, found in opened.items()}
    assert statuses == {"one": Status.CANCELLED, "other": Status.RUNNING}


def test_a_list_of_executions_reads_no_inputs_outputs_or_logs(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    opened = Steps(store).create_record(RunRequest(skill="echo", input="large"), RunOptions(key="one"))
    (row,) = store.executions.list("default", status=Status.RUNNING, skill="echo")
    assert row.id == opened.id
    for rows in (
        [row],
        store.executions.find([row.id]).values(),
        store.executions.running(row.instance),
    ):
        assert [inspect(each).unloaded >= {"input", "call", "output", "logs"} for each in rows] == [True]
    assert inspect(store.executions.get("default", row.id)).unloaded == set()


def test_what_a_failing_database_says_holds_nothing_that_was_written(store: Installation, tmp_path: Path) -> None:
    store.registry.push("default", archive(tmp_path))
    execution = Steps(store).create_record(RunRequest(skill="echo"), RunOptions(key="said"))
    with store.executions._database.session() as session:
        session.execute(text("ALTER TABLE executions RENAME TO elsewhere"))
    line = uuid.uuid4().hex
    with pytest.raises(DatabaseError) as caught:
        store.executions.close(execution, Verdict(Status.SUCCESS, logs=line))
    assert line not in "".join(traceback.format_exception(caught.value))


def test_a_database_is_described_without_the_passwords_in_its_url() -> None:
    database = Database("postgresql+psycopg://user:canary-1@host/db?password=canary-2&sslmode=require")
    assert database.description == "postgresql+psycopg://user:***@host/db"


def test_a_database_of_a_newer_skillbox_is_refused_by_its_revision(store: Installation) -> None:
    database = store.executions._database
    with database.session(make=True) as session:
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(SettingsError, match=r"newer Skillbox \(revision 9999"):
        Installation.from_settings(store.settings).executions.list("default")
    assert database._revision() == "9999"


def test_a_home_that_cannot_be_made_is_said_to_be_so(installation: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Installation.from_settings(installation.model_copy(update={"home": tmp_path / "file" / "home"}))
    with (
        pytest.raises(SettingsError, match="can't be made: Not a directory") as caught,
        store.executions._database.session(make=True),
    ):
        pass
    assert "SKILLBOX_HOME" in str(caught.value)
    assert "password" not in str(caught.value)


def test_many_processes_may_meet_an_empty_database(database_url: str, tmp_path: Path) -> None:
    for url in (fresh_database(database_url), f"sqlite:///{tmp_path / 'new.db'}"):
        full = url.replace("postgresql://", "postgresql+psycopg://")
        errors: list[BaseException] = []

        def use(full: str = full, errors: list[BaseException] = errors) -> None:
            try:
                with Database(full).session(make=True):
                    pass
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=use) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert Database(full)._revision() == HEAD


def test_the_head_is_the_newest_migration_and_makes_the_tables_of_the_models(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from skillbox_core.storage import tables
    from skillbox_core.storage.database import __file__ as home

    assert ScriptDirectory(str(Path(home).parent / "migrations")).get_current_head() == HEAD
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with database.session(make=True):
        pass
    with database._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, tables.ExecutionRow.metadata) == []


def test_what_a_new_home_holds_is_for_its_user_only(installation: Settings, tmp_path: Path) -> None:
    settings = installation.model_copy(update={"home": tmp_path / "lib" / "skillbox", "s3_endpoint": "", "db_dsn": ""})
    store = Installation.from_settings(settings)
    store.registry.push("default", archive(tmp_path))
    assert store.registry.load("default", "echo", "1.0.0")
    assert store.executions.list("default") == []
    assert store.spool.is_dir()
    for folder in (tmp_path / "lib", tmp_path / "lib" / "skillbox"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_database_that_cannot_be_opened_is_named(installation: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Installation.from_settings(installation.model_copy(update={"home": tmp_path / "file", "db_dsn": ""}))
    with pytest.raises(DatabaseError, match=rf"unable to open database file: {tmp_path}/file/skillbox\.db"):
        store.executions.list("default")
