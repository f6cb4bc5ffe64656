"""Loading a skill: from the cache by its version, with its image, its environment, and the limits that a run has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.progress import OnProgress
from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import Call, LoadedSkill, RunOptions, RunRequest, Tree
from skillbox_core.run.limits import resolve_limits
from skillbox_core.sandbox.allowlist import image_of
from skillbox_core.sandbox.engine import Image
from skillbox_core.sandbox.images import ready_image
from skillbox_core.settings import Settings
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.entry import find_entry, find_named


def load_skill(installation: Installation, tenant: str, name: str, version: str, options: RunOptions) -> LoadedSkill:
    """Fetches a version into the cache, and checks its image and its limits.

    Raises:
        RunnerNotImplementedError: It has nothing that can be run, or nothing here runs the script.
        SkillNotFoundError, InvalidRequestError, PolicyError: It may not be run here as it is asked for.
        StorageError, DatabaseError: It could not be fetched; calling again is safe.
    """
    return loaded_skill(installation.settings, installation.registry.load(tenant, name, version), options)


def loaded_skill(settings: Settings, archive: SkillArchive, options: RunOptions) -> LoadedSkill:
    """What a run of a skill needs to know of it, with its image and its limits checked.

    Raises:
        RunnerNotImplementedError, InvalidRequestError, PolicyError: As for `load_skill`.
    """
    call = resolved_call(archive, options.call)
    asks = find_named(archive, call.entrypoint) if call and call.entrypoint else archive.manifest
    entry = find_entry(archive, call.script if call else None)
    limits = resolve_limits(settings, archive.manifest, options)
    return LoadedSkill(
        name=archive.manifest.name,
        version=archive.manifest.version,
        digest=archive.digest,
        lang=entry.lang,
        entrypoint=entry.script,
        image=image_of(settings, archive, entry.lang),
        timeout=limits.timeout,
        cpu_quota=limits.cpu_quota,
        memory=limits.memory,
        scratch=limits.scratch,
        input_schema=_json(asks.input_schema),
        output_schema=_json(asks.output_schema),
        input_files=asks.input_files,
        output_files=asks.output_files,
        call=call,
        own_folder=entry.own_folder,
    )


def resolved_call(archive: SkillArchive, call: Call | None) -> Call | None:
    """A call with what the skill's overlay says of its entrypoint, where it names one.

    Raises:
        InvalidRequestError: The overlay has no such entrypoint.
    """
    if call is None or not call.entrypoint:
        return call
    named = find_named(archive, call.entrypoint)
    return named.call.model_copy(update={"entrypoint": named.name})


@dataclass(frozen=True)
class Resolved:
    """The version that a request means, and the digest of its archive where that is known."""

    version: str
    digest: str | None


def resolve_runnable(
    installation: Installation, request: RunRequest, options: RunOptions, check: Callable[[Call], object]
) -> Resolved:
    """The version that a request means, for a run of what it asks for: before there is a record of it.

    Args:
        check: Takes the call that an entrypoint stands for, and raises where it can't be carried out.

    Raises:
        RunnerNotImplementedError: It has no entrypoint, or nothing here runs the script.
        SkillNotFoundError, InvalidRequestError: As for `resolve`; or it has no such script or entrypoint.
    """
    version = installation.registry.resolve(options.tenant, request.skill, request.version, options.owner)
    row = installation.registry.record(options.tenant, request.skill, version)
    if options.call or row is None or not row.runnable:
        try:
            archive = installation.registry.load(options.tenant, request.skill, version)
        except SkillboxError:
            # The step that loads it fails by it, and the record says so.
            return Resolved(version, None)
        call = resolved_call(archive, options.call)
        find_entry(archive, call.script if call else None)
        if call and call.entrypoint:
            check(call)
        return Resolved(version, archive.digest)
    return Resolved(version, row.digest)


def equip(
    installation: Installation,
    archive: SkillArchive,
    skill: LoadedSkill,
    say: OnProgress,
    cancel: CancelToken | None = None,
) -> LoadedSkill:
    """Makes a skill's environment ready, before anything of its own time begins; what goes meanwhile is built again.

    Args:
        say: Told how far an environment is that is not there yet.
        cancel: Ends making one.

    Raises:
        InvalidSkillError: Its lock does not reach the image's Python, or the image lacks a command.
        RunCancelledError: `cancel` was tripped.
        InfrastructureError: It could not be made; calling again is safe.
    """
    # What makes and asks is loaded for a skill that needs it only.
    if archive.overlay.requires:
        installation.environments.check_commands(archive, skill.image)
    # A skill's packages are for the language that they are locked for, not for each of its scripts.
    if skill.lang != archive.lang:
        return skill
    return replace(skill, tree=ready_tree(installation, archive, skill.image, say, cancel))


def ready_tree(
    installation: Installation,
    archive: SkillArchive,
    image: str,
    say: OnProgress,
    cancel: CancelToken | None = None,
) -> Tree | None:
    """The tree of a skill's packages, with its layer on this engine; None for a skill that needs none.

    Args:
        image: The image that the skill runs on, after aliases.

    Raises:
        InvalidSkillError, RunCancelledError, InfrastructureError: As for `equip`.
    """
    tree = installation.environments.prepare(archive, image, say) if archive.locked else None
    if tree:
        sandbox_image(installation, image, tree, say, cancel)
    return tree


def sandbox_image(
    installation: Installation,
    reference: str,
    tree: Tree | None,
    say: OnProgress | None = None,
    cancel: CancelToken | None = None,
) -> tuple[Image, Image]:
    """The image that a skill names, and the one that its sandbox is made from: that, or its environment on it.

    Args:
        reference: The image's name after aliases.
    """
    base = ready_image(installation.engine, reference)
    if tree is None:
        return base, base
    from skillbox_core.sandbox import layer
    from skillbox_core.sandbox.building import ready_environment

    packed = layer.Packed(tree.digest, tree.size, lambda: installation.environments.store.open(tree.digest))
    made = ready_environment(
        installation.engine,
        base,
        packed,
        instance=installation.settings.instance,
        most=installation.settings.max_environments_size,
        on_progress=say,
        cancel=cancel,
    )
    return base, made


def _json(schema: Mapping[str, object] | None) -> str | None:
    return json.dumps(schema) if schema is not None else None
