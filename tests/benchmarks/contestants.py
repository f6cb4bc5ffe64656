"""Who does the little job with no package between: `docker run --rm`, the original's calls, and the command of ours.

The first two have removed their container when they come back, so that this is in their turn.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Mapping, Sequence

from docker import APIClient, DockerClient

from tests.benchmarks import job
from tests.benchmarks.ground import Ground
from tests.benchmarks.names import COMMAND, DOCKER_RUN, ORIGINAL
from tests.benchmarks.programs import environment_of
from tests.benchmarks.turns import Contestant, TurnError
from tests.services.commands import PROGRAM


def docker_run(ground: Ground, name: str = DOCKER_RUN) -> Contestant:
    """`docker run --rm` of the same image: by the command where it is installed, else by its library."""
    return Contestant(name, run_program(ground))


def run_program(ground: Ground) -> Callable[[], None]:
    """Does it once, for a contestant of its own."""
    if not shutil.which("docker"):
        client = DockerClient(ground.engine_url)
        return lambda: check(
            client.containers.run(
                ground.image, ["python3", "-c", job.program()], remove=True, network_mode="none", stderr=True
            ).decode()
        )
    command = ["docker", "--host", ground.engine_url, "run", "--rm", "--network", "none", ground.image]
    command += ["python3", "-c", job.program()]

    return program(command, {}, "docker run")


def skillbox_run(ground: Ground) -> Contestant:
    """`skillbox run` as a user times it: a program that starts, loads and connects, as `docker run` is."""
    settings = ground.runner.installation.settings
    variables = {
        "SKILLBOX_HOME": str(settings.home),
        "SKILLBOX_INSTANCE": settings.instance,
        # Empty, not left out: those of this checkout's own installation are in the environment.
        "SKILLBOX_DB_DSN": settings.db_dsn,
        "SKILLBOX_S3_ENDPOINT": settings.s3_endpoint,
    }
    command = [PROGRAM, "run", "word-count", "--input", json.dumps(job.INPUT), "--cpu", ground.cpu]
    return Contestant(COMMAND, program(command, variables, "skillbox run"), ground.settle)


def program(command: Sequence[str], variables: Mapping[str, str], name: str) -> Callable[[], None]:
    """Starts a program that does the job and prints its answer."""

    def turn() -> None:
        done = subprocess.run(
            command,
            env=environment_of(os.environ, variables),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise TurnError(f"`{name}` ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        check(done.stdout)

    return turn


def original(ground: Ground) -> Contestant:
    """The calls that the original makes for a run: create, copy in, start, wait, logs, copy out, remove."""
    client = APIClient(ground.engine_url, version="auto")
    delivery = _tar(
        {"sandbox/scripts/main.py": (job.SKILL / "main.py").read_bytes(), "sandbox/input.json": _document()}
    )
    limits = client.create_host_config(
        network_mode="none",
        mem_limit="128m",
        cpu_period=100_000,
        cpu_quota=int(float(ground.cpu) * 100_000),
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        pids_limit=128,
    )

    def turn() -> None:
        name = f"skillbox-bench-{uuid.uuid4().hex[:12]}"
        made = client.create_container(
            ground.image,
            ["python3", "/sandbox/scripts/main.py"],
            name=name,
            environment={"SANDBOX_OUTPUT": "/sandbox/out/output.json"},
            host_config=limits,
        )["Id"]
        try:
            client.put_archive(made, "/", delivery)
            client.start(made)
            code = client.wait(made)["StatusCode"]
            logs = client.logs(made).decode()
            if code:
                raise TurnError(f"the original's calls: the script ended with {code}: {logs[-500:]}")
            stream, _ = client.get_archive(made, "/sandbox/out")
            with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
                file = archive.extractfile("out/output.json")
                assert file is not None
                check(file.read().decode())
        finally:
            client.remove_container(made, force=True, v=True)

    return Contestant(ORIGINAL, turn)


def check(said: str) -> None:
    """Refuses what is not the job's answer.

    Raises:
        TurnError: With what was said.
    """
    if job.ANSWER not in said:
        raise TurnError(f"the job did not answer: {said[-500:]}")


def _document() -> bytes:
    return json.dumps(job.INPUT).encode()


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, contents in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(contents), 0o644
            archive.addfile(info, io.BytesIO(contents))
    return packed.getvalue()
