"""The progress artifact of a run whose skill says how far it is."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient

from prefect_skillbox.observe import outbox
from prefect_skillbox.observe.artifacts import Artifact, Home, artifact_key, change, code
from skillbox_core.base.progress import Progress


class ProgressBar:
    """A progress artifact that follows what is said of a skill, at most once a second (`outbox.Item`).

    Args:
        kind: Of what it shows the progress; part of the artifact's key.
    """

    def __init__(self, skill: str, tenant: str, home: Home, kind: str = "progress") -> None:
        self._skill = skill
        self._key = artifact_key(kind, skill, tenant)
        self._home = home
        self.every = 1.0
        self._last: Progress | None = None
        self._artifact: UUID | None = None

    def show(self, progress: Progress) -> None:
        """Shows how far the skill is."""
        self._last = progress
        outbox.post(self)

    def complete(self) -> None:
        """The skill succeeded: whatever it said last, it is done. One that failed stays where it was."""
        self.every = 0
        if self._last is not None:
            self.show(Progress(100, self._last.text))

    def send(self, client: SyncPrefectClient) -> None:
        """Creates the artifact, then updates it."""
        assert self._last is not None
        last = self._last
        text = f"`{self._skill}`" + (f": {code(last.text)}" if last.text else "")
        if self._artifact is None:
            self._artifact = Artifact("progress", self._key, last.percent, text, self._home).create(client)
        else:
            change(client, self._artifact, {"data": last.percent, "description": text})
