"""Prefect artifacts: their keys, and the values that are sent.

The UI shows descriptions, summaries and the cells of tables as markdown. What a skill wrote stands there in code
only (`code`, `block`), so that it is shown as it is: no link, picture, HTML or formula of a stranger comes alive.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import Event, RelatedResource, Resource

from prefect_skillbox.observe import event_batch
from skillbox_core.base.names import DEFAULT_TENANT
from skillbox_core.base.text import harmless

_DIGEST = re.compile(r"-[0-9a-f]{8}\Z")


def artifact_key(kind: str, name: str, tenant: str = DEFAULT_TENANT) -> str:
    """The key of a kind of artifact of a skill: lowercase letters, digits and dashes, as Prefect demands.

    Where that rule would make two names one, such as `a_b` and `a-b`, a digest tells them apart; also where a name
    looks as if it had one.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    key = f"{kind}-{plain or 'skill'}"
    if plain == name and tenant == DEFAULT_TENANT and not _DIGEST.search(name):
        return key
    return f"{key}-{hashlib.sha256(f'{tenant}/{name}'.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Home:
    """The flow run and task run that an artifact belongs to.

    Attributes:
        tags: Of both.
        deployment: Of the flow run.
    """

    flow_run: UUID | None
    task_run: UUID | None
    tags: frozenset[str] = frozenset()
    deployment: UUID | None = None

    @classmethod
    def here(cls) -> Home:
        """Those of the calling thread."""
        task, flow = TaskRunContext.get(), FlowRunContext.get()
        run = flow.flow_run if flow else None
        tags = frozenset([*(run.tags if run else ()), *(task.task_run.tags if task else ())])
        deployment = run.deployment_id if run else None
        if task is not None:
            return cls(task.task_run.flow_run_id, task.task_run.id, tags, deployment)
        return cls(run.id if run else None, None, tags, deployment)

    @property
    def related(self) -> list[RelatedResource]:
        """What Prefect relates to the events of a run."""
        objects = {"flow-run": self.flow_run, "task-run": self.task_run, "deployment": self.deployment}
        named = [*((kind, of) for kind, of in objects.items() if of), *(("tag", tag) for tag in sorted(self.tags))]
        return [
            RelatedResource({"prefect.resource.id": f"prefect.{kind}.{of}", "prefect.resource.role": kind})
            for kind, of in named
        ]


@dataclass(frozen=True, eq=False)
class Artifact:
    """An artifact that is sent once (`outbox.Item`)."""

    type: str
    key: str
    data: Any
    description: str
    home: Home
    every: float = 0

    def send(self, client: SyncPrefectClient) -> None:
        """Creates it."""
        self.create(client)

    def create(self, client: SyncPrefectClient) -> UUID:
        """Creates it and returns its id.

        The event goes with the others of its second. Prefect's client hands it to a thread of its own, which is
        gone when the interpreter shuts down: before the last artifacts are sent.
        """
        wanted = ArtifactCreate(
            type=self.type,
            key=self.key,
            data=self.data,
            description=self.description,
            flow_run_id=self.home.flow_run,
            task_run_id=self.home.task_run,
        )
        answer = client.request("POST", "/artifacts/", json=wanted.model_dump(mode="json", exclude_unset=True))
        artifact = UUID(answer.raise_for_status().json()["id"])
        event_batch.tell(
            Event(
                event="prefect.artifact.created",
                resource=Resource(
                    {"prefect.resource.id": f"prefect.artifact.{artifact}", "prefect.resource.name": self.key}
                ),
                related=self.home.related,
                payload={"key": self.key, "type": self.type, "description": self.description},
            )
        )
        return artifact


@dataclass(frozen=True, eq=False)
class Later:
    """An artifact that is made where it is sent (`outbox.Item`), since it takes what no run should wait for.

    Attributes:
        make: Gives it; None where there is nothing to show.
    """

    make: Callable[[], Artifact | None]
    every: float = 0

    def send(self, client: SyncPrefectClient) -> None:
        """Makes and creates it."""
        if made := self.make():
            made.send(client)


def change(client: SyncPrefectClient, artifact: UUID, changes: Mapping[str, Any]) -> None:
    """Changes an artifact without the event that Prefect's client emits, which holds its whole data each time.

    That event would also need Prefect's thread for events, see `Artifact.create`.
    """
    client.request("PATCH", "/artifacts/{id}", json=dict(changes), path_params={"id": artifact}).raise_for_status()


def code(text: str) -> str:
    """Text as code within a line of markdown."""
    shown = " ".join(harmless(text).split())
    fence = "`"
    while fence in shown:
        fence += "`"
    # A blank keeps a backtick at the edge from joining the fence; markdown takes it off again.
    return f"{fence} {shown} {fence}" if "`" in shown else f"{fence}{shown or ' '}{fence}"


def block(text: str) -> str:
    """Text as a block of code, in a fence that is longer than any row of backticks inside."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{harmless(text).rstrip()}\n{fence}"
