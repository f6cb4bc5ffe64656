"""The input files of a deployment's runs: one parameter, with a field for each file that the skill declares.

They are in a field of their own, `files`, because a file's name can't be the name of a Python parameter, and must
not be taken for a field of the input.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from skillbox_core.base.meant import name_meant
from skillbox_core.base.names import shown
from skillbox_core.base.placeholders import File, parse
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Call, DeclaredFile
from skillbox_core.skills.declared_files import fits
from skillbox_core.skills.manifest import Manifest
from skillbox_core.skills.overlay import EntryPoint

FILES = "files"
"""Name of the parameter."""

Files: TypeAlias = str | list[str] | dict[str, str | list[str] | None]
"""Paths and URLs as a parameter has them: one, several, or under names."""

_PATTERN = re.compile(r"[*?\[]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PLACE = {"type": "string", "pattern": f"^(/|{_URL.pattern})", "maxLength": 4096}
"""A run of a deployment starts in a folder of its own, so that no relative path means anything there."""


def asked_files(asks: Manifest | EntryPoint, call: Call | None) -> tuple[DeclaredFile, ...]:
    """The files that a run may be given by name: those that are declared, and those that a call's templates name."""
    elements = [*call.args, call.stdin or ""] if call else []
    templates = [one for element in elements for one in ((element,) if isinstance(element, str) else element)]
    parts = [part for template in templates for part in parse(template) if isinstance(part, File)]
    needed = {part.name for part in parts if not part.optional}
    found: dict[str, DeclaredFile] = {}
    for name in dict.fromkeys(part.name for part in parts):
        # What a declared pattern says of it goes with the name that the call has for it.
        said = _said_of(name, asks.input_files)
        found[name] = replace(said, name=name, required=name in needed or (said.name == name and said.required))
    for one in asks.input_files:
        given = any(file.required and fits(file.name, one) for file in found.values())
        if one.name not in found and not (one.required and given):
            found[one.name] = one
    return tuple(found.values())


def _said_of(name: str, declared: Sequence[DeclaredFile]) -> DeclaredFile:
    """What is declared of a file, by its own name before a pattern."""
    fitting = [one for one in declared if fits(name, one)]
    return min(fitting, key=lambda one: one.name != name, default=DeclaredFile("", required=False))


def files_field(asked: Sequence[DeclaredFile]) -> dict[str, Any]:
    """The JSON Schema of the parameter."""
    return {
        "title": FILES,
        "type": "object",
        "description": "Input files: absolute paths on the worker, or URLs",
        "properties": {one.name: _field(one, position) for position, one in enumerate(asked)},
        "required": [one.name for one in asked if one.required],
        "additionalProperties": False,
    }


def _field(one: DeclaredFile, position: int) -> dict[str, Any]:
    told = ". ".join(filter(None, (one.description.rstrip("."), one.media_type)))
    about = {"title": one.name, "position": position, **({"description": told} if told else {})}
    if not one.is_pattern:
        return {**about, **_PLACE}
    return {**about, "type": "array", "items": _PLACE, "minItems": int(one.required)}


def default_files(title: str, asked: Sequence[DeclaredFile], given: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The parameter's default, of what somebody says where the deployment is made.

    Args:
        title: The skill, for the errors.
        given: Names, each with a path or URL. A relative path is one of this folder.

    Raises:
        InvalidRequestError: The skill declares no such file, one is given twice, or its URL holds a password
            or, for http, a user name.
    """
    by_name = {one.name: one for one in asked}
    files: dict[str, Any] = {}
    for name, place in given:
        if name not in by_name:
            meant = name_meant(name, by_name)
            there = f"it declares {', '.join(list(by_name)[:10])}" if by_name else "it declares none, in input_files"
            raise InvalidRequestError(
                f"{title} declares no input file {shown(name)}", hint=f"did you mean {meant}?" if meant else there
            )
        if by_name[name].is_pattern:
            files.setdefault(name, []).append(_absolute(name, place))
        elif name in files:
            raise InvalidRequestError(f"the file {name} is given twice, and it is one file")
        else:
            files[name] = _absolute(name, place)
    return files


def missing_files(asked: Sequence[DeclaredFile], files: Mapping[str, Any]) -> list[str]:
    """Those that each run must have, and that the deployment gives it not."""
    return [one.name for one in asked if one.required and one.name not in files]


def _absolute(name: str, place: str) -> str:
    if not place:
        raise InvalidRequestError(f"the file {name} is an empty text", hint="is a variable not set?")
    if not _URL.match(place):
        # Not resolved: a link gives its own name. A "~" that is nobody's home is the name of a file, as in a shell.
        return str(Path.cwd() / os.path.expanduser(place))  # noqa: PTH111 - pathlib's own is an error there
    try:
        url = urlsplit(place)
    except ValueError:
        raise InvalidRequestError(f"the URL of the file {name} can't be read", hint="is a [ in it?") from None
    # A token is often the user of a URL on its own.
    is_web_user = url.username is not None and url.scheme in ("http", "https")
    if url.password is not None or is_web_user:
        what = "a user name, which may be a token," if url.password is None else "a password,"
        raise InvalidRequestError(
            f"the URL of the file {name} holds {what} which everybody would see who sees the deployment",
            hint="fetch the file in a flow of your own, and pass it with files=",
        )
    return place


def sources(files: Files | None, *, anywhere: bool = True) -> list[Any]:
    """What a skill task takes for its files, of a parameter; a field that was left empty is left out.

    Files of a pattern keep their own names, in the folder that the pattern names.

    Args:
        anywhere: Whether relative paths mean something where the run is.

    Raises:
        InvalidRequestError: It is no such parameter, or a path is relative.
    """
    named = files if isinstance(files, Mapping) else {"": files}
    found: list[Any] = []
    for name, value in named.items():
        places = [] if value is None else value if isinstance(value, list) else [value]
        if not all(isinstance(place, str) for place in places):
            raise InvalidRequestError("files must be paths and URLs, alone, in a list, or under names")
        if not anywhere:
            _check_absolute(name, places)
        if not places:
            continue
        if not name:
            found.append(value)
        elif isinstance(value, list) and DeclaredFile(name).is_pattern:
            folder = _PATTERN.split(name, maxsplit=1)[0].rpartition("/")[0]
            found.append({folder: places} if folder else places)
        else:
            found.append({name: value})
    return found


def _check_absolute(name: str, places: Sequence[str]) -> None:
    for place in places:
        if not place.startswith("/") and not _URL.match(place):
            raise InvalidRequestError(
                f"{shown(place)}{f' for the file {name}' if name else ''} is no absolute path",
                hint="a run of a deployment starts in a folder of its own: give a path on the worker from /, or a URL",
            )
