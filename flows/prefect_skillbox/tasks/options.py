"""The options of Prefect's `@task` that a skill takes. Each does what it does for a plain task, or is refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from prefect import Task
from prefect.cache_policies import DEFAULT, NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.settings import get_current_settings
from prefect.utilities.annotations import NotSet

from prefect_skillbox.tasks.caching import SkillPolicy
from prefect_skillbox.tasks.mapping import literally
from prefect_skillbox.tasks.spec import SkillSpec
from skillbox_core.base.meant import name_meant
from skillbox_core.errors import InvalidRequestError

_KNOWN = tuple(name for name in inspect.signature(Task.__init__).parameters if name not in ("self", "fn"))
_SKILLS = (
    *("script", "args", "stdin", "ok_exit_codes", "result", "edit"),
    *("tenant", "timeout", "cpu", "memory", "env", "installation", "raise_on_failure"),
)
_REFUSED = {
    "version": 'the version of a skill is part of its reference: skill("{name}@1.0.0")',
    "result_storage_key": "it would take the place of the cache policy, and give one skill the result of another; "
    "use cache_policy or cache_key_fn",
}
HOOKS = ("on_completion", "on_failure", "on_running", "on_rollback", "on_commit")


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that say something: what is not set, or None, is left to Prefect."""
    return {name: value for name, value in options.items() if value is not NotSet and value is not None}


def check_options(spec: SkillSpec, options: Mapping[str, Any]) -> None:
    """Refuses what would have no effect, or another one than it has for a plain task.

    Args:
        options: Those that say something.

    Raises:
        InvalidRequestError: Names the option, and the way out.
    """
    for name in options:
        if name in _SKILLS:
            raise InvalidRequestError(f"{name} is said where the skill is defined: skill(..., {name}=...)")
        if name not in _KNOWN:
            meant = name_meant(name, (*_SKILLS, *_KNOWN))
            raise InvalidRequestError(
                f'a skill has no option "{name}"', hint=f"did you mean {meant}?" if meant else None
            )
        if name in _REFUSED:
            raise InvalidRequestError(f"{name} is not for skills: {_REFUSED[name].format(name=spec.name)}")
    if options.get("log_prints") is False:
        raise InvalidRequestError("log_prints=False is not for skills: what a skill prints is always logged")
    if "cache_policy" in options and not isinstance(options["cache_policy"], CachePolicy):
        kind = type(options["cache_policy"]).__name__
        raise InvalidRequestError(f"cache_policy is a {kind}, not one of prefect.cache_policies")
    if "cache_policy" in options and "cache_key_fn" in options:
        raise InvalidRequestError("cache_policy and cache_key_fn both say when a result is used again: give one")
    _check_serializer(options)
    if not caches(options):
        if "cache_expiration" in options:
            raise InvalidRequestError("cache_expiration has no effect without a cache_policy or a cache_key_fn")
        return
    if options.get("persist_result") is False:
        raise InvalidRequestError("a result that is not kept can't be used again: persist_result=False and caching")
    if not spec.raise_on_failure:
        raise InvalidRequestError(
            f"{spec.name} can't have both a cache and raise_on_failure=False: its failures would be kept too"
        )


def _check_serializer(options: Mapping[str, Any]) -> None:
    keeps = caches(options) or options.get("persist_result") or "result_storage" in options
    if "result_serializer" not in options and not keeps:
        return
    serializer = options.get("result_serializer", get_current_settings().results.default_serializer)
    kinds = [serializer if isinstance(serializer, str) else getattr(serializer, "type", "")]
    kinds.append(getattr(getattr(serializer, "serializer", None), "type", ""))
    if any("json" in kind for kind in kinds):
        raise InvalidRequestError(
            "as JSON a result loses its files' digests, its reason and its usage", hint='result_serializer="pickle"'
        )


def prefect_options(spec: SkillSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """What Prefect's task is made with.

    Args:
        options: Those that say something, checked.
    """
    name = options.get("name", spec.title)
    made = {"name": name, "task_run_name": literally(name), **options}
    key_fn = made.pop("cache_key_fn", None)
    asked = CachePolicy.from_cache_key_fn(key_fn) if key_fn else made.get("cache_policy", NO_CACHE)
    keep = options.get("persist_result", bool({"result_storage", "result_serializer"} & options.keys()))
    # Results are kept only where somebody asks for them: they may be large, and the record has them.
    made["persist_result"] = keep or caches(options)
    made["cache_policy"] = SkillPolicy.around(asked, spec, keep=keep) if made["persist_result"] else NO_CACHE
    if "retry_condition_fn" in made:
        made["retry_condition_fn"] = _function(made["retry_condition_fn"])
    # Prefect adds to these lists what is decorated later.
    return {**made, **{hooks: copy(made[hooks]) for hooks in HOOKS if hooks in made}}


def identifying(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that tell a task from others, for its key.

    Prefect's task worker serves a copy of a task that keeps its results, and caches them in one flow run where
    nothing else was asked for. So that is no difference.
    """
    told = {name: value for name, value in given(options).items() if name != "persist_result"}
    if "tags" in told:
        told["tags"] = set(told["tags"])
    if not caches(options) or options.get("cache_policy") == DEFAULT:
        told.pop("cache_policy", None)
    return {name: value for name, value in told.items() if name not in HOOKS or value}


def caches(options: Mapping[str, Any]) -> bool:
    """Whether results are to be used again."""
    return "cache_key_fn" in options or options.get("cache_policy", NO_CACHE) != NO_CACHE


def _function(condition: Callable[..., Any]) -> Callable[..., Any]:
    """A condition as a function: of other callables Prefect 3.8 thinks that they never hold."""
    if inspect.isfunction(condition) or not callable(condition):
        return condition

    def holds(task: Task[..., Any], run: TaskRun, state: State[Any]) -> Any:
        return condition(task, run, state)

    return holds
