"""A Prefect server: one that answers is used; else one is started on SQLite."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from urllib.parse import urlsplit

from deployments.local.common import (
    ENV_FILE,
    LOGS,
    STATE,
    VENV,
    SetupError,
    parse_env,
    running_daemon,
    start_daemon,
    stop_daemon,
    tail,
)

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
    # By default each state of a task run is a transaction of its own.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "0.5",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
}
"""What a server needs for many skills."""


def answers(api: str) -> bool:
    """Whether a Prefect 3 server is at this API address."""
    parts = urlsplit(api)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        link = kind(parts.netloc, timeout=3.0)
        link.request("GET", f"{parts.path}/admin/version")
        answer = link.getresponse()
        return answer.status == 200 and str(json.loads(answer.read())).startswith("3.")
    except (OSError, ValueError, http.client.HTTPException):
        return False


def existing_server() -> str | None:
    """The API address of a server that is there."""
    known = parse_env(ENV_FILE.read_text()).get("PREFECT_API_URL", "") if ENV_FILE.is_file() else ""
    asked = os.environ.get("PREFECT_API_URL", "")
    for api in dict.fromkeys([asked, known, f"http://127.0.0.1:{FIRST_PORT}/api"]):
        if api and answers(api):
            return api
    if asked:
        raise SetupError(f"no Prefect server answers at PREFECT_API_URL={asked}; unset it, and one is started here")
    return None


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
        return {"PREFECT_API_URL": api, **ours, **QUIET}, f"found {api}"
    stop_daemon(NAME)
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **SERVER,
        "PREFECT_HOME": str(home),
        "PREFECT_UI_API_URL": api,
    }
    environment.pop("PREFECT_API_URL", None)
    start_daemon(
        NAME,
        [str(VENV / "bin" / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        environment,
    )
    give_up = time.monotonic() + 120
    while not answers(api):
        if running_daemon(NAME) is None or time.monotonic() > give_up:
            log = LOGS / f"{NAME}.log"
            raise SetupError(f"the Prefect server did not start; the log is {log}:\n{tail(log)}")
        time.sleep(0.2)
    return {"PREFECT_API_URL": api, "PREFECT_HOME": str(home), **QUIET}, f"started {api}"
