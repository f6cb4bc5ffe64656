"""The files that a skill says it takes and leaves: `input_files` and `output_files`. Pure.

An item is a name, a pattern such as `*.csv`, or a mapping of `name`, `media_type`, `required` and `description`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from skillbox_core.base.meant import name_meant
from skillbox_core.base.paths import path_problem
from skillbox_core.base.wildcards import matches, pattern_problem
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import DeclaredFile
from skillbox_core.skills.fields import plain, quoted
from skillbox_core.skills.frontmatter import Node

MAX_DECLARED = 100
MAX_DESCRIPTION = 1024
_FIELDS = ("name", "media_type", "required", "description")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\Z")
"""The names of RFC 6838, 4.2, half as long."""


def read_declared(value: Node, place: str) -> tuple[tuple[DeclaredFile, ...], list[str]]:
    """The items of an `input_files` or `output_files`, and what is wrong with them.

    Args:
        place: Where the list is, for the sentences.
    """
    if not isinstance(value, list) or not value or not all(item and isinstance(item, str | dict) for item in value):
        return (), [f"{place} must be a list of names or patterns, such as [orders.csv]"]
    if len(value) > MAX_DECLARED:
        return (), [f"{place} has more than {MAX_DECLARED} names"]
    declared, faults = [], []
    for number, item in enumerate(value):
        fields: dict[str, Node] = item if isinstance(item, dict) else {"name": item}
        found = list(_faults(fields, place, f"{place}[{number}]"))
        faults += found
        if not found:
            texts = {key: str(text) for key, text in fields.items()}
            declared.append(
                DeclaredFile(
                    texts["name"],
                    texts.get("required") != "false",
                    texts.get("media_type", "").lower(),
                    texts.get("description", ""),
                )
            )
    return tuple(declared), faults


def _faults(fields: dict[str, Node], place: str, at: str) -> Iterable[str]:
    for key, value in fields.items():
        if key not in _FIELDS:
            meant = name_meant(key, _FIELDS)
            yield f"{at}.{plain(key)} is not known; " + (
                f"did you mean {meant}?" if meant else f"there are {', '.join(_FIELDS)}"
            )
        elif not isinstance(value, str):
            yield f"{at}.{key} must be a single value"
    texts = {key: value for key, value in fields.items() if isinstance(value, str) and value}
    if name := texts.get("name"):
        if problem := path_problem(name) or pattern_problem(name):
            yield f"{place} has {name!a}: {problem}"
    elif not isinstance(fields.get("name"), list | dict):
        yield f"{at} needs a name, such as orders.csv or *.csv"
    if (media_type := texts.get("media_type")) and not _MEDIA_TYPE.match(media_type.lower()):
        yield f"{at}.media_type {quoted(media_type)} must be TYPE/SUBTYPE, such as text/csv"
    if (required := texts.get("required")) and required not in ("true", "false"):
        yield f"{at}.required {quoted(required)} must be true or false"
    if len(texts.get("description", "")) > MAX_DESCRIPTION:
        yield f"{at}.description is over {MAX_DESCRIPTION} characters"


def fits(path: str, declared: DeclaredFile) -> bool:
    """Whether a file is one of those that are declared."""
    return path == declared.name or (declared.is_pattern and matches(path, declared.name))


def check_given(skill: str, declared: Sequence[DeclaredFile], given: Iterable[str]) -> None:
    """Refuses a run that lacks a file that its skill needs.

    Args:
        skill: Its name, for the error.
        declared: Each that is required needs one file at least.
        given: Paths below `/sandbox/in/files/`.

    Raises:
        InvalidRequestError: Names the first that is missing, and what was given.
    """
    paths = list(given)
    for one in declared:
        if one.required and not any(fits(path, one) for path in paths):
            raise InvalidRequestError(
                f"{skill} needs the file {one.name}, and it was given {_some(paths)}",
                hint=f'files={{"{one.name}": ...}} in a flow, --file {one.name}=PATH on the command line',
            )


def missing_output(
    declared: Sequence[DeclaredFile], left: Sequence[str], left_out: Iterable[tuple[str, str]]
) -> str | None:
    """What is missing of the files that a skill says it leaves, as a sentence; None where all are there.

    Args:
        left: Paths below `/sandbox/out/files/`.
        left_out: What was not kept, each with the reason.
    """
    for one in declared:
        if one.required and not any(fits(path, one) for path in left):
            why = next((why for path, why in left_out if fits(path, one)), None)
            if why:
                return f"the file {one.name}, which output_files requires, was left out: {why}"
            return f"the skill left no file {one.name}, which output_files requires; it left {_some(left)}"
    return None


def _some(paths: Sequence[str]) -> str:
    return f"{', '.join(paths[:3])}{' and more' if len(paths) > 3 else ''}" or "none"
