"""Text from strangers, made fit to be shown."""

from __future__ import annotations

import unicodedata

ORDINARY_FORMATS = frozenset(
    # Zero-width (non-)joiner: invisible, and a part of ordinary words in Persian and Hindi, and of emoji.
    "\u200c\u200d"
    # Those that are seen: Prepended_Concatenation_Mark in Unicode's PropList.txt.
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Format characters that hide and steer nothing."""
_KEPT = frozenset("\n\t") | ORDINARY_FORMATS


def harmless(text: str) -> str:
    """Text without what could steer a terminal: control and invisible characters are shown as escapes."""
    # Most texts are lines of ordinary characters, and asked as a whole that takes a hundredth of the time.
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        char if char in _KEPT or unicodedata.category(char) not in ("Cc", "Cf", "Cs") else ascii(char)[1:-1]
        for char in text
    )


def without_user(url: str) -> str:
    """The address of a service as it may be shown: a URL, or host and port, without what stands before its last @.

    A password that should have been encoded may hold a / or an @, so no parser is asked where it ends.
    """
    scheme, sign, rest = url.partition("://") if "://" in url else ("", "", url)
    return f"{scheme}{sign}{rest.rpartition('@')[2]}"
