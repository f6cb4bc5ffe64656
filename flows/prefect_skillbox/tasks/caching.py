"""A cache policy for skills: the same skill on the same image, input, files and limits gives its earlier result.

skill("chart", cache_policy=SKILL_DIGEST)
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from sqlalchemy import make_url

from prefect_skillbox.config.installation import installation_for, installation_settings
from prefect_skillbox.execution.owner import current_owner
from prefect_skillbox.tasks.spec import SkillSpec, outputs
from skillbox_core.inputs.sources import input_files
from skillbox_core.installation import Installation
from skillbox_core.models import RunOptions
from skillbox_core.run.canonical import canonical_input
from skillbox_core.run.loading import load_skill
from skillbox_core.sandbox.images import ready_image
from skillbox_core.settings import Settings


@dataclass
class SkillDigest(CachePolicy):
    """Identifies a run by all that its result can depend on.

    These are the digests of the skill and of the image, the canonical input, the digests of the input files, the
    limits, and the caller's environment. A Secret block counts by its name, not by its value. What a skill does
    at random or by the clock is not seen. Only successes are kept.
    """

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> str | None:
        """See `prefect.cache_policies.CachePolicy`."""
        spec: SkillSpec = task_ctx.task.fn.spec  # type: ignore[attr-defined]
        runner = installation_for(installation_settings(spec.installation))
        return _digest(runner, spec, inputs.get("input"), inputs.get("files"))


SKILL_DIGEST = SkillDigest()


def _digest(runner: Installation, spec: SkillSpec, input: Any, files: Any) -> str:
    owner = current_owner()
    options = RunOptions(
        tenant=spec.tenant, timeout=spec.timeout, cpu=spec.cpu, memory=spec.memory, files=input_files(files)
    )
    version = runner.registry.resolve(spec.tenant, spec.name, spec.version, owner.flow_run_id if owner else None)
    loaded = load_skill(runner, spec.tenant, spec.name, version, options)
    parts = [
        # Records and files are those of one installation; another's result could not be looked up here.
        _identity(runner.settings),
        spec.tenant,
        loaded.digest,
        ready_image(runner.engine, loaded.image).id,
        canonical_input(outputs(input), runner.settings.max_input_size),
        [(file.path, file.identity) for file in runner.inputs.plan(spec.tenant, options.files)],
        [loaded.timeout, loaded.cpu_quota, loaded.memory, loaded.scratch],
        spec.secrets.identity,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _identity(settings: Settings) -> list[str]:
    """What tells installations apart: their name, their database and their store, without the passwords."""
    database = make_url(settings.database_url).render_as_string(hide_password=True)
    store = settings.s3_endpoint or str(settings.home)
    return [settings.instance, database, store, settings.s3_bucket_skills, settings.s3_bucket_executions]
