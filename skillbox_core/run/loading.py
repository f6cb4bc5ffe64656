"""Loading a skill: from the cache by its version, with the image and the limits that a run of it will have."""

from __future__ import annotations

import json
from collections.abc import Mapping

from skillbox_core.errors import RunnerNotImplementedError
from skillbox_core.installation import Installation
from skillbox_core.models import LoadedSkill, RunOptions
from skillbox_core.run.limits import resolve_limits
from skillbox_core.sandbox.allowlist import resolve_image, validate_image


def load_skill(installation: Installation, tenant: str, name: str, version: str, options: RunOptions) -> LoadedSkill:
    """Fetches a version into the cache, and checks its image and its limits.

    Raises:
        RunnerNotImplementedError: It has nothing that can be run.
        SkillNotFoundError, InvalidRequestError, PolicyError: It may not be run here as it is asked for.
        StorageError, DatabaseError: It could not be fetched; calling again is safe.
    """
    settings = installation.settings
    archive = installation.registry.load(tenant, name, version)
    if archive.entrypoint is None:
        raise RunnerNotImplementedError(
            f"skill {name} has instructions only, nothing that can be run",
            hint="add main.py, run.py, main.js or main.sh",
        )
    limits = resolve_limits(settings, archive.manifest, options)
    image = archive.manifest.image or settings.default_images[archive.lang]
    validate_image(image, settings.image_allowlist)
    return LoadedSkill(
        name=name,
        version=version,
        digest=archive.digest,
        lang=archive.lang,
        entrypoint=archive.entrypoint,
        image=resolve_image(image, settings.image_allowlist, settings.image_aliases),
        timeout=limits.timeout,
        cpu_quota=limits.cpu_quota,
        memory=limits.memory,
        scratch=limits.scratch,
        input_schema=_json(archive.manifest.input_schema),
        output_schema=_json(archive.manifest.output_schema),
        input_files=archive.manifest.input_files,
    )


def _json(schema: Mapping[str, object] | None) -> str | None:
    return json.dumps(schema) if schema is not None else None
