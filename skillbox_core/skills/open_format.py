"""Skills that were written for other clients of the open format, read as its client guide asks: warn, load anyway.

The guide is https://agentskills.io/client-implementation/adding-skills-support. What has a form here that the format
leaves open (a name that becomes part of a key, a version that is ordered) is brought into that form, and said.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from skillbox_core.base.names import MAX_NAME, is_skill_name
from skillbox_core.base.versions import Version

MAX_STATED_NAME = 255
MAX_COMPATIBILITY = 500
"""Characters; https://agentskills.io/specification."""

_HASHED = 8
"""Hexadecimal digits that stand for what a slug could not keep of a name."""
_JOINING = frozenset(" -_.:&+,()'")
_SAYING = frozenset("+&")
"""Those that say more than that a word ends: C++ is not C."""
_KEY = re.compile(r"( *(?:- +)*)([A-Za-z0-9_.-]+): +(?=\S)")
_OPENING = frozenset("\"'[]{}|>&*!%@`#,")
_COLON = re.compile(r":(?:\s|$)")


def slug(stated: str) -> str | None:
    """The name under which a skill is kept that calls itself something else; None where there is none.

    Letters that ASCII has lose their case and accents, and what parts words becomes a dash. What is lost beside that is
    in a digest at the end, so that two names which are not one to a reader don't become one here.

    Args:
        stated: The name in SKILL.md. One that a shell or a file system could take for more than a name has no slug.
    """
    folded = unicodedata.normalize("NFKC", stated.strip())
    if not folded or len(stated) > MAX_STATED_NAME or not folded[0].isalnum():
        return None
    if any(not (char.isalnum() or char in _JOINING or unicodedata.category(char).startswith("M")) for char in folded):
        return None
    plain = [char for char in unicodedata.normalize("NFKD", folded.casefold()) if unicodedata.category(char) != "Mn"]
    lost = any(not char.isascii() or char in _SAYING for char in plain)
    kept = "".join(char if char.isascii() and char.isalnum() else "-" if char in _JOINING else "" for char in plain)
    name = re.sub("-+", "-", kept).strip("-")
    if lost or len(name) > MAX_NAME:
        digest = hashlib.sha256(folded.encode()).hexdigest()[:_HASHED]
        name = f"{name[: MAX_NAME - _HASHED - 1].rstrip('-') or 'skill'}-{digest}"
    return name if is_skill_name(name) else None


def padded_version(version: str) -> str | None:
    """A version with the parts that it leaves out, as in the format's own examples ("1.0"); None for no version."""
    return next((full for full in (version, f"{version}.0", f"{version}.0.0") if Version.parse(full)), None)


def split_tools(text: str, separators: str = " \t\n,") -> tuple[str, ...]:
    """The tools of `allowed-tools`: inside of parentheses a separator is part of a tool, as in `Bash(git add:*)`."""
    tools, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")" and depth > 0)
        if depth == 0 and char in separators:
            tools.append("")
        else:
            tools[-1] += char
    return tuple(filter(None, tools))


def quote_colons(front_matter: str) -> tuple[str, tuple[str, ...]]:
    """Puts quotes around plain values that have a colon, which is not YAML and what other clients read as text.

    Returns:
        The front matter, and the keys whose values were quoted.
    """
    lines = front_matter.split("\n")
    done: list[str] = []
    quoted: list[str] = []
    while lines:
        line = lines.pop(0)
        match = _KEY.match(line)
        indent = len(line) - len(line.lstrip(" "))
        if match is None or line[match.end()] in _OPENING - {"|", ">"}:
            done.append(line)
            continue
        # All that is indented more belongs to the value: the text of a block, or more lines of a plain one.
        more: list[str] = []
        while lines and (not lines[0].strip() or len(lines[0]) - len(lines[0].lstrip(" ")) > indent):
            more.append(lines.pop(0))
        value = " ".join(filter(None, (part.strip() for part in (line[match.end() :], *more))))
        if line[match.end()] in "|>" or not _COLON.search(value):
            done += [line, *more]
            continue
        quoted.append(match[2])
        done.append(f"{line[: match.end()]}'{value.replace(chr(39), chr(39) * 2)}'")
    return "\n".join(done), tuple(quoted)
