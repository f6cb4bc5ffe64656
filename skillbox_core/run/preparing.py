"""What an attempt's sandbox is made from, and what it is handed: decided before there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.progress import OnProgress
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import InvalidRequestError
from skillbox_core.installation import Installation
from skillbox_core.models import LoadedSkill, StagedFile
from skillbox_core.run.calling import invoke
from skillbox_core.run.kinds import kind_of
from skillbox_core.run.loading import sandbox_image
from skillbox_core.sandbox.delivery import PLAIN, SCRIPTS, Invocation, TarPlan, plan_delivery, start_script
from skillbox_core.sandbox.engine import Image
from skillbox_core.sandbox.environment import skill_environment
from skillbox_core.sandbox.waiting import Kind
from skillbox_core.sandbox.warming import warm_job
from skillbox_core.skills.archive import VENDOR, SkillArchive


@dataclass(frozen=True)
class Prepared:
    """An attempt that can be launched.

    Attributes:
        base: The image that the skill names.
        image: What its sandbox is made from: that, or its environment on it.
        plan: What it is handed.
        kind: The waiting containers that it can have; None where none wait.
    """

    base: Image
    image: Image
    plan: TarPlan
    kind: Kind | None


def prepare(
    installation: Installation,
    tenant: str,
    skill: LoadedSkill,
    env: Mapping[str, str],
    document: bytes,
    files: Sequence[StagedFile],
    say: OnProgress,
    cancel: CancelToken | None,
) -> Prepared:
    """Has the image ready, and puts together what goes into the sandbox.

    Args:
        env: What the caller sets.
        document: The input, as JSON.
        files: What the skill is given.
        say, cancel: As for `sandbox_image`.

    Raises:
        InvalidRequestError: It does not fit the scratch area, or the call can't be carried out.
        InfrastructureError: The image or the environment could not be made ready; calling again is safe.
    """
    base, image = sandbox_image(installation, skill.image, skill.tree, say, cancel)
    archive = installation.registry.again(tenant, skill.name, skill.version, skill.digest)
    how = _invocation(installation, skill, document, files)
    ready = skill.tree is not None
    variables = skill_environment(
        document,
        archive.manifest.instructions,
        env,
        _search_path(archive, skill, how),
        prepared=ready,
        files_folder=how.files_folder,
    )
    kind, job = None, None
    if installation.settings.pool_places:
        kind = kind_of(installation, archive, skill, image.id, env)
        job = warm_job(variables, skill.entrypoint, how) if kind.warm else None
    start = start_script(skill.lang, skill.entrypoint, variables, prepared=ready, invocation=how)
    plan = plan_delivery(archive, document, start, files, how, job)
    if plan.size > skill.scratch:
        raise InvalidRequestError(
            f"the skill, its input and its files are {format_bytes(plan.size)}, "
            f"its scratch area is {format_bytes(skill.scratch)}",
            hint="raise resources.scratch in SKILL.md",
        )
    return Prepared(base, image, plan, kind)


def _invocation(
    installation: Installation, skill: LoadedSkill, document: bytes, files: Sequence[StagedFile]
) -> Invocation:
    if skill.call is None:
        return PLAIN
    paths = [file.digest.path for file in files]
    how = invoke(skill.call, document.decode(), paths, installation.settings.max_input_size)
    return replace(how, own_folder=skill.own_folder)


def _search_path(archive: SkillArchive, skill: LoadedSkill, how: Invocation) -> str | None:
    """Where Python looks for what the skill brings along."""
    if skill.lang != "python":
        return None
    search = [f"/sandbox/{SCRIPTS}/{VENDOR}"] if archive.vendored else []
    if how.own_folder:
        # `from scripts.x import ...` works from a repository's root, where the script's own folder hides it.
        search.append(f"/sandbox/{SCRIPTS}")
    return ":".join(search) or None
