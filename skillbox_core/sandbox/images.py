"""Images made ready on the engine: found or pulled, held to their digest, fit for a sandbox."""

from __future__ import annotations

from skillbox_core.base.names import split_digest
from skillbox_core.errors import ImageNotAllowedError, ImageUnavailableError, PolicyError
from skillbox_core.sandbox.engine import Engine, Image


def ready_image(engine: Engine, reference: str) -> Image:
    """The image, pulled if need be.

    A name is resolved to an image once, here; containers are made from the image's id, so no tag can move
    underneath a run.

    Args:
        reference: A name, or `name@sha256:...`, after aliases.

    Raises:
        ImageUnavailableError: Neither here nor to be had.
        ImageNotAllowedError: The engine has another image under this name than the digest says.
        PolicyError: It declares a VOLUME, which would be a writable place without a cap.
    """
    image = local_image(engine, reference)
    if image is None:
        image = _pulled(engine, reference)
    if image.volumes:
        raise PolicyError(
            f'image "{reference}" declares the volume {", ".join(image.volumes)}, a writable place without a limit'
        )
    return image


def local_image(engine: Engine, reference: str) -> Image | None:
    """The image that the engine has already, None when it has none with this name and digest."""
    name, digest = split_digest(reference)
    if not digest:
        return engine.image(name)
    found = engine.image(f"{_repository(name)}@{digest}") or engine.image(digest)
    return found if found and digest in _digests(found) else None


def names_of(reference: str) -> set[str]:
    """Every name by which this module asks an engine for an image."""
    name, digest = split_digest(reference)
    if digest:
        return {name, digest, f"{_repository(name)}@{digest}"}
    return {name} if _repository(name) != name else {name, f"{name}:latest"}


def described(reference: str, image: Image) -> str:
    """How a record names the image that ran: with the registry's digest where it is known."""
    name, digest = split_digest(reference)
    digest = digest or next(iter(_digests(image) - {image.id}), "")
    return f"{name}@{digest}" if digest else name


def _pulled(engine: Engine, reference: str) -> Image:
    name, digest = split_digest(reference)
    try:
        engine.pull(f"{_repository(name)}@{digest}" if digest else name)
    except ImageUnavailableError:
        # That the name is there with other contents is the better explanation.
        other = engine.image(name) if digest else None
        if other is None:
            raise
        raise ImageNotAllowedError(
            f'image "{name}" is pinned to {digest}, and the engine has '
            f"{other.id} ({', '.join(other.repo_digests) or 'no registry digest'})",
            hint="load the pinned image, or change the digest in SKILLBOX_IMAGE_ALLOWLIST or SKILLBOX_IMAGE_ALIASES",
        ) from None
    image = local_image(engine, reference)
    if image is None:
        raise ImageUnavailableError(f'image "{reference}" was pulled and yet is not on the engine')
    return image


def _digests(image: Image) -> set[str]:
    return {image.id, *(entry.partition("@")[2] for entry in image.repo_digests)}


def _repository(name: str) -> str:
    """A name without its tag; a port of the registry's host is no tag."""
    head, slash, tail = name.rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}"
