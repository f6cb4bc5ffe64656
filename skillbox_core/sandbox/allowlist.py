"""Which images may run, which image stands in for which, and which are pinned to a digest. Pure.

An image is named as the engine names it, and may carry a digest: `python:3.12-slim@sha256:<64 hex digits>`. The
digest is the registry's, or for an image that was built or imported here, the image's own id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skillbox_core.base.names import split_digest
from skillbox_core.errors import ImageNotAllowedError
from skillbox_core.settings import Settings
from skillbox_core.skills.archive import SkillArchive


def image_of(settings: Settings, archive: SkillArchive, lang: str) -> str:
    """The image that a skill runs on, after aliases.

    Args:
        lang: Of what is run, whose usual image it is where the skill names none.

    Raises:
        ImageNotAllowedError: It may not be used here.
    """
    image = archive.manifest.image or settings.default_images[lang]
    validate_image(image, settings.image_allowlist)
    return resolve_image(image, settings.image_allowlist, settings.image_aliases)


def validate_image(image: str, allowlist: Sequence[str] | None) -> None:
    """Refuses an image that is not on the allowlist, by exact, case-sensitive comparison.

    An entry with a digest allows its name too: `resolve_image` then pins it.

    Args:
        image: As the skill names it, before any alias.
        allowlist: The installation's images; an empty one, or None, refuses everything.

    Raises:
        ImageNotAllowedError: Also for an empty image name.
    """
    if not image:
        raise ImageNotAllowedError("no image is named, so none can be allowed")
    if not any(image in (entry, split_digest(entry)[0]) for entry in allowlist or ()):
        allowed = ", ".join(allowlist or ()) or "none"
        raise ImageNotAllowedError(
            f'image "{image}" is not allowed here; allowed: {allowed}', hint="see SKILLBOX_IMAGE_ALLOWLIST"
        )


def resolve_image(image: str, allowlist: Sequence[str], aliases: Mapping[str, str]) -> str:
    """The image this installation uses where a skill asks for `image`, with the digest that it must have.

    Aliases are the operator's word, so what they name needs no place on the allowlist. A digest of the alias
    is the one that counts; one on the allowlist holds for whatever stands in.
    """
    name, digest = split_digest(image)
    pins = dict(map(split_digest, allowlist))
    used, own = split_digest(aliases.get(image) or aliases.get(name) or name)
    digest = own or digest or pins.get(name, "")
    return f"{used}@{digest}" if digest else used
