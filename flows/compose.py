"""`skill("chart@1.0.0")`: a skill as a Prefect task, to be called, submitted and mapped like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import Task, get_run_logger
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.states import Cancelled

from flows import cancellation
from flows.owner import current_owner
from flows.reporting import report
from flows.tasks import TaskSteps
from skillbox_core.errors import RunCancelledError
from skillbox_core.lifecycle import run_lifecycle
from skillbox_core.models import DEFAULT_TENANT, RunOptions, RunRequest, RunResult
from skillbox_core.names import split_reference
from skillbox_core.runner import Runner
from skillbox_core.settings import Settings, load_settings
from skillbox_core.status import Status


def skill(
    reference: str,
    *,
    tenant: str = DEFAULT_TENANT,
    timeout: str | None = None,
    cpu: str | None = None,
    memory: str | None = None,
    env: Mapping[str, str] | None = None,
    raise_on_failure: bool = True,
    **task_options: Any,
) -> SkillTask:
    """A Prefect task that runs a skill.

    Args:
        reference: `name` for the highest version, or `name@version`.
        timeout, cpu, memory: As in SKILL.md, instead of the skill's own.
        env: Environment variables for the skill.
        raise_on_failure: Raise an `ExecutionError` that carries the result when the skill does not succeed;
            otherwise the result is returned. A cancelled run is Prefect's *Cancelled* either way.
        task_options: For Prefect's `@task`, such as `retries` or `tags`.

    Returns:
        A task of one argument, the skill's input: any JSON value. Results of other skills may stand in it;
        the skill then gets their output.
    """
    name, version = split_reference(reference)
    options = {
        "name": name,
        "task_run_name": name,
        "cache_policy": NO_CACHE,
        "persist_result": False,
        **task_options,
    }

    def run(input: Any = None) -> Any:
        request = RunRequest(skill=name, version=version, input=outputs(input), env=dict(env or {}))
        run_options = RunOptions(tenant=tenant, timeout=timeout, cpu=cpu, memory=memory)
        try:
            result = execute(request, run_options)
        except RunCancelledError as cancelled:
            return Cancelled(message=f"{name}: {cancelled}")
        if result.status is Status.CANCELLED:
            return Cancelled(message=f"{name}: {result.error}")
        return result.raise_for_status() if raise_on_failure else result

    return SkillTask(run, **options)


class SkillTask(Task[..., RunResult]):
    """A skill as a Prefect task. Where it is called may be the main thread, so there it listens for signals."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        cancellation.listen()
        return super().__call__(*args, **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """See `prefect.Task.submit`."""
        cancellation.listen()
        return super().submit(*args, **kwargs)

    def map(self, *args: Any, **kwargs: Any) -> Any:
        """See `prefect.Task.map`."""
        cancellation.listen()
        return super().map(*args, **kwargs)

    def with_options(self, *args: Any, **kwargs: Any) -> SkillTask:
        """See `prefect.Task.with_options`, which makes a plain task."""
        changed = super().with_options(*args, **kwargs)
        changed.__class__ = SkillTask
        assert isinstance(changed, SkillTask)
        return changed


def execute(request: RunRequest, options: RunOptions) -> RunResult:
    """Runs a skill inside a Prefect task run: its steps become nested tasks, its logs the run's logs."""
    logger = get_run_logger()

    def on_log(stream: str, line: str) -> None:
        (logger.warning if stream == "stderr" else logger.info)("%s", line)

    owner = current_owner()
    context = TaskRunContext.get()
    if context is not None:
        # One attempt of one task run is one execution, however often its steps are repeated. When the flow
        # run is run again its task runs have new ids; then the owner's next attempt finds the execution.
        key = f"{context.task_run.id}/{context.task_run.run_count}"
        options = options.model_copy(update={"key": key})
    if owner is not None:
        options = options.model_copy(update={"owner": owner.flow_run_id, "owner_attempt": owner.attempt})
    runner = runner_for(load_settings())
    with cancellation.token(options.owner) as token:
        if token.cancelled:
            raise RunCancelledError("cancelled before it began")
        result = run_lifecycle(TaskSteps(runner.steps(on_log, token), request.skill), request, options)
    report(result)
    return result


_runners: dict[str, Runner] = {}


def runner_for(settings: Settings) -> Runner:
    """One runner for each installation in this process: its connections and its admission are shared."""
    # setdefault is atomic: of two threads that make one at once, both get the same.
    key = settings.model_dump_json()
    return _runners.get(key) or _runners.setdefault(key, Runner.from_settings(settings))


def outputs(value: Any) -> Any:
    """A value with each `RunResult` in it replaced by its output."""
    if isinstance(value, RunResult):
        return value.output
    if isinstance(value, Mapping):
        return {key: outputs(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [outputs(item) for item in value]
    return value
