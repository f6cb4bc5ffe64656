"""The images that skills name, and what environments cost on the engine, as findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import ImageNotAllowedError, SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.operations.engine_checks import Check
from skillbox_core.sandbox.allowlist import resolve_image, validate_image
from skillbox_core.sandbox.images import local_image
from skillbox_core.sandbox.pruning import StoredEnvironment, stored_environments
from skillbox_core.skills.entry import has_something_to_run

MAX_SKILLS = 200
"""Skills that are looked at; each that is not in the cache is fetched."""
_NAMED = 3
"""Skills of an image that are named."""


def skill_image_checks(installation: Installation) -> Iterator[Check]:
    """Whether the images that stored skills name in their highest versions are allowed here, and there.

    Those of the settings are looked at anyway, and left out.
    """
    try:
        named, problems = _named_images(installation)
    except SkillboxError as error:
        yield Check("skills", "WARN", f"they can't be looked at: {error.message}", error.hint or "")
        return
    yield from problems
    for image, skills in sorted(named.items()):
        try:
            yield _image(installation, image, skills)
        except SkillboxError as error:
            yield Check(f"image {image}", "WARN", error.message, error.hint or "")


def _named_images(installation: Installation) -> tuple[Mapping[str, Sequence[str]], list[Check]]:
    registry, usual = installation.registry, set(installation.settings.default_images.values())
    found: dict[str, list[str]] = {}
    unread: list[str] = []
    skills = [(tenant, name) for tenant in registry.tenants() for name in registry.skills(tenant)]
    for tenant, name in skills[:MAX_SKILLS]:
        try:
            archive = registry.load(tenant, name, registry.resolve(tenant, name, ""))
        except SkillboxError as error:
            unread.append(f"{tenant}/{name}: {error.message}")
            continue
        image = archive.manifest.image
        if image and has_something_to_run(archive) and image not in usual:
            found.setdefault(image, []).append(f"{tenant}/{name}")
    problems = []
    if unread:
        told = f"{len(unread)} of {len(skills)} can't be read: {unread[0]}"
        problems.append(Check("skills", "WARN", told, "`skillbox skill list` names them"))
    if len(skills) > MAX_SKILLS:
        told = f"there are {len(skills)}, and the images of the first {MAX_SKILLS} were looked at"
        problems.append(Check("skills", "OK", told))
    return found, problems


def _image(installation: Installation, image: str, skills: Sequence[str]) -> Check:
    settings, part = installation.settings, f"image {image}"
    more = f" and {len(skills) - _NAMED} more" if len(skills) > _NAMED else ""
    named = f"for {', '.join(skills[:_NAMED])}{more}"
    try:
        validate_image(image, settings.image_allowlist)
    except ImageNotAllowedError as error:
        return Check(part, "WARN", f"{named}: it is not allowed here, so their runs are refused", error.hint or "")
    used = resolve_image(image, settings.image_allowlist, settings.image_aliases)
    there = local_image(installation.engine, used)
    if there is None:
        return Check(
            part,
            "WARN",
            f"{named}: {used} is not on the engine yet",
            "their first run pulls it, if it can be had; or load it",
        )
    return Check(part, "OK", f"{there.id[7:19]}, {named}")


def environments_check(installation: Installation) -> Check:
    """What environments cost on the engine."""
    try:
        return cost(stored_environments(installation.engine), installation.settings.max_environments_size)
    except SkillboxError as error:
        return Check("environments", "WARN", f"they can't be listed: {error.message}", error.hint or "")


def cost(stored: Sequence[StoredEnvironment], most: int) -> Check:
    """The same, of a list. Pure.

    Args:
        most: Bytes that they may take.
    """
    total = sum(one.size for one in stored)
    found = f"{len(stored)} on the engine, {format_bytes(total)} of {format_bytes(most)}"
    if total > most:
        return Check("environments", "WARN", found, "`skillbox env prune`, or a larger SKILLBOX_MAX_ENVIRONMENTS_SIZE")
    return Check("environments", "OK", found)
