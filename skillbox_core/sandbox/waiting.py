"""Containers that are made ahead of any job: what tells them apart, how they are made, and if one is as it was made.

Nothing of a tenant, a skill or an input is in one. It waits, hardened as any sandbox, with nobody attached, until the
one execution that has taken it hands it its job, or until its own clock ends it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from skillbox_core.base.names import WAITING
from skillbox_core.errors import EngineError, PolicyError
from skillbox_core.models import Sandbox
from skillbox_core.sandbox.container import LABEL_DEADLINE, LABEL_INSTANCE, LABEL_NAME, LABEL_WAITING, SLICE
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.launching import explained, read_back, start
from skillbox_core.sandbox.logs import NOBODY, Announcement, LineReader
from skillbox_core.sandbox.policy import container_config, memory_ceiling, user_id
from skillbox_core.sandbox.readback import verify

READY_TIMEOUT = 90.0
"""Seconds; the supervisor gives an interpreter sixty."""
PREFIX = WAITING
SHARE = 0.25
"""Of the engine's memory that waiting containers may take, if each took all that it may have."""


@dataclass(frozen=True)
class Kind:
    """What a waiting container is good for: all jobs with this image and these limits, of one release of the policy.

    Attributes:
        image_id: Digest of the image's configuration.
        memory, scratch: Bytes, as for `container_config`.
        runtime: Name of the OCI runtime; empty for the engine's default.
        waits: Seconds for which it waits.
        warm: The shell command that becomes an interpreter; empty for a container in which none waits.
        image: The image's name, for people. Two names of one image make no two kinds.
        ready_for: What waits in it, for people: an interpreter with its script and modules, or a shell.
    """

    image_id: str
    memory: int
    scratch: int
    cpu_quota: int
    runtime: str
    waits: int
    warm: str = ""
    image: str = field(default="", compare=False)
    ready_for: str = field(default="", compare=False)

    def config(self, *, user: int, labels: Mapping[str, str]) -> dict[str, Any]:
        """The body of the create call."""
        return container_config(
            user=user,
            image_id=self.image_id,
            memory=self.memory,
            scratch=self.scratch,
            cpu_quota=self.cpu_quota,
            labels=labels,
            runtime=self.runtime,
            waits=self.waits,
            warm=self.warm,
        )

    @cached_property
    def digest(self) -> str:
        """Names it: of everything that the policy asks for, so that another release's containers are of other kinds."""
        asked = json.dumps(self.config(user=0, labels={}), sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()[:32]

    @property
    def ceiling(self) -> int:
        """Bytes that one may have."""
        return memory_ceiling(self.memory, self.scratch)


def waiting_config(kind: Kind, name: str, *, users: range, instance: str) -> dict[str, Any]:
    """The body of the create call for a waiting container, but for when it ends.

    Args:
        name: By which its user is found, as for any sandbox.
        users: Ids that sandboxes may have.
    """
    labels = {LABEL_INSTANCE: instance, LABEL_WAITING: kind.digest, LABEL_NAME: name}
    return kind.config(user=user_id(name, users), labels=labels)


def make_waiting(engine: Engine, name: str, kind: Kind, *, users: range, instance: str) -> None:
    """Makes a container and starts it, with nobody attached.

    Raises:
        EngineError: The engine failed.
        PolicyError: The engine did not make it as it was asked to; it is gone again.
    """
    config = waiting_config(kind, name, users=users, instance=instance)
    # It counts only as long as nobody has taken the container; see `skillbox_core.operations.orphans`.
    config["Labels"][LABEL_DEADLINE] = f"{time.time() + kind.waits:.0f}"
    with explained(engine, config):
        container_id = engine.create(name, config)
    read_back(engine, container_id, config)
    start(engine, container_id, config)
    if kind.warm:
        _wait_until_ready(engine, container_id)


def _wait_until_ready(engine: Engine, container_id: str) -> None:
    """Waits until the supervisor says that the interpreter is ready, or that there is none: good for a job, too.

    Raises:
        EngineError: The engine failed, or it does not say so in time.
    """
    give_up = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < give_up:
        reader = LineReader(NOBODY)
        for item in (item for chunk in engine.logs(container_id) for item in reader.feed(chunk)):
            if isinstance(item, Announcement) and item.word == "ready":
                return
        time.sleep(SLICE)
    raise EngineError(f"the container {container_id[:12]} was not ready in {READY_TIMEOUT:g} s")


def check_waiting(engine: Engine, name: str, kind: Kind, *, users: range, instance: str) -> Sandbox:
    """A container that was taken, if it still is what was made.

    Raises:
        ContainerGoneError: It is gone.
        PolicyError: It has been changed, or something was done with it; nothing may be handed to it.
        EngineError: The engine failed.
    """
    found = engine.inspect(name)
    verify(waiting_config(kind, name, users=users, instance=instance), found)
    state = found["State"]
    if state.get("Status") != "running" or state.get("Paused"):
        raise PolicyError(f"the waiting container {name} is {state.get('Status')}")
    if found.get("RestartCount") or found.get("ExecIDs"):
        raise PolicyError(f"the waiting container {name} was used by somebody")
    return Sandbox(str(found["Id"]), name, str(found["Config"]["User"]))


def places(most: int, ceiling: int, memory: int) -> int:
    """How many containers may wait on an engine. Pure.

    Args:
        most: By the installation's settings.
        ceiling: Bytes that one may have.
        memory: Bytes of the engine's host; 0 where it does not say.
    """
    return min(most, int(memory * SHARE // ceiling)) if memory else most
