"""Cache policies of skills: whatever a flow's author asks for, two different calls never share a key.

Prefect's policies look at a task's source, its inputs and its run. All skills are one function to it, so none of that
tells two skills apart. `SkillPolicy` is put around the policy that was asked for and adds what does.

    skill("chart", cache_policy=SKILL_DIGEST)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from prefect import get_run_logger
from prefect.cache_policies import (
    NO_CACHE,
    CacheKeyFnPolicy,
    CachePolicy,
    CompoundCachePolicy,
    FlowParameters,
    Inputs,
    TaskSource,
)
from prefect.context import TaskRunContext
from prefect.tasks import task_input_hash

from prefect_skillbox.config.installation import installation_for, installation_settings
from prefect_skillbox.execution import frames
from prefect_skillbox.execution.owner import current_owner
from prefect_skillbox.tasks.spec import SkillSpec, outputs
from skillbox_core.base.versions import Constraint
from skillbox_core.errors import InvalidRequestError, SkillboxError
from skillbox_core.models import LoadedSkill, PlannedFile
from skillbox_core.run.canonical import call_document, canonical_input
from skillbox_core.run.loading import load_skill
from skillbox_core.sandbox.images import ready_image
from skillbox_core.settings import Settings
from skillbox_core.storage.database import identity


@dataclass
class SkillDigest(CachePolicy):
    """Identifies a run by all that its result can depend on.

    These are the digests of the skill and of the image, the input, the digests of the input files, the limits, and
    the caller's environment. A Secret block counts by its name, not by its value. What a skill does at random or by
    the clock is not seen. Only successes are kept.
    """

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> str | None:
        """See `prefect.cache_policies.CachePolicy`.

        Raises:
            InvalidRequestError: The task is no skill.
        """
        policy = task_ctx.task.cache_policy
        if not isinstance(policy, SkillPolicy):
            raise InvalidRequestError(f"SKILL_DIGEST is for skills, and {task_ctx.task.name} is none")
        return policy.digest(inputs)


SKILL_DIGEST = SkillDigest()


@dataclass
class SkillPolicy(CachePolicy):
    """The policy of a skill task, around the one that was asked for.

    It has to be the outermost: in a compound policy Prefect passes over a part that gives no key.

    Attributes:
        spec: What the skill task was defined with.
        asked: The policy that was asked for; `NO_CACHE` for none.
        keep: Keep the results of runs that have no key too, each under one that no other run has.
    """

    spec: SkillSpec | None = None
    asked: CachePolicy = field(default_factory=lambda: NO_CACHE)
    keep: bool = False

    @classmethod
    def around(cls, asked: CachePolicy, spec: SkillSpec, *, keep: bool) -> SkillPolicy:
        """The policy with the storage and the locks of the one that was asked for."""
        return cls(asked.key_storage, asked.isolation_level, asked.lock_manager, spec, _without_ours(asked), keep)

    def compute_key(
        self, task_ctx: TaskRunContext, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """See `prefect.cache_policies.CachePolicy`."""
        try:
            key = self.asked.compute_key(task_ctx=task_ctx, inputs=inputs, flow_parameters=flow_parameters, **kwargs)
            if key is not None:
                return _hashed([key, *self._facts(inputs, flow_parameters)])
        except SkillboxError as error:
            get_run_logger().warning("%s has no cache key: %s", task_ctx.task.name, error)
        return f"{task_ctx.task_run.id}-{task_ctx.task_run.run_count}" if self.keep else None

    def digest(self, inputs: Mapping[str, Any]) -> str:
        """What tells a call from others in what it does, whatever version and limits were asked for.

        Raises:
            SkillboxError: It can't be known, or not now.
        """
        return _hashed(self._call(inputs).resolved)

    def _call(self, inputs: Mapping[str, Any]) -> _Call:
        assert self.spec is not None
        call = _Call(self.spec, inputs.get("input"), inputs.get("files"))
        if unknown := [file.path for file in call.files if not file.known]:
            raise InvalidRequestError(f"its store says nothing of the contents of {unknown[0]}")
        return call

    def _facts(self, inputs: Mapping[str, Any], flow_parameters: Mapping[str, Any]) -> Iterator[Any]:
        """What Prefect's policies leave out, and a skill can tell."""
        parts = list(_parts(self.asked))
        # Whose key says all of this.
        if not any(isinstance(part, SkillDigest) for part in parts):
            call = self._call(inputs)
            yield from call.asked
            if any(isinstance(part, TaskSource) for part in parts):
                # The source of a skill is what was pushed.
                yield call.skill.digest
            if any(_covers_input(part) for part in parts):
                # Prefect sorts the keys of what it hashes, and takes two failed results for one.
                yield call.document
        if any(isinstance(part, FlowParameters) for part in parts):
            yield _order(flow_parameters)


class _Call:
    """One call of a skill, and what is known of it. Each fact is looked up when it is asked for."""

    def __init__(self, spec: SkillSpec, input: Any, files: Any) -> None:
        self._spec = spec
        self._input = input
        self._options = spec.options(files)
        self._installation = installation_for(installation_settings(spec.installation))

    @cached_property
    def files(self) -> tuple[PlannedFile, ...]:
        """Its input files, by their contents."""
        files = frames.of_task_run(self._installation, self._options.files)
        return self._installation.inputs.plan(self._spec.tenant, files)

    @cached_property
    def skill(self) -> LoadedSkill:
        """The skill as it would run now."""
        spec, owner = self._spec, current_owner()
        asked = spec.name, spec.version, owner.flow_run_id if owner else None
        version = self._installation.registry.resolve(spec.tenant, *asked)
        return load_skill(self._installation, spec.tenant, spec.name, version, self._options)

    @cached_property
    def document(self) -> str:
        """The JSON text that the skill gets."""
        return canonical_input(outputs(self._input), self._installation.settings.max_input_size)

    @property
    def asked(self) -> list[Any]:
        """What makes two calls the same as far as their caller said, the input apart."""
        version = Constraint.parse(self._spec.version).text
        limits = [self._options.timeout, self._options.cpu, self._options.memory]
        return [*self._surroundings, self._spec.name, version, limits]

    @property
    def resolved(self) -> list[Any]:
        """What makes two calls the same in what they do, the input included."""
        skill = self.skill
        limits = [skill.timeout, skill.cpu_quota, skill.memory, skill.scratch]
        image = ready_image(self._installation.engine, skill.image).id
        return [*self._surroundings, skill.digest, image, limits, self.document]

    @property
    def _surroundings(self) -> list[Any]:
        """Whose call it is, of which script, where, and with which environment and files."""
        files = [(file.path, file.identity) for file in self.files]
        # Records and files are those of one installation; another's result could not be looked up here.
        parts = [_place(self._installation.settings), self._spec.tenant, self._spec.secrets.identity, files]
        return [*parts, call_document(self._spec.call)] if self._spec.call else parts


def _hashed(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _without_ours(policy: CachePolicy) -> CachePolicy:
    """A policy that may have been taken from another skill, as it was asked for there."""
    if isinstance(policy, SkillPolicy):
        return policy.asked
    if isinstance(policy, CompoundCachePolicy):
        return replace(policy, policies=[_without_ours(part) for part in policy.policies])
    return policy


def _parts(policy: CachePolicy) -> Iterator[CachePolicy]:
    if isinstance(policy, CompoundCachePolicy):
        for part in policy.policies:
            yield from _parts(part)
    else:
        yield policy


def _covers_input(policy: CachePolicy) -> bool:
    if isinstance(policy, CacheKeyFnPolicy):
        return policy.cache_key_fn is task_input_hash
    return isinstance(policy, Inputs) and "input" not in policy.exclude


def _order(value: Any) -> Any:
    """The keys of all objects in a value, in their order."""
    if isinstance(value, Mapping):
        return [[str(key), _order(item)] for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [_order(item) for item in value]
    return None


def _place(settings: Settings) -> list[str]:
    """What tells installations apart: their name, their database and their store, without the passwords."""
    database = identity(settings.database)
    store = settings.s3_endpoint or str(settings.home)
    return [settings.instance, database, store, settings.s3_bucket_skills, settings.s3_bucket_executions]
