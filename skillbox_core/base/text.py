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
