"""Input files out of both kinds of storage: whose they are, that they are what was stored, and what is left."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import uuid
from pathlib import Path

import pytest
import sqlalchemy

from skillbox_core import Reason, Runner, RunOptions, RunRequest, RunResult, Settings, Status, files_from, input_files
from skillbox_core.errors import ExecutionNotFoundError, InvalidRequestError, SkillboxError, StorageError
from skillbox_core.installation import Installation
from skillbox_core.models import Verdict
from skillbox_core.operations.orphans import find_orphans
from skillbox_core.run.steps import Steps
from skillbox_core.storage.database import Database
from skillbox_core.storage.spool import discard, stale_spool
from tests.services.swift import S3Service
from tests.skillbox_core.conftest import fresh_database
from tests.skillbox_core.storage.live.test_storage import archive

READ = """
import json, os
top, found = "/sandbox/in/files/", {}
for folder, _, names in os.walk(top):
    for name in names:
        path = os.path.join(folder, name)
        found[os.path.relpath(path, top)] = open(path, errors="replace").read(40)
json.dump(found, open("/sandbox/out/output.json", "w"))
"""


@pytest.fixture
def made(store: Installation, tmp_path: Path) -> RunResult:
    """A run of tenant `default` that left é.txt; both tenants have the skill `read`."""
    for tenant in ("default", "other"):
        store.registry.push(tenant, archive(tmp_path, name="read", script=READ))
    store.registry.push("default", archive(tmp_path))
    return Runner(store).run(RunRequest(skill="echo")).raise_for_status()


def read(store: Installation, files: object, tenant: str = "default") -> RunResult:
    return Runner(store).run(RunRequest(skill="read"), RunOptions(tenant=tenant, files=input_files(files)))


def test_a_record_keeps_the_digest_of_every_file_and_of_the_archive(store: Installation, made: RunResult) -> None:
    again = store.executions.result("default", made.execution_id).artifacts
    assert again == made.artifacts
    assert [(file.path, file.size) for file in again.files] == [("é.txt", 4)]
    assert store.artifacts._bucket.size(again.key) == again.size
    assert "artifacts" not in made.model_dump()
    assert read(store, made).raise_for_status().output == {"é.txt": "kept"}


def packed(name: str = "é.txt", text: bytes = b"evil", kind: bytes = tarfile.REGTYPE) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size, info.type, info.linkname = len(text) if kind == tarfile.REGTYPE else 0, kind, "/etc/passwd"
        tar.addfile(info, io.BytesIO(text))
    return raw.getvalue()


@pytest.mark.parametrize("swapped", [packed(), b"not an archive", b"", packed(text=bytes(1_000_000))])
def test_swapped_files_are_noticed_and_the_skill_is_not_started(
    store: Installation, made: RunResult, tmp_path: Path, swapped: bytes
) -> None:
    (tmp_path / "swapped").write_bytes(swapped)
    store.artifacts._bucket.put(tmp_path / "swapped", made.artifacts.key)
    result = read(store, made)
    assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE)
    assert "its digest has changed" in (result.error or "")
    assert store.executions.get("default", result.execution_id).deadline_at is None, "no container was made"
    assert list(store.spool.iterdir()) == []
    with pytest.raises(StorageError, match="digest has changed"):
        store.artifacts.extract(made.artifacts, tmp_path / "out")


@pytest.mark.parametrize(
    "forged",
    [
        packed("../x"),
        packed("/tmp/x"),
        packed("a/../../x"),
        packed(kind=tarfile.SYMTYPE),
        packed(kind=tarfile.FIFOTYPE),
    ],
)
def test_nothing_is_unpacked_under_a_name_that_breaks_a_rule_also_when_the_digest_is_right(
    store: Installation, made: RunResult, tmp_path: Path, forged: bytes
) -> None:
    (tmp_path / "forged").write_bytes(forged)
    store.artifacts._bucket.put(tmp_path / "forged", made.artifacts.key)
    digest = hashlib.sha256(forged).hexdigest()
    with store.executions._database.session() as session:
        session.execute(sqlalchemy.text(f"UPDATE executions SET files_sha256='{digest}', files_size={len(forged)}"))
    result = read(store, made)
    assert result.reason is Reason.INFRASTRUCTURE
    assert "does not belong there" in (result.error or "")
    with pytest.raises(StorageError, match="does not belong there"):
        store.artifacts.extract(store.executions.result("default", made.execution_id).artifacts, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_another_tenants_files_can_not_be_had(store: Installation, made: RunResult) -> None:
    theirs = made.model_copy(update={"tenant": "other"})
    key_only = RunResult(execution_id="f" * 32, status=Status.SUCCESS, artifacts=made.artifacts, tenant="other")
    for files in (made, theirs, files_from(theirs, "é.txt"), key_only):
        with pytest.raises(ExecutionNotFoundError):
            read(store, files, tenant="other")
    for execution_id in ("../default", "x", made.artifacts.key):
        with pytest.raises(InvalidRequestError):
            read(store, RunResult(execution_id=execution_id, status=Status.SUCCESS))


def test_a_run_that_has_not_ended_has_no_files_yet(store: Installation, made: RunResult) -> None:
    steps = Steps(store)
    execution = steps.create_record(RunRequest(skill="read"), RunOptions(key="open"))
    with pytest.raises(InvalidRequestError, match="still running"):
        read(store, RunResult(execution_id=execution.id, status=Status.SUCCESS))
    steps.cleanup(execution, Verdict(Status.FAILED))


def test_what_killed_workers_left_in_the_spool_is_found_and_the_living_are_left(
    store: Installation, made: RunResult, tmp_path: Path
) -> None:
    steps = Steps(store)
    living = steps.create_record(RunRequest(skill="read"), RunOptions(key="living"))
    over = store.executions.next_attempt(steps.create_record(RunRequest(skill="read"), RunOptions(key="over")))
    stale = [f"{made.execution_id}-1.tar.gz", f"{over.id}-1.in-x", f"{uuid.uuid4().hex}-1.in-x"]
    kept = [f"{living.id}-1.in-x", f"{living.id}-1.tar.gz", f"{over.id}-2.in-x", "of somebody else"]
    for name in (*stale, *kept):
        (store.spool / name).mkdir()
        (store.spool / name / "file").touch()
    found = stale_spool(store.spool, store.executions)
    assert sorted(path.name for path in found) == sorted(stale)
    for path in found:
        discard(path)
    discard(found[0])
    for execution in (living, over):
        steps.cleanup(execution, Verdict(Status.FAILED))
    assert [path.name for path in store.spool.iterdir()] == ["of somebody else"], "a run clears up after itself"
    (store.spool / "of somebody else" / "file").unlink()
    (store.spool / "of somebody else").rmdir()


@pytest.mark.parametrize("differs", ["instance", "db_dsn"])
def test_what_another_installation_has_in_the_same_home_is_left(
    store: Installation, tmp_path: Path, differs: str
) -> None:
    value = {"instance": f"another-{uuid.uuid4().hex[:8]}", "db_dsn": f"sqlite:///{tmp_path / 'another.db'}"}[differs]
    other = Installation.from_settings(store.settings.model_copy(update={differs: value}))
    theirs = store.spool / f"{uuid.uuid4().hex}-1.tar.gz"
    theirs.touch()
    assert [orphan.name for orphan in find_orphans(other)] == []
    assert [orphan.name for orphan in find_orphans(store)] == [theirs.name]
    theirs.unlink()


def test_urls_of_the_own_buckets_open_what_is_the_tenants_and_nothing_else(
    s3: S3Service, store: Installation, made: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not store.settings.s3_endpoint:
        pytest.skip("folders have no URLs of their own")
    # Anything else must ask for credentials here, and finds none.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{s3.endpoint}")
    own = f"s3://{store.settings.s3_bucket_executions}"
    assert list(read(store, f"{own}/{made.artifacts.key}").raise_for_status().output) == ["files.tar.gz"]
    for tenant, address in (
        ("other", f"{own}/{made.artifacts.key}"),
        ("default", f"{own}/other/../{made.artifacts.key}"),
        ("default", f"{own}/default/../other/x/files.tar.gz"),
        ("default", f"{own}/default-2/x/files.tar.gz"),
        ("other", f"s3a://{store.settings.s3_bucket_skills}/default/echo/1.0.0/skill.zip"),
        ("default", f"{own}/default/none"),
    ):
        with pytest.raises(InvalidRequestError, match="there is no s3"):
            read(store, address, tenant)
    with pytest.raises(SkillboxError, match=r"[Cc]redentials"):
        read(store, f"s3://another-bucket/{made.artifacts.key}")
    bucket = f"foreign-{uuid.uuid4().hex[:8]}"
    foreign = store.artifacts._bucket._fs
    foreign.mkdir(bucket)
    foreign.pipe_file(f"{bucket}/x.csv", b"foreign")
    type(foreign).clear_instance_cache()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_key)
    assert read(store, f"s3://{bucket}/x.csv").raise_for_status().output == {"x.csv": "foreign"}
    for slashes in ("s3:///", "s3:////", "s3a:///"):
        # These keys open the installation's own buckets too, so a URL that hides the bucket's name must not.
        with pytest.raises(InvalidRequestError, match="not how an object"):
            read(store, f"{slashes}{own.removeprefix('s3://')}/{made.artifacts.key}", "other")


def test_records_of_the_first_schema_are_read_and_their_unchecked_files_are_no_input(
    database_url: str, installation: Settings, tmp_path: Path
) -> None:
    from alembic import command
    from alembic.config import Config

    from skillbox_core.storage.database import __file__ as home

    for url in (fresh_database(database_url), f"sqlite:///{tmp_path / 'old.db'}"):
        config = Config()
        config.set_main_option("script_location", str(Path(home).parent / "migrations"))
        database = Database(url.replace("postgresql://", "postgresql+psycopg://"))
        with database._engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.execute(
                sqlalchemy.text(
                    "INSERT INTO executions (id, skill_name, skill_version, tenant_id, status, attempt, input, logs,"
                    " files_key, files_list, files_skipped, duration_ms, idempotency_key, request_digest,"
                    " owner_attempt, instance, created_at) VALUES (:id, 'echo', '1.0.0', 'default', 'success', 1, '{}',"
                    " '', :key, :list, '[]', 0, 'k', 'd', 0, 'i', '2026-01-01 00:00:00+00:00')"
                ),
                {"id": "a" * 32, "key": f"default/{'a' * 32}/files.tar.gz", "list": json.dumps(["x.csv"])},
            )
        old = Installation.from_settings(installation.model_copy(update={"home": tmp_path / "home", "db_dsn": url}))
        result = old.executions.result("default", "a" * 32)
        assert (result.files_list, result.artifacts.sha256, result.artifacts.files) == (("x.csv",), "", ())
        with pytest.raises(InvalidRequestError, match="without digests"):
            old.inputs.plan("default", input_files(result))
        with database._engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "0001")
