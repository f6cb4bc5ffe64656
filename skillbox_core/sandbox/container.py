"""A sandbox on the engine: made, filled or adopted, and read. `follow` waits for it in between.

Each function can be repeated. Containers are found again by their name, and told apart by their labels.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from skillbox_core.base.patience import more_time
from skillbox_core.errors import DiskError, EngineError, OutputError, PolicyError
from skillbox_core.models import Call, Execution, LoadedSkill, Output, Sandbox
from skillbox_core.sandbox import inline, policy
from skillbox_core.sandbox.connections import Connections
from skillbox_core.sandbox.delivery import TarPlan
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.engine_errors import ContainerGoneError, ContainerRunningError, NameTakenError
from skillbox_core.sandbox.logs import stdout_of
from skillbox_core.sandbox.output import read_output
from skillbox_core.sandbox.readback import verify
from skillbox_core.sandbox.started import has_started

logger = logging.getLogger(__name__)

DELIVERY_TIMEOUT = 60.0
COLLECT_TIMEOUT = 120.0
"""Seconds for scratch areas of 1 GiB; see `skillbox_core.base.patience`."""
DOUBT = 3.0
"""Seconds after which a log that doesn't tell whether the skill has started counts as one whose beginning is gone."""
UNSTARTED = 3.0
"""Seconds for which a container that was made and not started is left to whoever made it."""
_UNMAPPED = re.compile(r"invalid argument|\bEINVAL\b|cannot set [ug]id|not mapped", re.IGNORECASE)
"""How runtimes put it that a user of a container has none on the host behind it."""
SLICE = 0.25
"""Seconds at most that any wait goes without looking up."""

LABEL_EXECUTION = "skillbox.execution"
LABEL_ATTEMPT = "skillbox.attempt"
LABEL_INSTANCE = "skillbox.instance"
LABEL_DEADLINE = "skillbox.deadline"
LABEL_OWNER = "skillbox.owner"
LABEL_TENANT = "skillbox.tenant"
LABEL_SKILL = "skillbox.skill"


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


def container_name(execution_id: str, attempt: int) -> str:
    """The name by which any process finds an attempt's container."""
    return f"skillbox-{execution_id}-{attempt}"


def launch(
    engine: Engine,
    connections: Connections,
    *,
    name: str,
    token: str,
    config: dict[str, Any],
    plan: TarPlan,
    timeout: float,
    parked_for: float,
    inline_output: bool = False,
    before_start: Callable[[], None] = lambda: None,
) -> Sandbox:
    """Creates a container, starts it and hands it the skill; or adopts the one that a former call made.

    Args:
        name: The attempt's container name.
        token: The word its announcements carry.
        timeout: Seconds for the skill.
        parked_for: Seconds for which the finished container waits to be collected.
        inline_output: A small output is to come along on the connection.
        before_start: Called when the engine has the container, and nothing runs in it. What it raises is raised.

    Raises:
        EngineError: The engine failed; calling again is safe.
        PolicyError: The engine did not make the container as it was asked to; nothing was started.
    """
    container_id = _create(engine, name, token, config)
    if isinstance(container_id, Sandbox):
        return container_id
    _read_back(engine, container_id, config)
    try:
        before_start()
    except BaseException:
        # Without force: whoever took it for an abandoned one may have done something with it.
        with suppress(EngineError):
            engine.remove(container_id, force=False)
        raise
    with _removed_meanwhile():
        attachment = engine.attach(container_id)
    try:
        with _removed_meanwhile(), _explained(engine, config):
            engine.start(container_id)
        deadline = time.monotonic() + DELIVERY_TIMEOUT + more_time(plan.size)
        lines = inline.LINES if inline_output else 0
        attachment.write(f"{plan.size} {timeout:.3f} {parked_for:.0f} {token} {lines}\n".encode(), deadline)
        for chunk in _readable(plan):
            if chunk:
                attachment.write(chunk, deadline)
    except BaseException:
        attachment.close()
        raise
    sandbox = Sandbox(container_id, name, config["User"])
    connections.put(sandbox, attachment)
    return sandbox


def _readable(plan: TarPlan) -> Iterator[bytes]:
    """The plan's bytes. What went, or can't be read, while it was delivered can be there for the next try."""
    try:
        yield from plan
    except OSError as error:
        raise DiskError(f"the skill or its files could not be read to the end: {error}") from error


def _create(engine: Engine, name: str, token: str, config: dict[str, Any]) -> str | Sandbox:
    """The id of a new container, or the sandbox that a former call made under this name."""
    give_up = time.monotonic() + DELIVERY_TIMEOUT
    while True:
        try:
            with _explained(engine, config):
                return engine.create(name, config)
        except NameTakenError:
            if adopted := adopt(engine, name, token=token, instance=str(config["Labels"][LABEL_INSTANCE])):
                return adopted
            if time.monotonic() > give_up:
                raise
            # The engine reserves a name some time before it knows the container: another worker is at it.
            time.sleep(SLICE)


def _read_back(engine: Engine, container_id: str, config: dict[str, Any]) -> None:
    """Holds a new container against what was asked; one that differs is removed, never started."""
    try:
        with _removed_meanwhile():
            verify(config, engine.inspect(container_id))
    except PolicyError:
        engine.remove(container_id)
        raise


@contextmanager
def _removed_meanwhile() -> Iterator[None]:
    """A container that goes before anything was handed to it was taken for an abandoned one: it can be made again."""
    try:
        yield
    except ContainerGoneError as error:
        raise EngineError(error.message) from error


@contextmanager
def _explained(engine: Engine, config: dict[str, Any]) -> Iterator[None]:
    """Says so when the engine failed because it lacks the runtime or the user that the installation asks for."""
    try:
        yield
    except EngineError as error:
        if isinstance(error, NameTakenError):
            raise
        runtime, info = config["HostConfig"].get("Runtime"), engine.info()
        known = sorted(info.get("Runtimes") or ())
        if policy.maps_users(info) and _UNMAPPED.search(error.message):
            raise PolicyError(
                f"the engine maps users, and has none for the sandbox's {config['User']} (SKILLBOX_USER_IDS)",
                hint=f"set SKILLBOX_USER_IDS={policy.MAPPED_USERS}, or what its /etc/subuid has room for",
            ) from error
        if runtime is None or runtime in known:
            raise
        raise PolicyError(
            f'the engine has no OCI runtime "{runtime}" (SKILLBOX_RUNTIME); it has {", ".join(known)}',
            hint="nothing was started; see the engine's option --add-runtime",
        ) from error


def adopt(engine: Engine, name: str, *, token: str, instance: str) -> Sandbox | None:
    """The container that already has the name, if the skill may have started in it; else it is removed.

    Args:
        token: The execution's id.
        instance: The installation.

    Raises:
        EngineError: The engine failed, or the container belongs to somebody else.
    """
    try:
        found = engine.inspect(name)
    except ContainerGoneError:
        return None
    labels = found["Config"].get("Labels") or {}
    if labels.get(LABEL_EXECUTION) != token or labels.get(LABEL_INSTANCE) != instance:
        raise EngineError(f"the container {name} belongs to somebody else")
    container_id = str(found["Id"])
    began = time.monotonic()
    delivery = DELIVERY_TIMEOUT + more_time(policy.scratch_of(found))
    try:
        while not _settle(engine, container_id, token, delivery):
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


def _settle(engine: Engine, container_id: str, token: str, delivery: float) -> bool:
    """Whether the skill may have started in a container that somebody else made; waits until that is certain.

    Whoever made it may be gone, which closes its stdin and ends it soon, or may be delivering right now. A
    container in which the skill can still start must not be taken for one in which it did not.

    Args:
        delivery: Seconds that its delivery may take.
    """
    began, in_doubt, cut_off = time.monotonic(), None, False
    while not (started := has_started(engine.logs(container_id), token)):
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
            return has_started(engine.logs(container_id), token, int(state.get("ExitCode") or 0)) is not False
        if now - began > delivery + DOUBT:
            return True
        if now - began > delivery and not cut_off:
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


def remove(engine: Engine, execution_id: str, attempt: int, instance: str) -> None:
    """Removes an attempt's container, under whatever name; one that is gone is fine.

    Raises:
        EngineError: The engine failed; calling again is safe.
    """
    if engine.remove(container_name(execution_id, attempt)):
        return
    # Gone, or renamed by somebody; labels can't be changed.
    labels = {LABEL_EXECUTION: execution_id, LABEL_ATTEMPT: str(attempt), LABEL_INSTANCE: instance}
    for found in engine.containers(labels):
        engine.remove(str(found["Id"]))
