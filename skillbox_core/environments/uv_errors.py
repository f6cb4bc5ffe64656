"""What uv says when it fails, as an error that names the package, the rule and the way out. Pure."""

from __future__ import annotations

import re

from skillbox_core.errors import IndexUnavailableError, InvalidSkillError, SkillboxError
from skillbox_core.models import Interpreter

_LONGEST = 600
_NAME = "is its name right? UV_INDEX names further indexes"
_CREDENTIALS = re.compile(r"(\w+://)[^/@\s]*@")
_AWAY = re.compile(
    r"Failed to fetch|error sending request|dns error|Connection refused|timed out|HTTP status 5"
    r"|lack of valid authentication credentials|returned a 403 Forbidden|unexpected JSON|expected value at line"
)
_ADDRESS = re.compile(r"(?:Failed to fetch|request for url|An index URL|An index|JSON from)[:(\s`]*(https?://[^\s`)]+)")
_MISSING = re.compile(r"Because ([\w.\[\],-]+) was not found in the (?:package registry|provided package locations)")
_TAGS = re.compile(r"Because ([^\s]+(?:==| )[^\s]+|[\w.-]+) has no wheels with a matching ([\w ]+) tag")
_FOUND = re.compile(r"we only found wheels for .*?(?: tags?: | platforms?: )(.+)")
_SOURCE = re.compile(r"Because (?:only |all versions of )?([\w.\[\]<>=!,-]+) (?:is|are|has|have) no usable wheels")
_NO_VERSION = re.compile(r"there (?:is|are) no versions? of ([\w.\[\]<>=!,{}' -]+?)(?: and|,)")
_ADDRESSED = re.compile(r"Package `([^`]+)` was included as a URL dependency")
_MISMATCH = re.compile(r"Hash mismatch for `([^`]+)`")
_IMAGE = "take another version of it, or use an image that has it (`image:` and `environment: none` in SKILL.md)"


class NoWheelError(InvalidSkillError):
    """There is no wheel of a package for an interpreter.

    Attributes:
        package: `name==version`, or a name or range where no version has one.
    """

    package = ""


def explained(said: str, folder: str, path: str, interpreter: Interpreter) -> SkillboxError:
    """The error that uv's output means.

    Args:
        said: Its stderr.
        folder: The temporary folder it worked in, of which no word is shown.
        path: The file of the skill that asks for the packages.
        interpreter: What they are for.
    """
    text = " ".join(_CREDENTIALS.sub(r"\1", said).replace(f"{folder}/", "").split())
    target = f"Python {interpreter.minor} on {interpreter.machine} with {interpreter.libc}"
    if mismatch := _MISMATCH.search(text):
        return InvalidSkillError(
            f"{path}: the index has other files of {mismatch[1]} than were locked: no SHA-256 fits",
            hint="if the index is right, delete the lock and push a new version",
        )
    if _AWAY.search(text):
        address = _ADDRESS.search(text)
        place = f" at {address[1]}" if address else ""
        return IndexUnavailableError(
            f"the package index{place} can't be reached: {_last(text)}",
            hint="UV_DEFAULT_INDEX says where the index is",
        )
    if missing := _MISSING.search(text):
        return InvalidSkillError(f"{path}: the index has no package {missing[1]}", hint=_NAME)
    if address := _ADDRESSED.search(text):
        return InvalidSkillError(
            f"{path}: a package needs {address[1]} from an address, and only packages of the index are taken",
            hint=_IMAGE,
        )
    if tags := _TAGS.search(text):
        found = _FOUND.search(text)
        there = f"; there are wheels for {found[1].replace('`', '')[:200]}" if found else ""
        return InvalidSkillError(f"{path}: {tags[1]} has no wheel for {target} ({tags[2]}){there}", hint=_IMAGE)
    if source := _SOURCE.search(text):
        error = NoWheelError(f"{path}: {source[1]} has no wheel for {target}, and nothing is built", hint=_IMAGE)
        error.package = source[1]
        return error
    if absent := _NO_VERSION.search(text):
        if not re.search(r"[<>=!]", absent[1]):
            return InvalidSkillError(f"{path}: the index has no package {absent[1]}", hint=_NAME)
        return InvalidSkillError(f"{path}: the index has no version {absent[1]}", hint=_IMAGE)
    return InvalidSkillError(f"{path} can't be locked: {_short(text)}", hint="change the versions that are asked for")


def _last(text: str) -> str:
    """The last reason of a chain, or the hint that tells more."""
    _, hinted, hint = text.partition(" hint: ")
    return (hint if hinted else text.rpartition("cause: ")[2])[:200]


def _short(text: str) -> str:
    _, cause, reason = text.partition("cause: ")
    reason = (reason if cause else text.removeprefix("error: ")).partition(" hint: ")[0]
    return reason if len(reason) <= _LONGEST else reason[:_LONGEST] + " ..."
