"""Rules for relative paths that strangers choose: in a skill's archive, among input files, in what a skill leaves."""

from __future__ import annotations

import re
import unicodedata

from skillbox_core.base.text import ORDINARY_FORMATS

MAX_PATH_BYTES = 255
MAX_PATH_DEPTH = 16
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt: drawn as nothing.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")


def path_problem(name: str) -> str | None:
    """The rule that a relative path breaks, or None for a good one."""
    # First of all: what follows looks at each character, and a stranger's skill can have thousands of long names.
    if len(name) > MAX_PATH_BYTES or len(name.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
        return f"a path is over {MAX_PATH_BYTES} bytes"
    parts = name.split("/")
    if len(parts) > MAX_PATH_DEPTH:
        return f"a path is over {MAX_PATH_DEPTH} levels deep"
    if name.startswith("/") or _DRIVE.match(name):
        return "a path is absolute"
    if "\\" in name:
        return "a path has a backslash"
    if any(part in ("", ".", "..") for part in parts):
        return "a path has an empty, '.' or '..' part"
    if any(unicodedata.category(char) in _HIDDEN and char not in ORDINARY_FORMATS for char in name):
        return "a path has control or invisible characters"
    if not all(_UNSEEN.sub("", part) for part in parts):
        return "a path has a part of invisible characters only"
    return None


def seen_path(path: str) -> str:
    """Two paths with one value are told apart by nobody who sees them: by invisible characters or Unicode form only."""
    return unicodedata.normalize("NFC", _UNSEEN.sub("", path))


def path_key(path: str) -> str:
    """Two paths with one key are one file on some file system, or look like one."""
    return unicodedata.normalize("NFC", seen_path(path).casefold())
