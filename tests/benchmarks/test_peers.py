"""Peers: what is pinned, and how a process of one is driven, with scripts in the place of a package's."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from docker.models.containers import ContainerCollection

from tests.benchmarks import job, peers
from tests.benchmarks.peers import PEERS, Driven, Peer, PeerUnavailableError, driven, make_environment
from tests.benchmarks.peers.loop import ANSWER, Task
from tests.benchmarks.turns import TurnError

SCRIPT = """
from contextlib import contextmanager

@contextmanager
def opened(task):
    print("a package's chatter")
    turns = iter(TURNS)
    def turn():
        what = next(turns)
        print("more of it")
        if what == "raise":
            raise RuntimeError("no engine")
        if what == "exit":
            raise SystemExit(3)
        yield what
        if what.endswith("late"):
            raise RuntimeError("not cleared up")
    yield turn
"""


def start(folder: Path, *turns: str, script: str = SCRIPT) -> list[str]:
    (folder / "script.py").write_text(script.replace("TURNS", repr(list(turns))))
    (folder / "job.py").write_text(job.program())
    given = json.dumps({"image": "x", "program": str(folder / "job.py"), "label": {}, "home": str(folder)})
    return [sys.executable, "-P", str(peers.LOOP), str(folder / "script.py"), given]


@pytest.mark.parametrize("environment", sorted({peer.environment for peer in PEERS}))
def test_requirements_are_pinned_by_hash_and_say_nothing_of_where_they_come_from(environment: str) -> None:
    text = peers.requirements(environment).read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_each_peer_has_its_script_and_the_version_that_is_said(peer: Peer) -> None:
    assert (peers.HERE / peer.script).is_file()
    assert re.fullmatch(r"[0-9.]+", peers.version(peer))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_each_peer_is_told_to_have_no_network_and_the_label(peer: Peer) -> None:
    script = (peers.HERE / peer.script).read_text("utf-8")
    assert re.search(r"""network_mode"?[=:] ?"none\"""", script)
    assert "task.label" in script


def test_the_container_of_autogen_is_created_without_a_network_and_with_the_label(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    created: list[dict[str, object]] = []

    class Executor:
        """Creates its container as AutoGen's does."""

        def __init__(self, image: str, name: str, *, work_dir: str) -> None:
            self._image, self._name = image, name

        async def start(self) -> None:
            ContainerCollection().create(self._image, name=self._name, tty=True)

        async def execute_code_blocks(self, blocks: object, token: object) -> mock.Mock:
            return mock.Mock(output=ANSWER)

        async def stop(self) -> None: ...

    for name in ("autogen_core", "autogen_core.code_executor", "autogen_ext.code_executors.docker"):
        monkeypatch.setitem(sys.modules, name, mock.Mock(DockerCommandLineCodeExecutor=Executor))
    for name in ("autogen_ext", "autogen_ext.code_executors"):
        monkeypatch.setitem(sys.modules, name, mock.Mock())

    def create(self: ContainerCollection, image: str, **named: object) -> None:
        created.append({"image": image, **named})

    monkeypatch.setattr(ContainerCollection, "create", create)
    opened = runpy.run_path(str(peers.HERE / "code_executor.py"))["opened"]
    with opened(Task("an-image", "print(1)", {peers.LABEL: "mark"}, str(tmp_path))) as turn:
        assert list(turn()) == [ANSWER]
    (found,) = created
    assert found.pop("name")
    assert found == {"image": "an-image", "tty": True, "network_mode": "none", "labels": {peers.LABEL: "mark"}}
    assert ContainerCollection.create is create


def test_the_job_answers_what_is_looked_for() -> None:
    assert job.ANSWER == ANSWER
    compile(job.program(), "job.py", "exec")


def test_a_turn_is_done_when_the_answer_is_there_and_settled_when_it_is_cleared_up(tmp_path: Path) -> None:
    with driven(start(tmp_path, ANSWER, ANSWER), {}, tmp_path / "log") as process:
        for _ in range(2):
            process.turn()
            process.hear()
    assert "a package's chatter" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("what", "message"),
    [("raise", "RuntimeError: no engine"), ("nothing of note", "the job did not answer: nothing of note")],
)
def test_a_turn_that_fails_says_why_and_the_next_one_is_done(tmp_path: Path, what: str, message: str) -> None:
    with driven(start(tmp_path, what, ANSWER), {}, tmp_path / "log") as process:
        with pytest.raises(TurnError, match=message):
            process.turn()
        process.turn()
        process.hear()


def test_one_that_does_not_clear_up_has_failed(tmp_path: Path) -> None:
    with driven(start(tmp_path, f"{ANSWER} late"), {}, tmp_path / "log") as process:
        process.turn()
        with pytest.raises(TurnError, match="not cleared up"):
            process.hear()


def test_a_process_that_ends_in_a_turn_has_failed(tmp_path: Path) -> None:
    with driven(start(tmp_path, "exit", ANSWER), {}, tmp_path / "log") as process:
        with pytest.raises(TurnError, match="its process ended with 3"):
            process.turn()
        with pytest.raises(TurnError, match="its process ended with 3"):
            process.turn()


def test_a_package_that_does_not_come_up_is_not_there(tmp_path: Path) -> None:
    broken = "raise ImportError('no such module')"
    with (
        pytest.raises(PeerUnavailableError, match=r"its process ended with 1; .*no such module"),
        driven(start(tmp_path, script=broken), {}, tmp_path / "log"),
    ):
        pass


def test_packages_that_no_index_gives_are_said_and_nothing_is_kept_for_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    pinned = tmp_path / "pinned.txt"
    pinned.write_text(f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(peers, "requirements", lambda _: pinned)
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(PeerUnavailableError, match=r"its packages can't be had: .*no-such-package"):
        make_environment("some", tmp_path)
    assert not (tmp_path / "some" / "stamp").exists()


def test_an_environment_that_is_current_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = tmp_path / "pinned.txt"
    pinned.write_text("")
    monkeypatch.setattr(peers, "requirements", lambda _: pinned)
    python = make_environment("some", tmp_path)
    assert subprocess.run([python, "-c", ""]).returncode == 0
    (python.parent / "mark").touch()
    assert make_environment("some", tmp_path) == python
    assert (python.parent / "mark").exists()
    pinned.write_text("# another one\n")
    make_environment("some", tmp_path)
    assert not (python.parent / "mark").exists()


def test_the_end_of_a_process_that_hangs_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    Driven(process, patience=0.2).end()
    assert process.returncode == -9
