"""A Prefect server: one that answers is used; else one is started on SQLite."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from deployments.local.common import (
    ENV_FILE,
    LOGS,
    STATE,
    VENV,
    SetupError,
    running_daemon,
    start_daemon,
    stop_daemon,
    tail,
)
from skillbox_core.base import env_file
from skillbox_core.base.http_address import prefect_headers
from skillbox_core.base.text import without_user

NAME = "prefect"
FIRST_PORT = 4200
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
}

SERVER = {
    **QUIET,
    # In memory, the default, leases are lost with the server's process, but not the slots that they took.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # By default each state of a task run is a transaction of its own. The recorder's interval is cut to whole seconds:
    # with less than one it would never sleep.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
}
"""What a server needs for many skills."""


def answers(api: str, credentials: Mapping[str, str] | None = None) -> bool:
    """Whether a Prefect 3 server is at this API address.

    Args:
        credentials: Variables as Prefect names them, `PREFECT_API_AUTH_STRING` and `PREFECT_API_KEY`.

    Raises:
        SetupError: A server is there and refuses the credentials.
    """
    bare, headers = prefect_headers(api, credentials or {})
    parts = urlsplit(bare)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        link = kind(parts.netloc, timeout=3.0)
        link.request("GET", f"{parts.path}/admin/version", headers=headers)
        answer = link.getresponse()
        status, body = answer.status, answer.read()
        if status not in (401, 403):
            return status == 200 and str(json.loads(body)).startswith("3.")
    except (OSError, ValueError, http.client.HTTPException):
        return False
    raise SetupError(
        f"a server is at {bare} and refuses the credentials: set PREFECT_API_KEY or PREFECT_API_AUTH_STRING"
    )


def existing_server() -> str | None:
    """The API address of a server that is there.

    Raises:
        SetupError: None is at the address that was asked for, or one refuses the credentials.
    """
    lines = env_file.read(ENV_FILE)
    values = {**lines, **os.environ}
    asked, known = os.environ.get("PREFECT_API_URL", ""), lines.get("PREFECT_API_URL", "")
    named = asked or known
    if named and answers(named, values):
        return named
    # A shell that has read our own lines asks for the server that was started here, and may have been stopped.
    if asked and not (asked == known and urlsplit(asked).hostname == "127.0.0.1"):
        raise SetupError(
            f"no Prefect server answers at PREFECT_API_URL={without_user(asked)}; unset it, and one is started here"
        )
    usual = f"http://127.0.0.1:{FIRST_PORT}/api"
    try:
        # Nobody named it, so it is shown no credentials; one that wants some is somebody else's.
        return usual if answers(usual) else None
    except SetupError:
        return None


def database_setting(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Where the server keeps its database, if Prefect would not find that out: its URL of a path ends at a ?.

    Args:
        home: Prefect's home.
    """
    name = "PREFECT_API_DATABASE_CONNECTION_URL"
    if "?" not in str(home) or name in environment:
        return {}
    return {name: f"sqlite+aiosqlite:///file:{quote(str(home / 'prefect.db'))}?uri=true"}


def free_port(first: int = FIRST_PORT) -> int:
    """The first free port on the loopback interface."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SetupError(f"no free port from {first} to {first + 99} for the Prefect server")


def ensure_server() -> tuple[dict[str, str], str]:
    """What processes need to know of the server, and a word on where it came from.

    Raises:
        SetupError: It did not start.
    """
    home = STATE / "prefect"
    api = existing_server()
    ours = {"PREFECT_HOME": str(home)} if running_daemon(NAME) is not None else {}
    if api:
        return {"PREFECT_API_URL": api, **ours, **QUIET}, f"found {without_user(api)}"
    stop_daemon(NAME)
    port = free_port(urlsplit(os.environ.get("PREFECT_API_URL", "")).port or FIRST_PORT)
    api = f"http://127.0.0.1:{port}/api"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **SERVER,
        "PREFECT_HOME": str(home),
        "PREFECT_UI_API_URL": api,
        **database_setting(home, os.environ),
    }
    environment.pop("PREFECT_API_URL", None)
    start_daemon(
        NAME,
        [str(VENV / "bin" / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        environment,
    )
    give_up = time.monotonic() + 120
    while not answers(api, os.environ):
        if running_daemon(NAME) is None or time.monotonic() > give_up:
            log = LOGS / f"{NAME}.log"
            raise SetupError(f"the Prefect server did not start; the log is {log}:\n{tail(log)}")
        time.sleep(0.2)
    return {"PREFECT_API_URL": api, "PREFECT_HOME": str(home), **QUIET}, f"started {api}"
