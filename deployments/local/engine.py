"""A container engine: one that answers is used as it is; else a private one is installed and started."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from deployments.local.common import (
    ENV_FILE,
    LOGS,
    STATE,
    SetupError,
    apt_install,
    is_root,
    running_daemon,
    short_folder,
    start_daemon,
    stop_daemon,
    tail,
)
from skillbox_core.base import env_file
from skillbox_core.base.engine_address import address_problem, engine_url
from skillbox_core.base.engine_http import connection, tls_problem

SYSTEM_SOCKET = "unix:///var/run/docker.sock"
NAME = "engine"


def check_speech(url: str) -> None:
    """Refuses an engine that can't be spoken to from here.

    Raises:
        SetupError: It is at tcp://, and the environment asks for TLS; or at ssh://, say.
    """
    if url and (refused := address_problem(url, {})):
        raise SetupError(f"{refused[0]}: {refused[1]}")
    if problem := tls_problem(url):
        raise SetupError(problem)


def answers(url: str) -> bool:
    """Whether an engine is there."""
    try:
        link = connection(url, 3.0)
        link.request("GET", "/_ping")
        return link.getresponse().read().strip() == b"OK"
    except (OSError, http.client.HTTPException):
        return False


def private_folder() -> Path:
    """Where the private engine keeps its sockets."""
    return short_folder(STATE / "engine")


def private_url() -> str:
    """Address of the private engine."""
    return f"unix://{private_folder() / 'docker.sock'}"


def _is_private(folder: Path) -> bool:
    """Whether a folder is this user's, and nobody else can put a socket into it."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def candidates() -> list[str]:
    """Where an engine may be, in the order of preference."""
    known = env_file.read(ENV_FILE).get("SKILLBOX_DOCKER_HOST", "")
    asked = os.environ.get("SKILLBOX_DOCKER_HOST", "")
    # Docker's own client would use its current context before the usual socket.
    docker = engine_url("", os.environ)
    urls = [asked, docker, known, SYSTEM_SOCKET, private_url()]
    # Its path can be guessed, and may lie where everybody can make a folder.
    strange = set() if _is_private(private_folder()) else {private_url()}
    return [url for url in dict.fromkeys(urls) if url and url not in strange]


def check_possible() -> None:
    """Refuses a machine that has no engine and can be given none.

    Raises:
        SetupError: With what to do.
    """
    if _find() is None and not (is_root() and shutil.which("apt-get")):
        raise SetupError(
            "no container engine answers. Install Docker Engine (https://docs.docker.com/engine/install/) and see that "
            "you may use its socket, or set SKILLBOX_DOCKER_HOST; as root on Debian or Ubuntu this set-up installs one"
        )


def _find() -> str | None:
    """The address of an engine that answers, None when none does.

    Raises:
        SetupError: None does at an address that somebody asked for.
    """
    asked = os.environ.get("SKILLBOX_DOCKER_HOST")
    check_speech(asked or os.environ.get("DOCKER_HOST", ""))
    # A shell that has read our own .env asks for the engine that was started here, and may have been stopped.
    if asked and asked != private_url() and not answers(asked):
        raise SetupError(f"no container engine answers at SKILLBOX_DOCKER_HOST={asked}")
    return next((url for url in candidates() if answers(url)), None)


def ensure_engine() -> tuple[str, str]:
    """The address of an engine that answers, and a word on where it came from.

    Raises:
        SetupError: There is none, and none can be installed.
    """
    check_possible()
    if url := _find():
        return url, "private" if url == private_url() else "found"
    missing = [
        p for p, program in (("docker.io", "dockerd"), ("mmdebstrap", "mmdebstrap")) if not shutil.which(program)
    ]
    if missing:
        apt_install(missing)
        # Where an init system runs, installing the engine may have started it.
        for _ in range(20 if Path("/run/systemd/system").is_dir() else 1):
            if answers(SYSTEM_SOCKET):
                return SYSTEM_SOCKET, "installed"
            time.sleep(0.25)
    return start_private(), "started"


def start_private() -> str:
    """Starts the private engine and waits until it answers."""
    url, folder = private_url(), private_folder()
    if running_daemon(NAME) is None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_private(folder):
            raise SetupError(f"{folder} is not a folder of this user alone: see whose it is, and remove it")
        if not answers(url):
            _forget_pids(folder)
        start_daemon(
            NAME,
            [
                # Skills have no network, so the engine needs none.
                *("dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false"),
                *("--data-root", str(STATE / "engine" / "data"), "--exec-root", str(folder / "exec")),
                *("--host", url, "--pidfile", str(folder / "docker.pid")),
            ],
        )
    give_up = time.monotonic() + 60
    while not answers(url):
        if running_daemon(NAME) is None or time.monotonic() > give_up:
            log = LOGS / f"{NAME}.log"
            raise SetupError(f"the container engine did not start; the log is {log}:\n{tail(log)}")
        time.sleep(0.1)
    return url


def _forget_pids(folder: Path) -> None:
    """Removes what a killed engine noted, since it does not start while any process has its old number."""
    ours = [os.fsencode(place) for place in (STATE / "engine" / "data", folder)]
    for note in (folder / "docker.pid", folder / "exec" / "containerd" / "containerd.pid"):
        try:
            command = Path(f"/proc/{int(note.read_text())}/cmdline").read_bytes()
        except (OSError, ValueError):
            command = b""
        if not any(place in command for place in ours):
            note.unlink(missing_ok=True)


def stop_private() -> bool:
    """Removes the sandboxes of the private engine and stops it, if it was started here."""
    if running_daemon(NAME) is None:
        return stop_daemon(NAME)
    url = private_url()
    try:
        for container in call(
            url, "GET", "/containers/json?all=1&filters=" + quote('{"label":["managed-by=skillbox"]}')
        ):
            call(url, "DELETE", f"/containers/{container['Id']}?force=1&v=1")
    except (OSError, http.client.HTTPException, SetupError):
        pass
    return stop_daemon(NAME)


def unmount_leftovers() -> None:
    """Takes down mounts that a killed private engine left, so that its folders can be deleted."""
    unmount_below(STATE / "engine", private_folder())


def unmount_below(*folders: Path) -> None:
    """Takes down all mounts below some folders."""
    below = tuple(f"{folder}/" for folder in folders)
    points = mount_points(Path("/proc/mounts").read_text())
    for point in sorted((p for p in points if p.startswith(below)), reverse=True):
        subprocess.run(["umount", "--lazy", point], stderr=subprocess.DEVNULL)


def mount_points(mounts: str) -> list[str]:
    """Where things are mounted, from the text of `/proc/mounts`, which has a blank as `\\040` (proc_pid_mounts(5))."""
    points = (line.split(" ")[1] for line in mounts.splitlines())
    return [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point) for point in points]


def call(url: str, method: str, path: str, body: object = None, timeout: float = 60.0) -> list[dict[str, object]]:
    """One call of the engine's API; the answer's JSON documents, a progress stream's included.

    Raises:
        SetupError: The engine refused, or its progress stream reports an error.
    """
    link = connection(url, timeout)
    headers = {"Content-Type": "application/x-tar"} if body is not None else {}
    link.request(method, path, body=body, headers=headers, encode_chunked=False)  # type: ignore[arg-type]
    answer = link.getresponse()
    data = answer.read().decode()
    if answer.status >= 400:
        raise SetupError(f"the engine answered {answer.status}: {data.strip()[:300]}")
    documents = list(_documents(data))
    for document in documents:
        if "error" in document:
            raise SetupError(str(document["error"]))
    return documents


def _documents(data: str) -> Iterable[dict[str, object]]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(data):
        if data[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(data, at)
        yield from value if isinstance(value, list) else [value]
