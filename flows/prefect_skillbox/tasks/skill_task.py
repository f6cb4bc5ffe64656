"""`skill("chart@1.0.0")`: a skill as a Prefect task, to be called, submitted and mapped like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from prefect import Task, get_run_logger, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.states import Cancelled
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.transactions import get_transaction
from prefect.utilities.annotations import BaseAnnotation
from prefect.utilities.engine import resolve_inputs_sync
from pydantic import BaseModel

from prefect_skillbox.config.secrets import SecretRef, Secrets
from prefect_skillbox.execution import cancellation
from prefect_skillbox.execution.execute import execute
from prefect_skillbox.execution.owner import current_owner
from prefect_skillbox.observe import batch_table
from prefect_skillbox.tasks.spec import SkillSpec, outputs
from skillbox_core.base.names import DEFAULT_TENANT, check_skill, split_reference
from skillbox_core.base.versions import Constraint
from skillbox_core.errors import InvalidRequestError, RunCancelledError
from skillbox_core.inputs.sources import input_files
from skillbox_core.models import RunOptions, RunRequest, RunResult
from skillbox_core.status import Status

_WHOLE = (Mapping, BaseModel)
"""What can be iterated over, but is one value: a dict, a result, a state."""


def skill(
    reference: str,
    *,
    tenant: str = DEFAULT_TENANT,
    timeout: str | None = None,
    cpu: str | None = None,
    memory: str | None = None,
    env: Mapping[str, str | SecretRef] | None = None,
    installation: str | None = None,
    raise_on_failure: bool = True,
    **task_options: Any,
) -> SkillTask:
    """A Prefect task that runs a skill.

    Args:
        reference: `name` for the highest version, or `name@version` with a version or a constraint: `1.2.3`,
            `^1.2`, `~1.2`, `latest`. All calls in one flow run get the same version, also when the run is retried.
        tenant: Whose skill, and whose files. `SKILLBOX_TENANT` is for the command line and not read here.
        timeout, cpu, memory: As in SKILL.md, instead of the skill's own.
        env: Environment variables for the skill: text, or `prefect_skillbox.secret("block")` for the value of a Prefect
            Secret block, which is read when the container is made and is in nothing that Prefect keeps.
        installation: Name of a `SkillboxInstallation` block, instead of this process's settings.
        raise_on_failure: Raise an `ExecutionError` that carries the result when the skill does not succeed;
            otherwise the result is returned. A cancelled run is Prefect's *Cancelled* either way.
        task_options: For Prefect's `@task`, such as `retries` or `tags`.

    Raises:
        InvalidRequestError: The reference is mistyped.

    Returns:
        A task of two arguments. `input`: any JSON value; results of other skills in it stand for their output.
        `files`: what the skill finds in `/sandbox/in/files/`, see `skillbox_core.input_files`. Futures of
        other skills may stand for their results in both.
    """
    name, version = split_reference(reference)
    # What is mistyped here is better said where it stands than when the flow is half done.
    check_skill(name), Constraint.parse(version)
    spec = SkillSpec(
        name=name,
        version=version,
        tenant=tenant,
        timeout=timeout,
        cpu=cpu,
        memory=memory,
        secrets=Secrets.of(env or {}),
        installation=installation,
        raise_on_failure=raise_on_failure,
    )

    def run(input: Any = None, files: Any = None) -> Any:
        return run_spec(spec, input, files)

    run.spec = spec  # type: ignore[attr-defined]
    cancellation.listen()
    return SkillTask(run, **_caching(spec, {"name": name, "task_run_name": name, **task_options}))


def run_spec(spec: SkillSpec, input: Any, files: Any) -> Any:
    """What a skill task does: the result of a run, or Prefect's *Cancelled*, or the error of a run that failed."""
    request = RunRequest(skill=spec.name, version=spec.version, input=outputs(input), env=spec.secrets.placeholders)
    options = RunOptions(
        tenant=spec.tenant, timeout=spec.timeout, cpu=spec.cpu, memory=spec.memory, files=input_files(files)
    )
    try:
        result = execute(request, options, spec.secrets, spec.installation)
    except RunCancelledError as cancelled:
        return _cancelled(f"{spec.name}: {cancelled}")
    if result.status is Status.CANCELLED:
        return _cancelled(f"{spec.name}: {result.error}")
    return result.raise_for_status() if spec.raise_on_failure else result


def _cancelled(message: str) -> State[Any]:
    if (transaction := get_transaction()) is not None:
        # Prefect keeps what a task returns under its cache key, and does not look whether it is a success.
        transaction.write_on_commit = False
    return Cancelled(message=message)


def _caching(spec: SkillSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """Prefect's options of a task, with results kept only where they are to be found again."""
    policy = options.get("cache_policy") or NO_CACHE
    if policy is NO_CACHE:
        return {"persist_result": False, **options, "cache_policy": NO_CACHE}
    if not spec.raise_on_failure:
        raise InvalidRequestError(
            f"{spec.name} can't have both cache_policy and raise_on_failure=False: its failures would be kept too"
        )
    return {**options, "persist_result": True}


class SkillTask(Task[..., RunResult]):
    """A skill as a Prefect task. Where it is called, this process listens for signals."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """See `prefect.Task.__call__`."""
        self._listen()
        if FlowRunContext.get() and _in_event_loop():
            get_run_logger().warning(
                "%s runs in the event loop's own thread, which waits for it; .submit() lets it go on", self.name
            )
        value = super().__call__(*args, **kwargs)
        if isinstance(value, State) and not kwargs.get("return_state"):
            # A task that returns a state hands its caller that state; one that was cancelled has nothing else to give.
            return value.result(_sync=True)  # type: ignore[call-overload]
        return value

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """See `prefect.Task.submit`."""
        self._listen()
        return super().submit(*args, **kwargs)

    def map(self, input: Any = None, files: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """See `prefect.Task.map`. A list, or the futures of another map, give each run its own part.

        Anything else is the same for all: one result, one dict, one path, one future. Only for `input` is a
        future waited for, since what it gives may be the list to map over.
        """
        self._listen()
        if isinstance(input, (PrefectFuture, State)):
            value = resolve_inputs_sync({"input": input}, max_depth=0)["input"]
            input = unmapped(input) if isinstance(value, _WHOLE) else input
        if isinstance(files, PrefectFuture):
            files = unmapped(files)
        futures = super().map(_whole(input), _whole(files), **kwargs)
        batch_table.watch(self.name, futures)
        return futures

    def with_options(self, *args: Any, **kwargs: Any) -> SkillTask:
        """See `prefect.Task.with_options`, which makes a plain task."""
        if "cache_policy" in kwargs:
            kwargs = _caching(self._spec, kwargs)
        changed = super().with_options(*args, **kwargs)
        changed.__class__ = SkillTask
        assert isinstance(changed, SkillTask)
        return changed

    @property
    def _spec(self) -> SkillSpec:
        spec: SkillSpec = self.fn.spec  # type: ignore[attr-defined]
        return spec

    def _listen(self) -> None:
        cancellation.listen()
        context = FlowRunContext.get()
        if context is None:
            return
        owner = current_owner()
        cancellation.follow(context, owner)
        if not isinstance(context.task_runner, ThreadPoolTaskRunner):
            # What it starts may run in another process, which no signal to this one reaches.
            cancellation.end_elsewhere(context, owner, self._spec.installation)


def _whole(value: Any) -> Any:
    """An argument of a map in which Prefect will not take one value apart."""
    if isinstance(value, BaseAnnotation) and not isinstance(value, unmapped):
        return value.rewrap(_whole(value.unwrap()))
    return unmapped(value) if isinstance(value, _WHOLE) else value


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
