"""What a deployment sets for each of its runs beside their input: which skill, and how it is run.

Retries are those of the skill's task. Those of a flow belong to its object, and a deployment's flow is loaded anew
for each run, by its entry point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skillbox_core.base.quantities import parse_duration
from skillbox_core.errors import InvalidRequestError

MAX_RETRIES = 100


@dataclass(frozen=True)
class RunSettings:
    """The settings of a deployment that is one skill.

    Attributes:
        skill: `tenant/name@version`.
        files: Whether the parameter `files` is its input files, and no field of its input.
        secrets: Environment variables, each with the name of a Prefect Secret block.
        retries: How often a skill that failed is run again.
        retry_delay: Between them, such as `30s`; None for at once.
    """

    skill: str
    files: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict)
    retries: int = 0
    retry_delay: str | None = None

    @property
    def parameter(self) -> str | dict[str, Any]:
        """As a deployment's parameter has them; the skill alone where there is nothing else to say."""
        more = {"files": self.files, "secrets": dict(self.secrets), **self.more_retries}
        said = {name: value for name, value in more.items() if value}
        return {"skill": self.skill, **said} if said else self.skill

    @property
    def more_retries(self) -> dict[str, Any]:
        """The parameters about retries that say something."""
        found = {"retries": self.retries, "retry_delay": self.retry_delay}
        return {name: value for name, value in found.items() if value}

    @classmethod
    def of(cls, parameter: Any) -> RunSettings:
        """Those of a parameter."""
        if not isinstance(parameter, Mapping):
            return cls(str(parameter or ""))
        known = {name: parameter[name] for name in cls.__dataclass_fields__ if name in parameter}
        return cls(**{"skill": "", **known})

    @property
    def reference(self) -> tuple[str, str]:
        """The tenant, and the skill as somebody writes it."""
        tenant, _, reference = self.skill.partition("/")
        return tenant, reference


def retry_options(retries: int, retry_delay: str | None) -> dict[str, Any]:
    """The options of a task for retries.

    Raises:
        InvalidRequestError: There can't be so many, or the delay is no duration or between no tries.
    """
    if not 0 <= retries <= MAX_RETRIES:
        raise InvalidRequestError(f"retries {retries} must be 0 to {MAX_RETRIES}")
    if retry_delay is None:
        return {"retries": retries} if retries else {}
    seconds = parse_duration(retry_delay, "retry_delay")
    if not retries:
        raise InvalidRequestError(f"retry_delay {retry_delay} is between retries, and there are none", hint="retries")
    return {"retries": retries, "retry_delay_seconds": seconds}
