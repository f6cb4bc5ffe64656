"""What a skill task gives: a `RunResult` of which Prefect looks at the output only.

Prefect draws arrows by what a result is made of: it remembers the objects inside by their identity, and finds them
again in what later tasks are given. Every empty text and every status of a process is one and the same object, so
arrows would join skills that have nothing to do with each other.

Prefect has no word for "look at this field only". It takes a model apart as `dict(model)`, so what it is given then
is told by who asks. Read in Prefect 3.8.8 and 3.9.1, `prefect.utilities.collections.visit_collection`.

So is the JSON that Prefect's serializer keeps: for anybody else it is the original's, which says neither the tenant nor
the installation by which the files are found again (`prefect.utilities.pydantic.custom_pydantic_encoder`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any, Self

from pydantic import ModelWrapValidatorHandler, PrivateAttr, model_validator

from prefect_skillbox.config.installation import installation_for, installation_settings
from skillbox_core.base.names import DEFAULT_TENANT
from skillbox_core.models import RunResult

VISITOR = "prefect.utilities.collections"
ENCODER = "prefect.utilities.pydantic"


_fields_sets: dict[frozenset[str], set[str]] = {}
"""The names of the fields that results were made with, once for all that have the same: a batch has thousands of
results, and such a set is a quarter of one. Results are frozen, so none changes it."""


class SkillResult(RunResult):
    """How a run of a skill in a flow ended."""

    _installation: str | None = PrivateAttr(default=None)
    """The block of the installation that has its files, for the processes that it is unpickled in."""

    @classmethod
    def of(cls, result: RunResult, installation: str | None) -> SkillResult:
        """The same result, as a skill task gives it.

        Args:
            installation: Name of the `SkillboxInstallation` block that it ran with; None for none.
        """
        given = result.model_fields_set
        made = cls.model_construct(_fields_sets.setdefault(frozenset(given), given), **dict(result))
        made._origin, made._installation = result._origin, installation
        return made

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The original's JSON, as of any result; for Prefect's serializer with what finds the files again."""
        data = super().model_dump(**options)
        if sys._getframe(1).f_globals.get("__name__") == ENCODER:
            data |= {"tenant": self.tenant, "installation": self._block}
        return data

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(data)
        if isinstance(data, dict):
            made._installation = data.get("installation")
        return made

    @property
    def _block(self) -> str | None:
        # One that an older release pickled has nothing private.
        return (self.__pydantic_private__ or {}).get("_installation")

    def _default_store(self) -> Any:
        return installation_for(installation_settings(self._block)).executions.stored_files

    def __iter__(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        """All fields, as of any model; for Prefect's visitor the output alone, where that is an object of its own."""
        if sys._getframe(1).f_globals.get("__name__") != VISITOR:
            return super().__iter__()
        # Short texts and small numbers are one object too, wherever they come from.
        return iter([("output", self.output)] if isinstance(self.output, (dict, list)) else [])

    def __eq__(self, other: object) -> bool:
        """Whether it says the same as another result, a skill task's or the core's."""
        return dict(self) == dict(other) if isinstance(other, RunResult) else NotImplemented

    __hash__ = RunResult.__hash__


def load_result(execution_id: str, *, tenant: str = DEFAULT_TENANT, installation: str | None = None) -> SkillResult:
    """The result of an execution, from its record; its files can be opened.

    Args:
        execution_id: All of its digits, as in `SkillResult.execution_id` or in what a run of *run-skill* returns.
        tenant: Whose execution.
        installation: Name of a `SkillboxInstallation` block, instead of this process's settings.

    Raises:
        ExecutionNotFoundError: The installation has no such execution, or it is another tenant's.
        SettingsError: A setting is wrong, there is no such block, or nobody has made the installation.
    """
    parts = installation_for(installation_settings(installation))
    return SkillResult.of(parts.executions.result(tenant, execution_id), installation)


async def aload_result(
    execution_id: str, *, tenant: str = DEFAULT_TENANT, installation: str | None = None
) -> SkillResult:
    """See `load_result`."""
    return await asyncio.to_thread(load_result, execution_id, tenant=tenant, installation=installation)
