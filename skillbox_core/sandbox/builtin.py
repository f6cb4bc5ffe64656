"""Scripts of this package's own in a sandbox made like any other: what an image is asked, and what it is used for."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from skillbox_core.base.names import container_name
from skillbox_core.base.redaction import Redactor
from skillbox_core.errors import NoAnswerError
from skillbox_core.models import Ending, Output, Usage
from skillbox_core.sandbox import container, follow
from skillbox_core.sandbox.connections import Connections
from skillbox_core.sandbox.delivery import SCRIPTS, START, TarPlan
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.launching import Job, launch
from skillbox_core.sandbox.policy import MIN_MEMORY, SANDBOX, container_config, user_id

_PARKED = 60
_LOG = 4096


def plan_script(
    command: str,
    script: str,
    env: Mapping[str, str] | None = None,
    document: bytes = b"null",
    before: Iterable[tuple[str, int, Callable[[], Iterable[bytes]]]] = (),
) -> TarPlan:
    """What a sandbox gets for a script.

    Args:
        command: The interpreter with its options.
        script: Its text.
        env: What its environment has beside the image's.
        document: Its input.
        before: Further files, as `TarPlan.add` takes them: below `/sandbox`, of so many bytes.
    """
    plan = TarPlan()
    for path, size, read in before:
        plan.add(path, size, 0o444, read)
    plan.add_bytes("input.json", document)
    plan.add_bytes(f"{SCRIPTS}/main", script.encode())
    exports = [f"export {name}={shlex.quote(value)}" for name, value in (env or {}).items()]
    start = [f"rm -f {SANDBOX}/{START}", f"cd {SANDBOX}", *exports, f"exec {command} {SANDBOX}/{SCRIPTS}/main"]
    plan.add_bytes(START, ("\n".join(start) + "\n").encode(), 0o600)
    return plan


def run_script(
    engine: Engine,
    plan: TarPlan,
    *,
    token: str = "",
    image_id: str,
    instance: str,
    runtime: str,
    users: range,
    folder: Path,
    timeout: float = 20.0,
    memory: int = MIN_MEMORY,
    scratch: int = 1024**2,
    max_document: int = 65536,
) -> tuple[Output, Usage]:
    """Runs a script in a sandbox of its own and returns what it left, and what it used.

    Args:
        plan: By `plan_script`.
        token: 32 hexadecimal digits that its container is named by; by default new ones.
        users: Ids that the installation's sandboxes may have.
        folder: A temporary folder; the script's files, if it leaves any, are in `out.tar.gz` there.
        timeout: Seconds.
        memory, scratch: Bytes.

    Raises:
        EngineError: The sandbox could not be made.
        NoAnswerError: The script did not end well, or left nothing.
        OutputError: What it left can't be accepted.
    """
    token = token or uuid.uuid4().hex
    connections = Connections()
    name = container_name(token, 1)
    labels = {
        container.LABEL_EXECUTION: token,
        container.LABEL_INSTANCE: instance,
        container.LABEL_DEADLINE: f"{container.wall_deadline(timeout, scratch):.0f}",
    }
    config = container_config(
        user=user_id(name, users),
        image_id=image_id,
        memory=memory,
        scratch=scratch,
        cpu_quota=100_000,
        labels=labels,
        runtime=runtime,
    )
    try:
        job = Job(token=token, plan=plan, timeout=timeout, parked_for=_PARKED)
        sandbox = launch(engine, connections, name=name, config=config, job=job)
        outcome = follow.wait(
            engine, connections, sandbox, token=token, timeout=timeout, max_log=_LOG, redactor=Redactor()
        )
        if outcome.ending is not Ending.EXITED:
            raise NoAnswerError(f"it ended as {outcome.ending.value}: {outcome.detail or _last_line(outcome.logs)}")
        output = container.collect(engine, sandbox, folder / "out.tar.gz", scratch=scratch, max_document=max_document)
    finally:
        engine.remove(name)
    if output.document is None:
        raise NoAnswerError(f"it left no answer: {_last_line(outcome.logs) or output.problem}")
    return output, outcome.usage


def _last_line(logs: str) -> str:
    return logs.rstrip().rpartition("\n")[2][-300:]
