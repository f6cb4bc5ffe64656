"""`skill("chart@1.0.0")`: a skill as a Prefect task, to be called, submitted and mapped like any other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import Any, Self, cast

from prefect import Task, get_run_logger, unmapped
from prefect.cache_policies import DEFAULT
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import BaseAnnotation, NotSet
from prefect.utilities.engine import resolve_inputs_sync

from prefect_skillbox.config.secrets import SecretRef, Secrets
from prefect_skillbox.execution import cancellation, frames
from prefect_skillbox.execution.execute import execute
from prefect_skillbox.execution.map_index import suffix
from prefect_skillbox.execution.owner import current_owner
from prefect_skillbox.observe import batch_table
from prefect_skillbox.tasks import batch_reading
from prefect_skillbox.tasks.batch_inputs import WHOLE, FutureOfMany, check_inputs, is_whole
from prefect_skillbox.tasks.batch_task import BatchTask, check_batch
from prefect_skillbox.tasks.ends import cancelled, without_steps
from prefect_skillbox.tasks.mapping import IndexedName, NumberingRunner
from prefect_skillbox.tasks.options import HOOKS, caches, check_options, given, identifying, prefect_options
from prefect_skillbox.tasks.result import SkillResult
from prefect_skillbox.tasks.spec import SkillSpec, outputs
from prefect_skillbox.tasks.task_key import task_key
from skillbox_core.base.names import DEFAULT_TENANT, check_skill, check_tenant, split_reference
from skillbox_core.base.quantities import check_limits
from skillbox_core.base.versions import Constraint
from skillbox_core.errors import InvalidRequestError, RunCancelledError, SkillboxError
from skillbox_core.models import Call, RunRequest, RunResult, referenced
from skillbox_core.sandbox.environment import check_env
from skillbox_core.status import Status


def skill(
    reference: str,
    *,
    script: str | None = None,
    args: Sequence[str | Sequence[str]] = (),
    stdin: str | None = None,
    ok_exit_codes: Collection[int] | None = None,
    result: str | None = None,
    edit: bool = False,
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
            `^1.2`, `~1.2`, `latest`; with `#entrypoint` behind it, a call that the skill's overlay names. All calls in
            one flow run get the same version, also when the run is retried.
        script: One of the skill's scripts, by its path inside it, instead of the skill's own entrypoint.
        args: Its arguments, one each, in which `{input.FIELD}`, `{file:NAME}`, `{files}` and `{out}` stand for what
            they name in each call (`skillbox_core.base.placeholders`). `{input.FIELD?}` leaves its argument out where
            there is none, and a list of templates is left out together; `{input.FIELD...}` is an argument for each
            item of a list; behind `{if input.FIELD}` an argument is there only where that is true.
        stdin: Its standard input, a template as well.
        ok_exit_codes: Its exit codes that are answers; by default 0.
        result: What its result is where it writes no output.json: `auto` (what it prints, as JSON where it is that),
            `json`, `lines`, `text`, or `file:PATH`, a file that it leaves in `{out}` or its working directory.
        edit: Its input files are copies that it may change; they are among the result's files.
        tenant: Whose skill, and whose files. `SKILLBOX_TENANT` is for the command line and not read here.
        timeout, cpu, memory: As in SKILL.md, instead of the skill's own.
        env: Environment variables for the skill: text, or `prefect_skillbox.secret("block")` for the value of a Prefect
            Secret block, which is read when the container is made and is in nothing that Prefect keeps.
        installation: Name of a `SkillboxInstallation` block, instead of this process's settings.
        raise_on_failure: Raise an `ExecutionError` that carries the result when the skill does not succeed;
            otherwise the result is returned. A cancelled run is Prefect's *Cancelled* either way.
        task_options: For Prefect's `@task`, such as `retries` or `tags`. Results are kept, and used again, only
            where options for that are given.

    Raises:
        InvalidRequestError: The reference, a limit, a variable or an option breaks its rule, or an option would have
            no effect. What only the installation knows, such as its maximum, is said when the skill runs.

    Returns:
        A task of two arguments. `input`: any JSON value, or what becomes one (`skillbox_core.run.json_values`); results
        of other skills in it stand for their output.
        `files`: what the skill finds in `/sandbox/in/files/`, see `skillbox_core.input_files`. Futures of
        other skills may stand for their results in both.
    """
    call = _call(script, {"args": args, "stdin": stdin, "ok_exit_codes": ok_exit_codes, "result": result, "edit": edit})
    bare, call = referenced(reference, call)
    name, version = split_reference(bare)
    # What is mistyped here is better said where it stands than when the flow is half done.
    check_skill(name)
    Constraint.parse(version)
    check_tenant(tenant)
    check_limits(timeout=timeout, cpu=cpu, memory=memory)
    secrets = Secrets.of(env or {})
    check_env(secrets.placeholders)
    spec = SkillSpec(
        name=name,
        version=version,
        tenant=tenant,
        timeout=timeout,
        cpu=cpu,
        memory=memory,
        secrets=secrets,
        installation=installation,
        raise_on_failure=raise_on_failure,
        call=call,
    )
    cancellation.listen()
    return SkillTask(spec, task_options)


def _call(script: str | None, how: Mapping[str, Any]) -> Call | None:
    """The call that a skill task is defined with; None for the skill's own entrypoint."""
    usual: dict[str, Any] = {"args": (), "edit": False}
    said = {name: value for name, value in how.items() if value is not None and value != usual.get(name)}
    if script is not None:
        return Call(script=script, **said)
    if said:
        raise InvalidRequestError(f"{next(iter(said))} is for a script: skill(..., script=..., {next(iter(said))}=...)")
    return None


def run_spec(spec: SkillSpec, input: Any, files: Any) -> Any:
    """What a skill task does: the result of a run, or Prefect's *Cancelled*, or the error of a run that failed."""
    request = RunRequest(skill=spec.name, version=spec.version, input=outputs(input), env=spec.secrets.placeholders)
    try:
        result = execute(request, spec.options(files), spec.secrets, spec.installation)
    except RunCancelledError as error:
        return cancelled(f"{spec.name}: {error}")
    if result.status is Status.CANCELLED:
        return cancelled(f"{spec.name}: {result.error}")
    ended = SkillResult.of(result, spec.installation)
    return ended.raise_for_status() if spec.raise_on_failure else ended


class SkillTask(Task[..., RunResult]):
    """A skill as a Prefect task. Where it is called, this process listens for signals.

    Args:
        spec: The skill, and how it is run.
        options: Prefect's own, as for `@task`.

    Attributes:
        index: Which run of a map this is the task of; None for any other.

    Raises:
        InvalidRequestError: An option is mistyped, or would have no effect.
    """

    def __init__(self, spec: SkillSpec, options: Mapping[str, Any]) -> None:
        options = given(options)
        check_options(spec, options)

        def run(input: Any = None, files: Any = None) -> Any:
            try:
                return run_spec(spec, input, files)
            except SkillboxError as error:
                raise without_steps(error, spec.name) from None

        self.spec = spec
        self.index: int | None = None
        self._options = options
        self._key: tuple[list[int], str] | None = None
        super().__init__(run, **prefect_options(spec, options))

    @property
    def task_key(self) -> str:
        """By which Prefect's task workers know this task from others; see `prefect_skillbox.tasks.task_key`."""
        hooks = [len(added) for added in self._hooks.values()]
        if self._key is None or self._key[0] != hooks:
            options = identifying({**self._options, **self._hooks, "retry_delay_seconds": self.retry_delay_seconds})
            self._key = hooks, task_key(self.spec, options)
        return self._key[1]

    @task_key.setter
    def task_key(self, _of_the_function: str) -> None:
        """Prefect's own is the same for all skills."""

    def __getstate__(self) -> dict[str, Any]:
        # Another process may not have the source that the key is made of.
        assert self.task_key
        return self.__dict__

    def at(self, index: int) -> Self:
        """The task of one run of a map."""
        numbered = copy(self)
        numbered.index = index
        numbered.task_run_name = cast(Any, IndexedName(self.task_run_name or self.name, suffix(index)))
        return numbered

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """See `prefect.Task.__call__`."""
        self._listen()
        if FlowRunContext.get() and _in_event_loop():
            get_run_logger().warning(
                "%s runs in the event loop's own thread, which waits for it; .submit() lets it go on", self.name
            )
        try:
            value = super().__call__(*args, **kwargs)
        except SkillboxError as error:
            raise error.with_traceback(None) from None
        finally:
            # A result that was taken from the cache has a key, for which its tables were written.
            frames.forget()
        if isinstance(value, State) and not kwargs.get("return_state"):
            # A task that returns a state hands its caller that state; one that was cancelled has nothing else to give.
            return value.result(_sync=True)  # type: ignore[call-overload]
        return value

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """See `prefect.Task.submit`."""
        self._listen()
        return super().submit(*args, **kwargs)

    def map(  # type: ignore[override]
        self,
        input: Any = None,
        files: Any = None,
        *,
        return_state: bool = False,
        wait_for: Any = None,
        deferred: bool = False,
    ) -> Any:
        """See `prefect.Task.map`. A list, or the futures of another map, give each run its own part.

        Anything else is the same for all: one result, one dict, one path, one future. Only for `input` is a
        future waited for, since what it gives may be the list to map over.
        """
        self._listen()
        if isinstance(input, (PrefectFuture, State)):
            value = resolve_inputs_sync({"input": input}, max_depth=0)["input"]
            input = unmapped(input) if isinstance(value, WHOLE) else input
        if isinstance(files, FutureOfMany):
            files = files.result()
        if isinstance(files, PrefectFuture):
            files = unmapped(files)
        context = FlowRunContext.get()
        if context is None or deferred:
            return super().map(
                _whole(input), _whole(files), return_state=return_state, wait_for=wait_for, deferred=deferred
            )
        with NumberingRunner(self, context.task_runner) as runner:
            futures = runner.map(cast(Any, self), {"input": _whole(input), "files": _whole(files)}, wait_for)
        batch_table.watch(self.name, futures)
        if not return_state:
            return futures
        futures.wait()
        return [future.state for future in futures]

    def batch(
        self,
        inputs: Any,
        files: Any = None,
        *,
        size: int = 100,
        isolation: str = "run",
        wait_for: Any = None,
        return_state: bool = False,
    ) -> Any:
        """Runs the skill once for each input, in one task run for each `size` of them.

        Args:
            inputs: What gives one input after the other: a list, a generator, the futures of a map, or the future of a
                task that gives a list. It is read in a thread of its own, as the task runs before come to their ends.
            files: For each input its own, or the same for all, as in `map`.
            size: Inputs for each task run.
            isolation: How inputs are kept from each other. `run`: each in a container of its own.
            wait_for: Futures that each task run waits for.
            return_state: Give the state that the batch ended in instead.

        Returns:
            A `Batch`, a future whose `.result()` is the list of results in the order of the inputs.

        Raises:
            InvalidRequestError: An argument is wrong, this isolation is not offered, or an option of the task would
                have no effect in a batch.
            RuntimeError: There is no flow around it, whose task runner runs it.
        """
        options = {**self._options, **{hooks: hook for hooks, hook in self._hooks.items() if hook}}
        check_batch(self.name, options, size, isolation)
        check_inputs(inputs, files)
        self._listen()
        batch = batch_reading.begin(BatchTask(self.spec, options), inputs, files, size, wait_for)
        if not return_state:
            return batch
        batch.wait()
        return batch.state

    def with_options(self, **changes: Any) -> SkillTask:
        """See `prefect.Task.with_options`. What is said last holds: a cache_policy takes a cache_key_fn's place."""
        parameters = inspect.signature(Task.with_options).parameters
        options: dict[str, Any] = {**self._options, **self._hooks}
        for name, value in changes.items():
            # To Prefect, None leaves some options as they are, and sets others back.
            if value is NotSet or (value is None and name in parameters and parameters[name].default is None):
                continue
            options[name] = value
        for one, other in (("cache_policy", "cache_key_fn"), ("cache_key_fn", "cache_policy")):
            if one in given(changes) and other not in given(changes):
                options.pop(other, None)
        if not caches(options) and "cache_expiration" not in changes:
            options.pop("cache_expiration", None)
        if not self.spec.raise_on_failure and changes.get("persist_result") and changes.get("cache_policy") is DEFAULT:
            # Prefect's task worker does so to have the results kept. A failure must be, and not be used again.
            options.pop("cache_policy")
        return SkillTask(self.spec, options)

    @property
    def _hooks(self) -> dict[str, Any]:
        """Those that the options name, and those that were added since by decorators."""
        return {hooks: list(getattr(self, f"{hooks}_hooks")) for hooks in HOOKS}

    def _listen(self) -> None:
        cancellation.listen()
        context = FlowRunContext.get()
        if context is None:
            return
        owner = current_owner()
        cancellation.follow(context, owner)
        if not isinstance(context.task_runner, ThreadPoolTaskRunner):
            # What it starts may run in another process, which no signal to this one reaches.
            cancellation.end_elsewhere(context, owner, self.spec.installation)


def _whole(value: Any) -> Any:
    """An argument of a map in which Prefect will not take one value apart."""
    if isinstance(value, BaseAnnotation) and not isinstance(value, unmapped):
        return value.rewrap(_whole(value.unwrap()))
    return unmapped(value) if is_whole(value) else value


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
