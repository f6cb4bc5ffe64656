"""Packages that run a program in a container, each in an environment and a process of its own.

A process stays up and does the little job each time it is asked, so that imports and connections are not measured. It
is asked by a line on stdin, and answers with a line of JSON when its caller would have the result, and with another one
when it has cleared up.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import uv

from skillbox_core.environments.uv import uv_environment
from tests.benchmarks.turns import Contestant, TurnError

HERE = Path(__file__).parent
LOOP = HERE / "loop.py"
LABEL = "skillbox.bench"
"""On every container of a peer; one that it leaves is found by it, and removed."""


@dataclass(frozen=True)
class Peer:
    """A package and a way to use it.

    Attributes:
        environment: Names its pinned requirements, and the environment that is made of them.
        script: The file here that drives it.
        package: Whose version is said.
        clears: Whether its container is removed before its caller has the result, so that this is in its turn.
    """

    name: str
    environment: str
    script: str
    package: str
    clears: bool = False


PEERS = (
    Peer("Airflow's DockerOperator", "airflow", "docker_operator.py", "apache-airflow-providers-docker", clears=True),
    Peer("Dagster's PipesDockerClient", "dagster", "pipes_client.py", "dagster-docker"),
    Peer("prefect-docker's tasks", "prefect-docker", "container_tasks.py", "prefect-docker"),
    Peer("llm-sandbox", "llm-sandbox", "sandbox_session.py", "llm-sandbox"),
    Peer("llm-sandbox with its pool, containers used again", "llm-sandbox", "sandbox_pool.py", "llm-sandbox"),
    Peer("AutoGen's executor", "autogen", "code_executor.py", "autogen-ext"),
)


class PeerUnavailableError(Exception):
    """A peer can't be had; the message says why."""


def requirements(environment: str) -> Path:
    """The pinned requirements of an environment."""
    return HERE / f"{environment}.txt"


def version(peer: Peer) -> str:
    """The peer's version, as it is pinned."""
    lines = requirements(peer.environment).read_text("utf-8").splitlines()
    return next(line.partition("==")[2].split()[0] for line in lines if line.startswith(f"{peer.package}=="))


def make_environment(environment: str, place: Path) -> Path:
    """The Python of an environment with the pinned packages; one that is there and current is used again.

    Args:
        place: The folder for all of them.

    Raises:
        PeerUnavailableError: No index answers, or it has not what is pinned.
    """
    folder, pinned = place / environment, requirements(environment)
    python, stamp = folder / "bin" / "python", folder / "stamp"
    wanted = hashlib.sha256(pinned.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    program = uv.find_uv_bin()
    alone = ["--quiet", "--no-config", "--no-progress"]
    for command in (
        [program, "venv", *alone, "--clear", "--python", sys.executable, str(folder)],
        [
            *(program, "pip", "install", *alone, "--python", str(python)),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", str(pinned)),
        ],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=uv_environment(os.environ))
        if done.returncode:
            raise PeerUnavailableError(f"its packages can't be had: {' '.join(done.stderr.split())[-300:]}")
    stamp.write_text(wanted)
    return python


class Driven:
    """A peer's process.

    Args:
        patience: Seconds that it has to clear up when it is ended; some stop a container in ten.
    """

    def __init__(self, process: subprocess.Popen[str], patience: float = 60.0) -> None:
        self._process, self._patience = process, patience

    def hear(self) -> None:
        """Waits for its next word.

        Raises:
            TurnError: It says that it failed, or ended.
        """
        stream: IO[str] | None = self._process.stdout
        assert stream is not None
        line = stream.readline()
        if not line:
            raise TurnError(f"its process ended with {self._process.wait()}")
        problem = json.loads(line)["problem"]
        if problem:
            raise TurnError(problem)

    def turn(self) -> None:
        """Has it do the job once, to its answer; `hear` then waits until the peer has cleared up.

        Raises:
            TurnError: It failed.
        """
        stream: IO[str] | None = self._process.stdin
        assert stream is not None
        try:
            stream.write("turn\n")
            stream.flush()
        except BrokenPipeError:
            raise TurnError(f"its process ended with {self._process.wait()}") from None
        self.hear()

    def end(self) -> None:
        """Lets it clear up, and waits until it has ended."""
        try:
            self._process.communicate(timeout=self._patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


@contextmanager
def driven(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[Driven]:
    """Starts a peer's process, and ends it.

    Raises:
        PeerUnavailableError: It doesn't come up; with what it said.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
    peer = Driven(process)
    try:
        try:
            peer.hear()
        except TurnError as error:
            raise PeerUnavailableError(f"{error}; {' '.join(log.read_text(errors='replace').split())[-300:]}") from None
        yield peer
    finally:
        peer.end()


@contextmanager
def contestants(
    place: Path, engine_url: str, image: str, program: str, scratch: Path, mark: str
) -> Iterator[tuple[list[Contestant], dict[str, str]]]:
    """All peers that can be had, ready for their turns; and why the others can't be had, by name.

    Args:
        place: Where their environments lie.
        program: The Python program that each runs.
        scratch: For their homes and logs.
        mark: The value of the label on their containers.
    """
    ready, missing = [], {}
    file = scratch / "job.py"
    file.write_text(program, encoding="utf-8")
    with ExitStack() as stack:
        for number, peer in enumerate(PEERS):
            home = scratch / f"peer-{number}"
            home.mkdir()
            environment = {
                **{key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "PYTHON"))},
                **{"HOME": str(home), "AIRFLOW_HOME": str(home), "DAGSTER_HOME": str(home), "PREFECT_HOME": str(home)},
                **{"DOCKER_HOST": engine_url, "DO_NOT_TRACK": "1", "NO_COLOR": "1", "TMPDIR": str(home)},
            }
            given = json.dumps({"image": image, "program": str(file), "label": {LABEL: mark}, "home": str(home)})
            try:
                python = make_environment(peer.environment, place)
                command = [str(python), "-P", str(LOOP), str(HERE / peer.script), given]
                process = stack.enter_context(driven(command, environment, home / "log"))
            except PeerUnavailableError as error:
                missing[peer.name] = str(error)
                continue
            ready.append(Contestant(peer.name, process.turn, process.hear))
        yield ready, missing
