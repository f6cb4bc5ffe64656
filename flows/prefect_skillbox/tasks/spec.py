"""What a skill task was defined with: small, picklable, and the same for every call of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect_skillbox.config.secrets import SecretRef, Secrets
from skillbox_core.errors import InvalidRequestError
from skillbox_core.inputs.sources import input_files
from skillbox_core.models import Call, ExecutionError, RunOptions, RunResult


@dataclass(frozen=True)
class SkillSpec:
    """The arguments of `prefect_skillbox.skill`, apart from those for Prefect.

    Attributes:
        version: As asked for; empty for the highest.
        call: Which script runs, and how; None for the skill's own entrypoint.
        installation: Name of a `SkillboxInstallation` block; None for the process's own settings.
    """

    name: str
    version: str
    tenant: str
    timeout: str | None
    cpu: str | None
    memory: str | None
    secrets: Secrets
    installation: str | None
    raise_on_failure: bool
    call: Call | None = None

    @property
    def title(self) -> str:
        """The skill, with the entrypoint of it that is called."""
        return f"{self.name}#{self.call.entrypoint}" if self.call and self.call.entrypoint else self.name

    def options(self, files: Any) -> RunOptions:
        """What each run of it has besides its input.

        Args:
            files: As the task was given them.
        """
        return RunOptions(
            tenant=self.tenant,
            timeout=self.timeout,
            cpu=self.cpu,
            memory=self.memory,
            call=self.call,
            files=input_files(files),
        )


def outputs(value: Any) -> Any:
    """A value with each `RunResult` in it replaced by its output; so for the errors that carry one.

    Raises:
        InvalidRequestError: A secret is in it.
    """
    if isinstance(value, SecretRef):
        raise InvalidRequestError("a secret must not be in an input, which is recorded", hint="give it in env=")
    if isinstance(value, ExecutionError):
        value = value.result
    if isinstance(value, RunResult):
        return value.output
    if isinstance(value, Mapping):
        return {key: outputs(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [outputs(item) for item in value]
    return value
