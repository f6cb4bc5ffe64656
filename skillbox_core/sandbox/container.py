"""A sandbox on the engine: adopted, read and removed. `launching` makes it, and `follow` waits for it in between.

Each function can be repeated. Containers are found again by their name, and told apart by their labels.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from skillbox_core.base.patience import more_time
from skillbox_core.errors import EngineError, OutputError
from skillbox_core.models import Call, Execution, LoadedSkill, Output, Sandbox
from skillbox_core.sandbox import policy
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.engine_errors import ContainerGoneError, ContainerRunningError
from skillbox_core.sandbox.logs import stdout_of
from skillbox_core.sandbox.output import read_output
from skillbox_core.sandbox.started import has_started, is_handed_over

logger = logging.getLogger(__name__)

DELIVERY_TIMEOUT = 60.0
COLLECT_TIMEOUT = 120.0
"""Seconds for scratch areas of 1 GiB; see `skillbox_core.base.patience`."""
DOUBT = 3.0
"""Seconds after which a log that doesn't tell whether the skill has started counts as one whose beginning is gone."""
UNSTARTED = 3.0
"""Seconds for which a container that was made and not started is left to whoever made it."""
UNATTENDED = 3.0
"""Seconds for which a container that waited and was taken is left to whoever took it, as long as no job has come."""
ATTENDED = UNATTENDED / 2
"""Seconds within which who takes one hands it its job; who was slower looks if it was given up meanwhile."""
SLICE = 0.25
"""Seconds at most that any wait goes without looking up."""

LABEL_EXECUTION = "skillbox.execution"
LABEL_ATTEMPT = "skillbox.attempt"
LABEL_INSTANCE = "skillbox.instance"
LABEL_DEADLINE = "skillbox.deadline"
LABEL_OWNER = "skillbox.owner"
LABEL_TENANT = "skillbox.tenant"
LABEL_SKILL = "skillbox.skill"
LABEL_WAITING = "skillbox.waiting"
"""Of a container that was made ahead: what it is good for. It keeps this when it is taken, and says no execution."""
LABEL_NAME = "skillbox.name"
"""Of a container that was made ahead: its name, which somebody could change."""


def labels(
    execution: Execution, skill: LoadedSkill, instance: str, owner: str | None, deadline: float
) -> dict[str, str]:
    """What a sandbox says of itself on its engine, for whoever looks for it there.

    Args:
        owner: On whose behalf it runs, if on anybody's.
        deadline: Seconds since the epoch.
    """
    return {
        LABEL_EXECUTION: execution.id,
        LABEL_ATTEMPT: str(execution.attempt),
        LABEL_INSTANCE: instance,
        LABEL_TENANT: execution.tenant,
        LABEL_SKILL: f"{skill.name}@{skill.version}",
        LABEL_DEADLINE: f"{deadline:.0f}",
        **({LABEL_OWNER: owner} if owner else {}),
    }


def wall_deadline(timeout: float, scratch: int) -> float:
    """When a skill with this timeout, in seconds, has ended at the latest; seconds since the epoch.

    Args:
        scratch: Bytes of its scratch area, which may have to be filled first.
    """
    return time.time() + DELIVERY_TIMEOUT + more_time(scratch) + timeout


def adopt(engine: Engine, name: str, *, token: str, instance: str, claimed: bool = False) -> Sandbox | None:
    """The container that already has the name, if the skill may have started in it; else it is removed.

    Args:
        token: The execution's id.
        instance: The installation.
        claimed: It was made ahead and taken for this attempt, as the record says: its labels can't say so.

    Raises:
        EngineError: The engine failed, or the container belongs to somebody else.
    """
    try:
        found = engine.inspect(name)
    except ContainerGoneError:
        return None
    if not _is_of(found["Config"].get("Labels") or {}, token, instance, claimed=claimed):
        raise EngineError(f"the container {name} belongs to somebody else")
    container_id = str(found["Id"])
    began = time.monotonic()
    delivery = DELIVERY_TIMEOUT + more_time(policy.scratch_of(found))
    try:
        while not _settle(engine, container_id, token, delivery, waited=claimed):
            # Whoever made it may start it in this very moment.
            stuck = engine.inspect(container_id)["State"].get("Status") == "paused"
            force = stuck or time.monotonic() - began > delivery
            with suppress(ContainerRunningError):
                engine.remove(container_id, force=force)
                return None
            time.sleep(SLICE)
    except ContainerGoneError:
        return None
    return Sandbox(container_id, name, str(found["Config"]["User"]))


def _is_of(labels: Mapping[str, str], token: str, instance: str, *, claimed: bool) -> bool:
    if labels.get(LABEL_INSTANCE) != instance:
        return False
    return LABEL_WAITING in labels if claimed else labels.get(LABEL_EXECUTION) == token


def _settle(engine: Engine, container_id: str, token: str, delivery: float, *, waited: bool = False) -> bool:
    """Whether the skill may have started in a container that somebody else made; waits until that is certain.

    Whoever made it may be gone, which closes its stdin and ends it soon, or may be delivering right now. A
    container in which the skill can still start must not be taken for one in which it did not.

    One that waited has nobody attached from the start, and whoever took it may have died before: it would wait on. So
    where its job has not begun to come, its stdin is closed soon. Of a job that comes in this very moment one of two
    happens: it breaks off, and the container ends without a start, or it is whole, and the skill has started.

    Args:
        delivery: Seconds that its delivery may take.
        waited: It waited for its job.
    """
    began, in_doubt, cut_off = time.monotonic(), None, False
    while not (started := has_started(engine.logs(container_id), token, waited=waited)):
        now = time.monotonic()
        if started is None:
            in_doubt = in_doubt or now
            if now - in_doubt > DOUBT:
                return True
        state = engine.inspect(container_id)["State"]
        status = state.get("Status")
        # Two workers who took each other's new containers for abandoned ones would make and remove them in turns.
        if status != "running" and (status != "created" or now - began > UNSTARTED):
            # The engine may be at the last lines of a flood: a log that it begins anew is empty for a moment.
            time.sleep(SLICE)
            code = int(state.get("ExitCode") or 0)
            return has_started(engine.logs(container_id), token, code, waited=waited) is not False
        if now - began > delivery + DOUBT:
            return True
        unattended = (
            waited and not cut_off and now - began > UNATTENDED and not is_handed_over(engine.logs(container_id), token)
        )
        if (unattended or now - began > delivery) and not cut_off:
            # The first connection that ends closes stdin. That ends a delivery; a skill has another one, and goes on.
            engine.attach(container_id).close()
            cut_off = True
        time.sleep(SLICE)
    return True


def collect(
    engine: Engine,
    sandbox: Sandbox,
    spool: Path,
    *,
    scratch: int,
    max_document: int,
    redact: Callable[[str], str] = str,
    call: Call | None = None,
    sent: bytes | None = None,
) -> Output:
    """Reads what the skill left in a parked sandbox. Can be repeated: nothing in the sandbox changes.

    Args:
        spool: Local path for the tar.gz of files.
        scratch: Size of the sandbox's scratch area, which no honest output can exceed.
        max_document: Bytes of output.json.
        redact: Takes secrets out of what is said of it.
        call: Which script was called, and where its result is; None for the skill's own entrypoint.
        sent: The tar of it that came along, if one did. Where it can't be accepted, the sandbox is read.

    Raises:
        OutputError: What it left can't be accepted.
        EngineError: The engine failed, or the stream stalled.
    """
    # Headers and padding beside the contents: every inode may cost a few blocks.
    limit = scratch + policy.INODES * 2048 + 64 * 1024
    if sent is not None:
        try:
            return read_output((sent,), spool, limit=limit, max_document=max_document, redact=redact, call=call)
        except (OutputError, EngineError) as error:
            logger.info("the output that %s sent along is read from the sandbox: %s", sandbox.name, error.message)
    errors = bytearray()
    deadline = time.monotonic() + COLLECT_TIMEOUT + more_time(scratch)
    command = policy.collect_command()
    stream = engine.execute(sandbox.container_id, command, user=sandbox.user, deadline=deadline)
    try:
        return read_output(
            stdout_of(stream, errors), spool, limit=limit, max_document=max_document, redact=redact, call=call
        )
    except (OutputError, EngineError):
        if errors:
            logger.warning("reading the output of %s: %s", sandbox.name, redact(ascii(bytes(errors)))[:500])
        raise


def remove(engine: Engine, execution: Execution, instance: str) -> None:
    """Removes an attempt's container, under whatever name; one that is gone is fine.

    Raises:
        EngineError: The engine failed; calling again is safe.
    """
    if engine.remove(execution.container):
        return
    # Gone, or renamed by somebody; labels can't be changed.
    labels = {LABEL_EXECUTION: execution.id, LABEL_ATTEMPT: str(execution.attempt)}
    if execution.claimed:
        labels = {LABEL_NAME: execution.claimed}
    for found in engine.containers({**labels, LABEL_INSTANCE: instance}):
        engine.remove(str(found["Id"]))
