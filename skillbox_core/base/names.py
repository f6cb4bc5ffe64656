"""Names and digests: with versions the only words that ever become part of a storage key, a label or a path.

Every rule here is an allowlist, so that nothing joined from checked names can leave its place.
"""

from __future__ import annotations

import re

from skillbox_core.errors import InvalidRequestError

MAX_NAME = 64
DEFAULT_TENANT = "default"
ENVIRONMENTS = "environments"
"""Begins the keys of environments, which lie beside the tenants' skills: so no tenant is called that."""

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_SKILL = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*\Z")
_EXECUTION = re.compile(r"[0-9a-f]{32}\Z")


WAITING = "skillbox-waiting-"
"""Begins the name of a container that was made ahead of any job; 32 hexadecimal digits follow."""


def container_name(execution_id: str, attempt: int) -> str:
    """The name of the container that is made for an attempt of an execution."""
    return f"skillbox-{execution_id}-{attempt}"


def shown(value: str) -> str:
    """A value as it may stand in an error message: quoted, printable, short."""
    text = ascii(value if len(value) <= 80 else value[:77] + "...")
    return '"' + text[1:-1] + '"'


def is_tenant(value: str) -> bool:
    """Whether this may name a tenant."""
    # In any case: some file systems take two names for one that differ in nothing else.
    return len(value) <= MAX_NAME and _TENANT.match(value) is not None and value.casefold() != ENVIRONMENTS


def check_tenant(value: str) -> str:
    """Returns the tenant id, or raises `InvalidRequestError`."""
    if is_tenant(value):
        return value
    if value.casefold() == ENVIRONMENTS:
        raise InvalidRequestError(
            f"tenant {shown(value)} is not a valid name", hint="environments are kept under that one; take another"
        )
    raise InvalidRequestError(
        f"tenant {shown(value)} is not a valid name",
        hint=f"1 to {MAX_NAME} letters, digits, '-' or '_', beginning with a letter or digit",
    )


def is_skill_name(value: str) -> bool:
    """Whether this may name a skill (the Agent Skills rule, and '_' as a separator too)."""
    return len(value) <= MAX_NAME and _SKILL.match(value) is not None


SKILL_NAME_RULE = f"1 to {MAX_NAME} lowercase letters and digits, in parts joined by single '-' or '_'"


def check_skill(value: str) -> str:
    """Returns the skill's name, or raises `InvalidRequestError`."""
    if is_skill_name(value):
        return value
    raise InvalidRequestError(f"skill {shown(value)} is not a valid name", hint=SKILL_NAME_RULE)


def check_execution_id(value: str) -> str:
    """Returns the execution id in its canonical form (32 hex digits), or raises."""
    canonical = value.replace("-", "").lower()
    if _EXECUTION.match(canonical):
        return canonical
    raise InvalidRequestError(
        f"execution id {shown(value)} is not valid",
        hint="32 hexadecimal digits, as `skillbox exec list` shows them",
    )


def split_reference(reference: str) -> tuple[str, str]:
    """Splits `name@version` into its parts, unchecked; the version is empty when there is none."""
    name, _, version = reference.partition("@")
    return name, version


def split_entrypoint(reference: str) -> tuple[str, str | None]:
    """Splits `name@version#entrypoint` into the reference and the entrypoint, unchecked; None where there is none."""
    reference, sign, entrypoint = reference.partition("#")
    return reference, entrypoint if sign else None


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def split_digest(image: str) -> tuple[str, str]:
    """The name and the digest of an image; the digest is empty where there is none.

    Raises:
        ValueError: What stands behind the `@` is no digest.
    """
    name, at, digest = image.partition("@")
    if at and not (name and _DIGEST.match(digest)):
        raise ValueError(f'image "{image}" is not of the form name@sha256:<64 hexadecimal digits>')
    return name, digest
