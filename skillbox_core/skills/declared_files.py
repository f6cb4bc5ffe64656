"""The files that a skill says it needs (`input_files` in SKILL.md): names, or patterns such as `*.csv`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from skillbox_core.base.paths import path_problem
from skillbox_core.errors import InvalidRequestError

MAX_DECLARED = 100


def declaration_problem(value: object) -> str | None:
    """What is wrong with an `input_files`, as the end of a sentence; None for a good one."""
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        return "must be a list of names or patterns, such as [orders.csv]"
    if len(value) > MAX_DECLARED:
        return f"has more than {MAX_DECLARED} names"
    for name in value:
        if problem := path_problem(str(name)):
            return f"has {name!a}: {problem}"
    return None


def check_given(skill: str, declared: Sequence[str], given: Iterable[str]) -> None:
    """Refuses a run that lacks a file that its skill needs.

    Args:
        skill: Its name, for the error.
        declared: Names or patterns; each needs one file at least.
        given: Paths below `/sandbox/in/files/`.

    Raises:
        InvalidRequestError: Names the first that is missing, and what was given.
    """
    paths = list(given)
    for name in declared:
        if not any(fnmatchcase(path, name) for path in paths):
            there = f"{', '.join(paths[:3])}{' and more' if len(paths) > 3 else ''}" or "none"
            raise InvalidRequestError(
                f"{skill} needs the file {name}, and it was given {there}",
                hint=f'files={{"{name}": ...}} in a flow, --file {name}=PATH on the command line',
            )
