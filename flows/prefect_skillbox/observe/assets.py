"""Prefect's asset events: which files a run read and which it made, so that data has a history across runs.

A stored file is `skillbox://TENANT/SKILL/PATH`, the same in each run of the skill: Prefect then shows one asset with
many materializations, and the skill that reads it behind the one that makes it. A URL that was read is itself, without
its user, password and query. The events are those of `prefect.assets`. That itself knows only assets that are named
before a task runs, so they are sent as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from prefect.client.orchestration import SyncPrefectClient
from prefect.events import Event, RelatedResource, Resource

from prefect_skillbox.observe import event_batch
from prefect_skillbox.observe.artifacts import Home
from skillbox_core.inputs.sources import shown_url
from skillbox_core.models import PlannedFile, RunResult, Source
from skillbox_core.storage.execution_reads import ExecutionRecords

MAX_ASSETS = 20
"""Files of a run, read and made each; events hold no more than 100 related resources."""
MAX_KEY = 512
"""As `prefect.types.names` has it; so are the characters below."""
_SCHEME = re.compile(r"[a-z0-9]+://")
_NOT_IN_KEYS = re.compile(r"""[\s\x00-\x20#?&%"'<>\[\]{}|\\^`]""")
_DIGEST = 8
_LOOKS_SO = re.compile(rf"-[0-9a-f]{{{_DIGEST}}}\Z")
"""What looks as if it had a digest has one."""


def asset_key(address: str) -> str | None:
    """An address as Prefect takes one; None where its scheme is none for Prefect.

    A digest tells apart what its rules would make one.
    """
    if not _SCHEME.match(address):
        return None
    key = _NOT_IN_KEYS.sub("_", address)
    if key == address and len(key) <= MAX_KEY and not _LOOKS_SO.search(key):
        return key
    digest = hashlib.sha256(address.encode(errors="surrogatepass")).hexdigest()[:_DIGEST]
    return f"{key[: MAX_KEY - _DIGEST - 1]}-{digest}"


def stored_key(tenant: str, skill: str, path: str) -> str:
    """The key of a file that a skill makes, whichever run made it."""
    key = asset_key(f"skillbox://{tenant}/{skill}/{path}")
    assert key is not None
    return key


def read_keys(files: Iterable[PlannedFile], makers: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    """The keys of what a run read: of URLs, and of files that other runs made. A path of a machine is none.

    Args:
        makers: The tenant and the skill that made an execution's files, by its id.
    """
    keys: dict[str, None] = {}
    for file in files:
        found = None
        if file.source.source is Source.URL:
            scheme, sign, rest = shown_url(file.source.at).partition("://")
            found = asset_key(f"{scheme.lower()}{sign}{rest}")
        elif file.source.source is Source.RUN and (maker := makers.get(file.source.at)):
            found = stored_key(*maker, file.source.member)
        if found:
            keys[found] = None
    return tuple(keys)


def asset_events(
    result: RunResult, read: Sequence[str], related: Sequence[RelatedResource], redact: Callable[[str], str] = str
) -> list[Event]:
    """The events of a run: one for each asset that it read, and, if it was a success, for each file that it made.

    Args:
        read: Keys of what it read.
        related: The flow run, the task run and so on.
        redact: A key that it would change holds a secret, and is left out.
    """
    upstream = list(islice((key for key in read if redact(key) == key), MAX_ASSETS))
    events = [
        Event(event="prefect.asset.referenced", resource=Resource({"prefect.resource.id": key}), related=[*related])
        for key in upstream
    ]
    assets = [RelatedResource({"prefect.resource.id": key, "prefect.resource.role": "asset"}) for key in upstream]
    maker = RelatedResource({"prefect.resource.id": "skillbox", "prefect.resource.role": "asset-materialized-by"})
    made = sorted(result.artifacts.files, key=lambda file: file.path) if result.ok else []
    keys = ((stored_key(result.tenant, result.skill, file.path), file) for file in made)
    for key, file in islice((pair for pair in keys if redact(pair[0]) == pair[0]), MAX_ASSETS):
        events.append(
            Event(
                event="prefect.asset.materialization.succeeded",
                resource=Resource({"prefect.resource.id": key, "prefect.resource.name": file.path}),
                related=[*related, *assets, maker],
                payload={
                    "execution": result.execution_id,
                    "version": result.version,
                    "size": file.size,
                    "sha256": file.sha256,
                },
            )
        )
    return events


@dataclass(frozen=True, eq=False)
class AssetEvents:
    """The asset events of a run, made where artifacts are sent, since a database is asked (`outbox.Item`).

    Attributes:
        files: What the run was given.
        records: Tell which skill made those of other runs.
    """

    result: RunResult
    files: tuple[PlannedFile, ...] = field(repr=False)
    home: Home
    records: ExecutionRecords
    redact: Callable[[str], str]
    every: float = field(default=0, init=False)

    def send(self, client: SyncPrefectClient) -> None:  # noqa: ARG002
        """Makes them; they are sent with the other events of their second."""
        runs = {file.source.at for file in self.files if file.source.source is Source.RUN}
        rows = self.records.find(sorted(runs)) if runs else {}
        makers = {row.id: (row.tenant_id, row.skill_name) for row in rows.values()}
        read = read_keys(self.files, makers)
        for event in asset_events(self.result, read, self.home.related, self.redact):
            event_batch.tell(event)
