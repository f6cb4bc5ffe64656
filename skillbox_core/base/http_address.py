"""An HTTP address with a user in it: what is asked for, and what is sent along. Standard library only."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import unquote

from skillbox_core.base.text import without_user


def split_user(url: str) -> tuple[str, dict[str, str]]:
    """A URL without its user, and the header that the user means (RFC 7617)."""
    bare = without_user(url)
    user, at, _ = url.partition("://")[2].rpartition("@")
    return bare, _basic(unquote(user)) if at else {}


def prefect_headers(url: str, environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The address of a Prefect API without a user in it, and what Prefect's own client sends to it.

    PREFECT_API_AUTH_STRING goes before PREFECT_API_KEY, and both before the user.
    """
    bare, header = split_user(url)
    if text := environment.get("PREFECT_API_AUTH_STRING"):
        return bare, _basic(text)
    key = environment.get("PREFECT_API_KEY")
    return bare, {"Authorization": f"Bearer {key}"} if key else header


def _basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}
