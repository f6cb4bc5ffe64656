"""The task of a batch: each of its runs runs a skill for several inputs."""

from __future__ import annotations

import string
from collections.abc import Mapping
from copy import copy
from typing import Any, Self, cast

from prefect import Task

from prefect_skillbox.execution.chunk import Answer, Chunk, execute_chunk
from prefect_skillbox.execution.map_index import span
from prefect_skillbox.tasks.ends import cancelled, without_steps
from prefect_skillbox.tasks.mapping import IndexedName
from prefect_skillbox.tasks.options import caches, prefect_options
from prefect_skillbox.tasks.result import SkillResult
from prefect_skillbox.tasks.spec import SkillSpec, outputs
from skillbox_core.base.meant import name_meant
from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError, RunCancelledError, SkillboxError
from skillbox_core.models import BatchFailedError, RunOptions, RunRequest, RunResult

ISOLATIONS = ("run",)
"""How the inputs of a batch are kept from each other: `run` gives each a container of its own."""
_PLANNED = ("shared",)


def check_batch(name: str, options: Mapping[str, Any], size: Any, isolation: Any) -> None:
    """Refuses what a batch of this skill can't be, or what would have no effect.

    Args:
        name: The skill's task.
        options: Those of the skill's task that say something.
        size: Inputs for each task run.

    Raises:
        InvalidRequestError: Names the argument or the option, and the way out.
    """
    if isolation not in ISOLATIONS:
        if isolation in _PLANNED:
            raise InvalidRequestError(
                f'isolation="{isolation}" is not offered yet', hint='"run" gives each input a container of its own'
            )
        meant = name_meant(isolation, ISOLATIONS) if isinstance(isolation, str) else None
        said = shown(isolation) if isinstance(isolation, str) else repr(isolation)
        raise InvalidRequestError(f'isolation is "run", not {said}', hint=f"did you mean {meant}?" if meant else None)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise InvalidRequestError(f"size is a number of inputs from 1 up, not {size!r}")
    if caches(options):
        raise InvalidRequestError(
            f"a batch of {name} can't have a cache: what Prefect keeps is a whole task run of many inputs",
            hint="map it, or leave cache_policy and cache_key_fn out: a flow run that is run again keeps what was done",
        )
    if isinstance(template := options.get("task_run_name"), str):
        for _, field, _, _ in string.Formatter().parse(template):
            if field is not None and field.split(".")[0].split("[")[0] in ("input", "files"):
                raise InvalidRequestError(
                    f"task_run_name has {{{field}}} of one input in it, and a task run of a batch has many",
                    hint="map it, or give with_options(task_run_name=...)",
                )


class BatchTask(Task[..., list[RunResult]]):
    """A skill over several inputs as a Prefect task.

    Args:
        spec: The skill, and how it is run.
        options: Prefect's own, as for `@task`, checked.
    """

    def __init__(self, spec: SkillSpec, options: Mapping[str, Any]) -> None:
        def run(inputs: list[Any], files: list[Any] | None = None, first: int = 0) -> Any:
            try:
                return run_part(spec, inputs, files, first)
            except SkillboxError as error:
                raise without_steps(error, spec.name) from None

        self.spec = spec
        super().__init__(run, **prefect_options(spec, options))

    def at(self, first: int, count: int) -> Self:
        """The task of the run for these inputs."""
        part = copy(self)
        part.task_run_name = cast(Any, IndexedName(self.task_run_name or self.name, span(first, count)))
        return part


def run_part(spec: SkillSpec, inputs: list[Any], files: list[Any] | None, first: int) -> Any:
    """What a task run of a batch does: the results of its inputs, or Prefect's *Cancelled*, or an error with them all.

    Args:
        inputs, files: See `prefect_skillbox.tasks.batch_inputs.Part`.
        first: Index of the first of them in the batch.

    Raises:
        BatchFailedError: An input failed, and failures are to be raised; or one could not be asked whether it can be
            run, as when the database does not answer.
        SettingsError: A setting is wrong.
    """

    def ask(number: int) -> tuple[RunRequest, RunOptions]:
        options = spec.options(files[number] if files is not None else None)
        env = spec.secrets.placeholders
        return RunRequest(skill=spec.name, version=spec.version, input=outputs(inputs[number]), env=env), options

    def conclude(answers: list[Answer]) -> list[RunResult]:
        results: list[RunResult] = [SkillResult.of(answer.result, spec.installation) for answer in answers]
        wrong = any(answer.error is not None for answer in answers)
        if wrong or (spec.raise_on_failure and not all(result.ok for result in results)):
            raise BatchFailedError.of(results, first)
        return results

    chunk = Chunk(spec.name, spec.tenant, first, len(inputs), ask, spec.secrets, spec.installation)
    try:
        return execute_chunk(chunk, conclude)
    except RunCancelledError as error:
        return cancelled(f"{spec.name}: {error}")
