"""Rules for relative paths that strangers choose: in a skill's archive, among input files, in what a skill leaves."""

from __future__ import annotations

import unicodedata

MAX_PATH_BYTES = 255
MAX_PATH_DEPTH = 16
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def path_problem(name: str) -> str | None:
    """The rule that a relative path breaks, or None for a good one."""
    # First of all: what follows looks at each character, and a stranger's skill can have thousands of long names.
    if len(name) > MAX_PATH_BYTES or len(name.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
        return f"a path is over {MAX_PATH_BYTES} bytes"
    parts = name.split("/")
    if len(parts) > MAX_PATH_DEPTH:
        return f"a path is over {MAX_PATH_DEPTH} levels deep"
    if name.startswith("/") or (len(name) > 1 and name[1] == ":"):
        return "a path is absolute"
    if "\\" in name:
        return "a path has a backslash"
    if any(part in ("", ".", "..") for part in parts):
        return "a path has an empty, '.' or '..' part"
    if any(unicodedata.category(char) in _INVISIBLE for char in name):
        return "a path has control or invisible characters"
    return None


def path_key(path: str) -> str:
    """Two paths with one key are one file on some file system."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
