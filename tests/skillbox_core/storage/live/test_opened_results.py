"""Results of real runs open from both kinds of storage: here, pickled, and in a process that has only the settings."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from skillbox_core import Runner, RunRequest, RunResult, load_result
from skillbox_core.errors import ChangedObjectError, ExecutionNotFoundError, SkillboxError, StorageError
from skillbox_core.installation import Installation
from tests.skillbox_core.storage.live.test_storage import archive

SCRIPT = (
    "import os; os.makedirs('/sandbox/out/files/deep')\n"
    "open('/sandbox/out/files/rows.csv', 'w').write('kind,n\\na,1\\nb,2\\n')\n"
    "open('/sandbox/out/files/deep/é.json', 'w').write('{\"a\": 1}')\n"
    "open('/sandbox/out/files/big', 'wb').write(os.urandom(3_000_000))\n"
    "open('/sandbox/out/output.json', 'w').write('{}')\n"
)


@pytest.fixture
def made(store: Installation, tmp_path: Path) -> RunResult:
    store.registry.push("default", archive(tmp_path, script=SCRIPT))
    return Runner(store).run(RunRequest(skill="echo")).raise_for_status()


def test_a_run_opens_where_it_ran_whatever_this_processs_own_installation_is(
    store: Installation, made: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SKILLBOX_HOME", str(tmp_path / "other"))
    for result in (made, load_result(made.execution_id, settings=store.settings)):
        assert result.table("rows.csv").to_pydict() == {"kind": ["a", "b"], "n": [1, 2]}
        assert result.read_json("deep/é.json") == {"a": 1}
        assert [file.path for file in result.files] == ["big", "deep/é.json", "rows.csv"]
        with result.open("big") as file:
            file.seek(1_000_000)
            assert file.read() == result.read_bytes("big")[1_000_000:]
    written = made.download(tmp_path / "out", "deep/é.json")
    assert [path.read_text() for path in written] == ['{"a": 1}']
    assert len(made.download(tmp_path / "all")) == 3
    with pytest.raises(ExecutionNotFoundError, match=r"load_result\(id, tenant=..., settings=...\)"):
        pickle.loads(pickle.dumps(made)).open("rows.csv")


def test_another_process_with_the_settings_opens_what_was_pickled_or_is_json(
    store: Installation, made: RunResult, tmp_path: Path
) -> None:
    (tmp_path / "pickle").write_bytes(pickle.dumps(made))
    (tmp_path / "json").write_text(made.model_dump_json())
    kept = (tmp_path / "pickle").read_bytes().replace(made.files_url.encode(), b"")
    for secret in (store.settings.s3_secret_key, store.settings.db_dsn):
        assert not secret or secret.encode() not in kept
    code = (
        "import pathlib, pickle; from skillbox_core import RunResult\n"
        "pickled = pickle.loads(pathlib.Path('pickle').read_bytes())\n"
        "json = RunResult.model_validate_json(pathlib.Path('json').read_text())\n"
        "print(pickled.read_json('deep/é.json'))\n"
        "print(json.table('rows.csv')['n'].to_pylist(), json.files == pickled.files)\n"
    )
    names = (
        "home",
        "db_dsn",
        "s3_endpoint",
        "s3_access_key",
        "s3_secret_key",
        "s3_bucket_skills",
        "s3_bucket_executions",
    )
    ours = {f"SKILLBOX_{name.upper()}": str(getattr(store.settings, name)) for name in names}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], **ours},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "{'a': 1}\n[1, 2] True\n"), done.stderr


def test_what_changed_in_the_store_or_left_it_is_never_given(
    store: Installation, made: RunResult, tmp_path: Path
) -> None:
    bucket = store.artifacts._bucket

    def refused(kind: type[SkillboxError]) -> None:
        for read in (lambda: made.open("rows.csv"), lambda: made.download(tmp_path / "all")):
            with pytest.raises(kind):
                read()

    # Its rows differ, too: random bytes are mostly as long when they are packed, so that the same rows would lie at
    # the same place, and they would be what the skill left.
    store.registry.push("default", archive(tmp_path, "other", script=SCRIPT.replace("a,1", "z,9")))
    other = Runner(store).run(RunRequest(skill="other"))
    bucket.get(other.artifacts.key, tmp_path / "other")
    bucket.put(tmp_path / "other", made.artifacts.key)
    refused(ChangedObjectError)
    bucket.delete(made.artifacts.key)
    refused(StorageError)
    assert list(tmp_path.glob("all/**/*.*")) == []
