"""Which images may run, and which image stands in for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skillbox_core.errors import ImageNotAllowedError


def validate_image(image: str, allowlist: Sequence[str]) -> None:
    """Refuses an image that is not on the allowlist, by exact, case-sensitive comparison.

    Args:
        image: As the skill names it, before any alias.
        allowlist: The installation's images; an empty one refuses everything.

    Raises:
        ImageNotAllowedError: Also for an empty image name.
    """
    if not image:
        raise ImageNotAllowedError("no image is named, so none can be allowed")
    if image not in allowlist:
        allowed = ", ".join(allowlist) or "none"
        raise ImageNotAllowedError(
            f'image "{image}" is not allowed here; allowed: {allowed}', hint="see SKILLBOX_IMAGE_ALLOWLIST"
        )


def resolve_alias(image: str, aliases: Mapping[str, str]) -> str:
    """The image this installation uses where a skill asks for `image`.

    Aliases are the operator's word, so what they name needs no place on the allowlist.
    """
    return aliases.get(image, image)
