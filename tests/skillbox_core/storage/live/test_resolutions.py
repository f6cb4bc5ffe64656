"""Which version runs: what a constraint means is decided once for each owner, and a repeat needs no registry."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, SkillNotFoundError
from skillbox_core.errors import InvalidRequestError
from skillbox_core.installation import Installation
from skillbox_core.run.steps import Steps
from tests.skillbox_core.storage.live.test_storage import archive

SCRIPT = "open('/sandbox/out/output.json','w').write('1')"


def push(store: Installation, folder: Path, *versions: str) -> None:
    for version in versions:
        store.registry.push("default", archive(folder, version=version, script=SCRIPT))


def without_registry(store: Installation) -> Installation:
    """The same installation, whose store of skills can't be reached any more."""
    settings = store.settings
    if settings.s3_endpoint:
        settings = settings.model_copy(update={"s3_endpoint": "127.0.0.1:1"})
    else:
        shutil.rmtree(settings.home / "store" / settings.s3_bucket_skills)
    return Installation.from_settings(settings)


def test_a_constraint_is_resolved_by_what_is_stored_and_errors_say_what_is_there(
    store: Installation, tmp_path: Path
) -> None:
    push(store, tmp_path, "1.1.0", "1.2.0", "1.10.0", "2.0.0", "2.1.0-rc.1")
    for asked, version in {"^1.2": "1.10.0", "~1.1": "1.1.0", "": "2.0.0", "^2.1.0-rc.0": "2.1.0-rc.1"}.items():
        assert store.registry.resolve("default", "echo", asked) == version
    with pytest.raises(SkillNotFoundError, match=r"no version \^3 of skill echo in .* \(there is 2\.1\.0-rc\.1"):
        store.registry.resolve("default", "echo", "^3")
    with pytest.raises(SkillNotFoundError, match=r"did you mean echo\?"):
        store.registry.resolve("default", "ehco", "^3")
    with pytest.raises(InvalidRequestError):
        store.registry.delete("default", "echo", "^1.2")


def test_a_mistyped_constraint_opens_no_record(store: Installation, tmp_path: Path) -> None:
    push(store, tmp_path, "1.0.0")
    for asked in (">=1", "1.x"):
        with pytest.raises(InvalidRequestError, match="latest"):
            Runner(store).run(RunRequest(skill="echo", version=asked))
    assert store.executions.list("default") == []


def test_one_owner_gets_one_version_for_one_constraint_while_newer_ones_are_pushed(
    store: Installation, tmp_path: Path
) -> None:
    push(store, tmp_path, "1.0.0")
    steps, request = Steps(store), RunRequest(skill="echo", version="^1")

    def version(key: str, owner: str | None, asked: RunRequest = request) -> str:
        return steps.create_record(asked, RunOptions(key=key, owner=owner)).version

    assert version("a", "flow run 1") == "1.0.0"
    push(store, tmp_path, "1.1.0")
    assert version("b", "flow run 1") == "1.0.0"
    assert Installation.from_settings(store.settings).registry.resolve("default", "echo", "^1", "flow run 1") == "1.0.0"
    assert version("c", "flow run 2") == "1.1.0"
    assert version("d", None) == "1.1.0"
    assert version("e", "flow run 1", RunRequest(skill="echo")) == "1.1.0", "another question, another answer"
    rows = {row.idempotency_key: row for row in store.executions.list("default")}
    assert (rows["default/b"].asked_version, rows["default/b"].skill_version) == ("^1", "1.0.0")
    assert rows["default/e"].asked_version == "latest"


def test_of_many_first_questions_at_once_all_get_one_answer(store: Installation, tmp_path: Path) -> None:
    push(store, tmp_path, "1.0.0")
    registries = [Installation.from_settings(store.settings).registry for _ in range(6)]
    barrier, answers = threading.Barrier(7), []

    def ask(number: int) -> None:
        barrier.wait()
        answers.append(registries[number].resolve("default", "echo", "latest", "flow run"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    barrier.wait()
    push(store, tmp_path, "1.1.0")
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert len(set(answers)) == 1


@pytest.mark.parametrize("asked", ["", "^1", "1.0.0"])
def test_a_repeat_finds_its_execution_after_latest_moved_and_without_the_registry(
    store: Installation, tmp_path: Path, asked: str
) -> None:
    push(store, tmp_path, "1.0.0")
    request = RunRequest(skill="echo", version=asked)
    first = Runner(store).run(request, RunOptions(key="task 1", owner="flow run", owner_attempt=1))
    assert first.ok, first
    push(store, tmp_path, "1.1.0")
    lost = without_registry(store)
    same_key = Runner(lost).run(request, RunOptions(key="task 1", owner="flow run", owner_attempt=1))
    run_again = Runner(lost).run(request, RunOptions(key="task 2", owner="flow run", owner_attempt=2))
    assert first == same_key == run_again
    row = lost.executions.get("default", first.execution_id)
    assert (row.skill_version, row.skill_digest is None, row.image_id is None) == ("1.0.0", False, False)


def test_records_of_the_first_schema_say_they_asked_for_what_they_got(tmp_path: Path) -> None:
    import sqlite3

    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    from skillbox_core.storage import database

    path = tmp_path / "old.db"
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with sqlite3.connect(path) as old:
        old.execute(
            "INSERT INTO executions (id, skill_name, skill_version, tenant_id, status, attempt, input, logs, files_key,"
            " files_list, files_skipped, duration_ms, idempotency_key, request_digest, owner_attempt, instance,"
            " created_at) VALUES ('1','a','1.2.0','t','success',1,'{}','','','[]','[]',1,'k','d',0,'i','2026-01-01')"
        )
    with database.Database(f"sqlite:///{path}").session(make=True):
        pass
    with sqlite3.connect(path) as new:
        assert new.execute("SELECT asked_version FROM executions").fetchall() == [("1.2.0",)]
