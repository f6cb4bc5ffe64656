"""A sandbox from its making to its skill: made, read back, started, and handed its job."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from skillbox_core.base.patience import more_time
from skillbox_core.errors import DiskError, EngineError, PolicyError
from skillbox_core.models import Sandbox
from skillbox_core.sandbox import inline, policy
from skillbox_core.sandbox.connections import Connections
from skillbox_core.sandbox.container import DELIVERY_TIMEOUT, LABEL_INSTANCE, SLICE, adopt
from skillbox_core.sandbox.delivery import TarPlan
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.engine_errors import ContainerGoneError, NameTakenError
from skillbox_core.sandbox.readback import verify

_UNMAPPED = re.compile(r"invalid argument|\bEINVAL\b|cannot set [ug]id|not mapped", re.IGNORECASE)
"""How runtimes put it that a user of a container has none on the host behind it."""


@dataclass(frozen=True)
class Job:
    """What a sandbox is handed.

    Attributes:
        token: The word that its announcements carry.
        timeout: Seconds for the skill.
        parked_for: Seconds for which the finished container waits to be collected.
        inline_output: A small output is to come along on the connection.
    """

    token: str
    plan: TarPlan
    timeout: float
    parked_for: float
    inline_output: bool = False

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, as the supervisor reads them; see supervisor.sh.

        Raises:
            DiskError: What it is made of went, or can't be read; it can be there for the next try.
        """
        lines = inline.LINES if self.inline_output else 0
        yield f"{self.plan.size} {self.timeout:.3f} {self.parked_for:.0f} {self.token} {lines}\n".encode()
        try:
            yield from self.plan
        except OSError as error:
            raise DiskError(f"the skill or its files could not be read to the end: {error}") from error


def launch(
    engine: Engine,
    connections: Connections,
    *,
    name: str,
    config: dict[str, Any],
    job: Job,
    before_start: Callable[[], None] = lambda: None,
) -> Sandbox:
    """Creates a container, starts it and hands it the skill; or adopts the one that a former call made.

    Args:
        name: The attempt's container name.
        before_start: Called when the engine has the container, and nothing runs in it. What it raises is raised.

    Raises:
        EngineError: The engine failed; calling again is safe.
        PolicyError: The engine did not make the container as it was asked to; nothing was started.
    """
    container_id = _create(engine, name, job.token, config)
    if isinstance(container_id, Sandbox):
        return container_id
    read_back(engine, container_id, config)
    try:
        before_start()
    except BaseException:
        # Without force: whoever took it for an abandoned one may have done something with it.
        with suppress(EngineError):
            engine.remove(container_id, force=False)
        raise
    sandbox = Sandbox(container_id, name, config["User"])
    hand_over(engine, connections, sandbox, job, lambda: start(engine, container_id, config))
    return sandbox


def hand_over(
    engine: Engine, connections: Connections, sandbox: Sandbox, job: Job, begin: Callable[[], None] = lambda: None
) -> None:
    """Attaches to a sandbox, has it started, and hands it its job; the connection is kept for the wait that follows.

    Args:
        begin: Called when it is attached to, and nothing is handed over yet. It starts one that does not run: what that
            says at once must not be missed.

    Raises:
        EngineError: The engine failed, or the container ended. Whether the skill has started `adopt` tells.
    """
    with _removed_meanwhile():
        attachment = engine.attach(sandbox.container_id)
    try:
        begin()
        deadline = time.monotonic() + DELIVERY_TIMEOUT + more_time(job.plan.size)
        for chunk in job.chunks():
            if chunk:
                attachment.write(chunk, deadline)
    except BaseException:
        attachment.close()
        raise
    connections.put(sandbox, attachment)


def start(engine: Engine, container_id: str, config: dict[str, Any]) -> None:
    """Starts a container that was made from this body.

    Raises:
        EngineError: The engine failed, or the container is gone; calling again is safe.
        PolicyError: The engine lacks something that the installation asks for.
    """
    with _removed_meanwhile(), explained(engine, config):
        engine.start(container_id)


def _create(engine: Engine, name: str, token: str, config: dict[str, Any]) -> str | Sandbox:
    """The id of a new container, or the sandbox that a former call made under this name."""
    give_up = time.monotonic() + DELIVERY_TIMEOUT
    while True:
        try:
            with explained(engine, config):
                return engine.create(name, config)
        except NameTakenError:
            if adopted := adopt(engine, name, token=token, instance=str(config["Labels"][LABEL_INSTANCE])):
                return adopted
            if time.monotonic() > give_up:
                raise
            # The engine reserves a name some time before it knows the container: another worker is at it.
            time.sleep(SLICE)


def read_back(engine: Engine, container_id: str, config: dict[str, Any]) -> None:
    """Holds a new container against what was asked; one that differs is removed, never started.

    Raises:
        PolicyError: It differs.
        EngineError: The engine failed, or it was removed meanwhile.
    """
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
def explained(engine: Engine, config: dict[str, Any]) -> Iterator[None]:
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
