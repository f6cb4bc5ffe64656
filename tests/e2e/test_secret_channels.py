"""Canaries through every channel by which a secret comes in, looked for in every place that something goes out."""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tblib.pickling_support
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import State

from prefect_skillbox import skill
from skillbox_core import Runner, RunRequest, Settings
from skillbox_core.errors import SkillboxError
from skillbox_core.storage.database import Database
from skillbox_core.storage.objects import Bucket
from tests.conftest import MakeSkill

ENV_SECRET = "env-canary-8c1d-not-a-real-secret"
INPUT_SECRET = "input-canary-51aa-not-a-real-secret"
PASSWORD = "dsn-canary-77fe-not-a-real-secret"
S3_SECRET = "s3-canary-40b2-not-a-real-secret"

LIVES = """
import json, os, time
open("/sandbox/out/files/f", "w").write("x")
json.dump(len(os.environ["API_KEY"]), open("/sandbox/out/output.json", "w"))
print("alive", flush=True)
time.sleep(3)
"""


def processes() -> Iterator[tuple[int, str, bytes]]:
    """What each process of this machine shows to root: its arguments and its environment."""
    for folder in Path("/proc").iterdir():
        for name in ("cmdline", "environ"):
            try:
                yield int(folder.name), name, (folder / name).read_bytes()
            except (ValueError, OSError):
                continue


class Watch(threading.Thread):
    """Looks at the engine, the processes and the temporary files for as long as a sandbox of a skill is there."""

    def __init__(self, runner: Runner, name: str, folder: Path) -> None:
        super().__init__(daemon=True)
        self.engine, self.name, self.folder = runner.installation.engine, name, folder
        self.root = Path(str(self.engine.info()["DockerRootDir"])) / "containers"
        self.seen: dict[str, str] = {}
        self.holders: set[str] = set()

    def run(self) -> None:
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            found = self.engine.containers({"skillbox.skill": f"{self.name}@1.0.0"})
            if not found and self.seen:
                return
            for container in found:
                self._look(str(container["Id"]))

    def _look(self, container: str) -> None:
        try:
            self.seen["inspect"] = json.dumps(self.engine.inspect(container))
            self.seen["log"] = b"".join(self.engine.logs(container)).decode(errors="replace")
        except SkillboxError:
            return
        for place in (self.root / container, self.folder):
            for path in place.rglob("*"):
                try:
                    self.seen[str(path)] = path.read_bytes().decode(errors="replace")
                except OSError:
                    continue
        for pid, kind, data in processes():
            if ENV_SECRET.encode() in data or INPUT_SECRET.encode() in data:
                self.holders.add("skill" if self._in(pid, container) else f"{kind} of process {pid}")

    @staticmethod
    def _in(pid: int, container: str) -> bool:
        try:
            return container in Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            return True


def files_with(secret: str, *folders: Path) -> list[str]:
    """Files that hold a text, found by another process: to open and close SQLite's files here would drop its locks."""
    command = ["grep", "--recursive", "--files-with-matches", "--binary-files=text", "--fixed-strings", "-e", secret]
    return subprocess.run([*command, *map(str, folders)], capture_output=True, text=True).stdout.splitlines()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place for temporary files while a test runs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def prefect_knows(run_id: uuid.UUID) -> str:
    """Everything that the server has about a flow run, as text."""
    by_run = {"flow_runs": {"id": {"any_": [str(run_id)]}}}
    logs = {"logs": {"flow_run_id": {"any_": [str(run_id)]}}, "limit": 200}
    events = {"filter": {"related": {"id": [f"prefect.flow-run.{run_id}"]}}, "limit": 50}
    artifacts = {"artifacts": {"flow_run_id": {"any_": [str(run_id)]}}}
    with get_client(sync_client=True) as client:

        def ask(path: str, body: Any) -> Any:
            return client._client.post(path, json=body).json()

        give_up = time.monotonic() + 60
        while True:
            parts = {
                "flow runs": ask("/flow_runs/filter", by_run),
                "task runs": ask("/task_runs/filter", by_run),
                "logs": ask("/logs/filter", logs),
                "artifacts": ask("/artifacts/filter", artifacts),
                "events": ask("/events/filter", events).get("events"),
            }
            # The server hears of some of it a moment later.
            if all(parts.values()) and "alive" in json.dumps(parts["logs"]):
                return json.dumps(parts)
            assert time.monotonic() < give_up, {name: bool(part) for name, part in parts.items()}
            time.sleep(0.2)


@pytest.mark.parametrize("driver", ["core", "flow"])
def test_a_value_of_the_environment_is_only_where_the_skill_is(
    runner: Runner, make_skill: MakeSkill, temporary: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, driver: str,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SKILLBOX_HOME", str(runner.installation.settings.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", runner.installation.settings.instance)
    name = make_skill(LIVES)
    watch = Watch(runner, name, temporary)
    watch.start()
    request = RunRequest(skill=name, input={"secret": INPUT_SECRET}, env={"API_KEY": ENV_SECRET})
    shown = {"request": f"{request!r} {request}"}
    if driver == "core":
        result = runner.run(request)
    else:
        task = skill(name, env={"API_KEY": ENV_SECRET})

        @flow
        def uses() -> Any:
            return task({"secret": INPUT_SECRET})

        state: State[Any] = uses(return_state=True)
        result = state.result()
        assert state.state_details.flow_run_id is not None
        shown |= {"task": repr(task), "prefect": prefect_knows(state.state_details.flow_run_id)}
    watch.join(60)
    assert result.ok, result

    assert watch.holders == {"skill"}, "the watch must have seen it where it belongs, and nowhere else"
    row = runner.installation.executions.get("default", result.execution_id)
    shown |= {
        **watch.seen,
        "record": row.model_dump_json(),
        "result": result.model_dump_json() + repr(result),
        "python's log": caplog.text,
    }
    folders = (runner.installation.settings.home, temporary)
    assert [place for place, text in shown.items() if ENV_SECRET in text] + files_with(ENV_SECRET, *folders) == []
    # The input is what the record is about; beside that it is nowhere either.
    database = set(map(str, runner.installation.settings.home.glob("skillbox.db*")))
    assert {place for place, text in shown.items() if INPUT_SECRET in text} == {"record", "request"}
    assert set(files_with(INPUT_SECRET, *folders)) - database == set()
    assert database.intersection(files_with(INPUT_SECRET, *folders)), "the search must find what is there"


def everything(error: BaseException) -> str:
    """What anybody could see of an error: its text, its representation, its traceback, a pickle of it.

    The pickle is made as Dask makes it, with the errors before it and the tracebacks.
    """
    tblib.pickling_support.install()
    return "\n".join([str(error), repr(error), *traceback.format_exception(error), str(pickle.dumps(error))])


S3 = {"s3_endpoint": "127.0.0.1:1", "s3_access_key": "key", "s3_secret_key": S3_SECRET}


@pytest.mark.parametrize(
    "action",
    [
        lambda _: Database(f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:1/none").session().__enter__(),
        lambda _: Database(f"postgresql+psycopg://user:{PASSWORD}@127.0.0.1:port/none"),
        lambda _: Database(f"postgresql+psycopg://user:1@{PASSWORD}@127.0.0.1/none"),
        lambda _: Database(f"postgresql+psycopg://user:1@2:{PASSWORD}@127.0.0.1/none"),
        lambda _: Database(f"postgresql+psycopg//user:{PASSWORD}@host/none"),
        lambda _: Database(f"nosuch://user:{PASSWORD}@host/none"),
        lambda s: Bucket(s.model_copy(update=S3), "skills").names(""),
        lambda s: Bucket(s.model_copy(update=S3), "skills").check(),
    ],
)  # fmt: skip
def test_an_error_of_the_database_or_the_store_shows_no_secret(
    installation: Settings, action: Callable[[Settings], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SkillboxError) as caught:
        action(installation)
    shown = everything(caught.value)
    assert PASSWORD not in shown
    assert S3_SECRET not in shown


def test_nothing_that_holds_the_settings_shows_their_secrets(installation: Settings, tmp_path: Path) -> None:
    settings = installation.model_copy(
        update={**S3, "db_dsn": f"postgresql://user:{PASSWORD}@127.0.0.1:1/none", "home": tmp_path}
    )
    runner = Runner.from_settings(settings)
    shown = " ".join(
        map(
            repr,
            (
                settings,
                runner,
                runner.installation.executions,
                runner.installation.registry,
                runner.installation.artifacts,
            ),
        )
    )
    shown += f"{settings} {runner.installation.executions._database.description}"
    assert PASSWORD not in shown
    assert S3_SECRET not in shown


@pytest.mark.parametrize(
    "command", [["doctor"], ["doctor", "--json"], ["health"], ["run", "word-count"], ["exec", "list"]]
)
def test_no_command_shows_them_even_when_all_fails(cli_environment: dict[str, str], command: list[str]) -> None:
    environment = {
        **cli_environment,
        "SKILLBOX_DB_DSN": f"postgresql://user:{PASSWORD}@127.0.0.1:1/none",
        "AWS_MAX_ATTEMPTS": "1",
        **{f"SKILLBOX_{name.upper()}": value for name, value in S3.items()},
    }
    skillbox = str(Path(sys.executable).parent / "skillbox")
    done = subprocess.run([skillbox, *command], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 4, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    assert S3_SECRET not in done.stdout + done.stderr
