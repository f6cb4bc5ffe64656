"""What all parts of the set-up share: places, messages, processes that outlive it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from skillbox_core.base import env_file

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".skillbox"
VENV = ROOT / ".venv"
LOGS = STATE / "log"
ENV_FILE = STATE / ".env"

SOCKET_PATH_LIMIT = 100
"""The kernel takes 107 bytes for a Unix socket's path; the engine makes longer ones of its own below it."""

_printing = threading.Lock()


class SetupError(Exception):
    """The set-up can't go on; the message says what to do."""


def say(text: str) -> None:
    """One line for the reader."""
    with _printing:
        print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[list[str]]:
    """Times a part of the set-up; what is put into the list is shown as what was found."""
    began = time.monotonic()
    found: list[str] = []
    yield found
    tick = "✓" if (sys.stdout.encoding or "").lower().startswith("utf") else "ok"
    say(f"{tick} {title:<10} {'; '.join(found)} ({time.monotonic() - began:.1f} s)")


def is_root() -> bool:
    """Whether packages can be installed and an engine started."""
    return os.geteuid() == 0


def project_hash() -> str:
    """Tells checkouts on one machine apart."""
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]


def short_folder(wanted: Path) -> Path:
    """The wanted folder, or a private one with a short path when a socket in it would have too long a path."""
    if len(str(wanted)) + len("/docker.sock") <= SOCKET_PATH_LIMIT - 40:
        return wanted
    base = Path("/run") if is_root() and Path("/run").is_dir() else Path(tempfile.gettempdir())
    return base / f"skillbox-{project_hash()}"


def tail(path: Path, lines: int = 15) -> str:
    """The end of a log file, indented."""
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def apt_install(packages: Sequence[str]) -> None:
    """Installs Debian packages without the services they would start; raises `SetupError` with the log's end."""
    log = LOGS / "apt.log"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log.open("ab") as out:
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-qy", "--no-install-recommends", *packages],
        ):
            if subprocess.run(command, stdout=out, stderr=out, env=environment, stdin=subprocess.DEVNULL).returncode:
                raise SetupError(f"{' '.join(command)} failed; the log is {log}:\n{tail(log)}")


# --- processes that go on after the set-up ends


def process_birth(pid: int) -> str | None:
    """When a process started, in clock ticks since boot: with its number this names it for good."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] == "Z" else fields[19]


def start_daemon(name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Starts a process in a session of its own and remembers it."""
    log = LOGS / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=ROOT,
            env=dict(environment) if environment is not None else None,
        )
    note = STATE / "run" / f"{name}.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"pid": process.pid, "birth": process_birth(process.pid)}))
    return process.pid


def running_daemon(name: str) -> int | None:
    """The number of a process that `start_daemon` started and that still runs."""
    try:
        note = json.loads((STATE / "run" / f"{name}.json").read_text())
    except (OSError, ValueError):
        return None
    pid, birth = note.get("pid"), note.get("birth")
    return int(pid) if birth and process_birth(int(pid)) == birth else None


def stop_daemon(name: str, patience: float = 20.0) -> bool:
    """Ends a process that `start_daemon` started, with its session; False when there is none."""
    pid = running_daemon(name)
    if pid is None:
        (STATE / "run" / f"{name}.json").unlink(missing_ok=True)
        return False
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + patience
    while process_birth(pid) and time.monotonic() < give_up:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
        time.sleep(0.1)
    try:
        # Its session is its own; what is left of it, a child that did not listen, goes now.
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    (STATE / "run" / f"{name}.json").unlink(missing_ok=True)
    return True


def write_env(values: Mapping[str, str], managed: Sequence[str]) -> None:
    """Updates the installation's `.env`, whole or not at all.

    Raises:
        SetupError: A value has no form that a shell and python-dotenv read alike.
    """
    try:
        env_file.write(ENV_FILE, values, managed)
    except ValueError as error:
        raise SetupError(str(error)) from None
