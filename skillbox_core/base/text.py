"""Text from strangers, made fit to be shown."""

from __future__ import annotations

import unicodedata


def harmless(text: str) -> str:
    """Text without what could steer a terminal: control and invisible characters are shown as escapes."""
    if text.isprintable():
        return text
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") else ascii(char)[1:-1]
        for char in text
    )


def without_user(url: str) -> str:
    """The address of a service as it may be shown: a URL, or host and port, without what stands before its last @.

    A password that should have been encoded may hold a / or an @, so no parser is asked where it ends.
    """
    scheme, sign, rest = url.partition("://") if "://" in url else ("", "", url)
    return f"{scheme}{sign}{rest.rpartition('@')[2]}"
