"""Files for a skill as people write them: results, local paths and URLs, alone, in lists, or under names."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from skillbox_core.base.paths import path_problem, seen_path
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import InvalidRequestError
from skillbox_core.inputs.frames import are_batches, check_named, is_frame
from skillbox_core.models import ExecutionError, Frame, InputFile, PlannedFile, RunResult, Source

MAX_INPUT_FILES = 10_000
"""Files and folders of one run; the sandbox's scratch area has 16,384 inodes."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PATTERN = re.compile(r"[*?\[]")
_WRITTEN = "a result of a skill, a path, a URL, a table in memory under a name, or lists and dicts of them"


@dataclass(frozen=True)
class Chosen:
    """Names of files of a run; the key of what `files_from` gives."""

    names: tuple[str, ...]


def files_from(run: Any, *names: str) -> dict[Chosen, Any]:
    """Chosen files of a run, as the files of another: `files=files_from(cleaned, "rows.csv")`.

    Args:
        run: A `RunResult`, or in a flow also a future of a skill.
        names: Paths as in its `files_list`.

    Returns:
        A plain dict, since dicts are where every scheduler looks for futures.
    """
    return {Chosen(names): run}


def input_files(value: Any) -> tuple[InputFile, ...]:
    """What somebody wrote as files, one value for each source.

    Args:
        value: None, a `RunResult` (all its files), `files_from(...)`, a path, a URL, a mapping from the name
            inside to any of these, or a list of them. Under a name that says the format also a table: whatever has
            Arrow's `__arrow_c_stream__`, or an iterator or a list of record batches. An `ExecutionError` stands for
            the result it carries. A path with `*`, `?` or `[...]` stands for the files and folders that match it, if
            no file has that very name; `**` goes through folders.

    Raises:
        InvalidRequestError: It is something else, a chosen file is not there, nothing matches, or a table has no
            name or one of another format.
    """
    files = _files(value)
    for file in files:
        if isinstance(file.frame, Frame):
            check_named(file.name, file.frame.rows)
    return files


def _files(value: Any) -> tuple[InputFile, ...]:
    if is_frame(value):
        return (InputFile(Source.FRAME, "", frame=Frame(value)),)
    match value:
        case None:
            return ()
        case InputFile():
            return (value,)
        case RunResult():
            return (InputFile(Source.RUN, value.execution_id),)
        case ExecutionError():
            return _files(value.result)
        case str() | Path():
            return _matching(str(value)) if _is_pattern(value) else (_place(str(value)),)
        case Mapping():
            return tuple(file for name, source in value.items() for file in _entry(name, source))
        case list() | tuple():
            return tuple(file for item in value for file in _files(item))
    hint = "its collect() is a table in memory" if hasattr(value, "collect") else _WRITTEN
    raise InvalidRequestError(f"files can't be taken from a {type(value).__name__}", hint=hint)


def _entry(name: Any, source: Any) -> tuple[InputFile, ...]:
    if isinstance(name, Chosen):
        return _chosen(source, name.names)
    if not isinstance(name, str):
        raise InvalidRequestError(f"the name of a file inside must be text, not {type(name).__name__}")
    if are_batches(source):
        return (InputFile(Source.FRAME, "", name=name, frame=Frame(source)),)
    if isinstance(source, (list, tuple)) and any(hasattr(item, "__arrow_c_stream__") for item in source):
        raise InvalidRequestError(
            f"{name!a} is a {type(source).__name__} with tables in it, of which each needs a name of its own",
            hint='files={"name.parquet": table}; of a groupby, the second of each pair',
        )
    files = _files(source)
    several = isinstance(source, (list, tuple)) or _is_pattern(source) or len(files) > 1
    folder = f"{name.rstrip('/')}/" if several else name
    return tuple(replace(file, name=f"{folder.rstrip('/')}/{file.name}" if file.name else folder) for file in files)


def _chosen(run: Any, names: tuple[str, ...]) -> tuple[InputFile, ...]:
    run = run.result if isinstance(run, ExecutionError) else run
    if not isinstance(run, RunResult):
        raise InvalidRequestError(f"files_from takes the result of a skill, not a {type(run).__name__}")
    for name in names:
        if name not in run.files_list:
            there = ", ".join(run.files_list[:5]) or "none"
            raise InvalidRequestError(f"{run.skill or 'the run'} left no file {name!a}", hint=f"its files: {there}")
    return tuple(InputFile(Source.RUN, run.execution_id, member=name) for name in names)


def _is_pattern(value: Any) -> bool:
    if not isinstance(value, (str, Path)):
        return False
    text = str(value)
    return _PATTERN.search(text) is not None and not _URL.match(text) and "\0" not in text and not os.path.lexists(text)


def _matching(pattern: str) -> tuple[InputFile, ...]:
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path's own takes no absolute pattern
    if not found:
        raise InvalidRequestError(f"no file matches {pattern!a}", hint=f"seen from {os.getcwd()!a}")  # noqa: PTH109
    return tuple(_place(path) for path in found)


def _place(text: str) -> InputFile:
    if "\0" in text:
        raise InvalidRequestError("a path or URL of an input file contains a NUL")
    scheme = _URL.match(text)
    if scheme is None:
        return InputFile(Source.PATH, _absolute(text))
    if scheme[1].lower() in ("file", "local"):
        return InputFile(Source.PATH, _absolute(unquote(split_url(text).path)))
    return InputFile(Source.URL, text)


def _absolute(text: str) -> str:
    if not text:
        # It would be the current folder, with whatever secrets are in it.
        raise InvalidRequestError("an input file is named by an empty text", hint="is a variable not set?")
    # Not resolved: a link gives its own name.
    return os.path.abspath(text)  # noqa: PTH100


def split_url(url: str) -> SplitResult:
    """The parts of a URL.

    Raises:
        InvalidRequestError: It is none; nothing of it is said, since it can't be told what in it is secret.
    """
    try:
        return urlsplit(url)
    except ValueError:
        raise InvalidRequestError("the URL of an input file can't be read", hint="is a [ in it?") from None


def url_name(url: str) -> str:
    """The own name of an object: the last part of its path."""
    return unquote(split_url(url).path).rstrip("/").rsplit("/", 1)[-1]


def shown_url(url: str) -> str:
    """A URL without what may be secret in it: user, password and query."""
    parts = split_url(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def inner_path(file: InputFile, own: str) -> str:
    """Where a file lies below `/sandbox/in/files/`.

    Args:
        file: Its source.
        own: Its own name.
    """
    return file.name + own if file.name.endswith("/") else file.name or own


def check_inputs(files: Iterable[PlannedFile], limit: int) -> tuple[PlannedFile, ...]:
    """All files of one run together, sorted by their path.

    Args:
        limit: Bytes.

    Raises:
        InvalidRequestError: A name breaks a rule or is taken twice, or they are too many or too large.
    """
    taken: dict[str, str] = {}
    folders: dict[str, str] = {}
    total, checked = 0, []
    for file in files:
        if problem := path_problem(file.path):
            raise InvalidRequestError(f"input file {file.path!a}: {problem}", hint="give it a name: {name: source}")
        key = seen_path(file.path)
        parents = ["/".join(key.split("/")[:depth]) for depth in range(1, key.count("/") + 1)]
        clash = taken.get(key) or folders.get(key) or next((taken[up] for up in parents if up in taken), None)
        if clash:
            raise InvalidRequestError(
                f"the input files {clash!a} and {file.path!a} would be in each other's place",
                hint="give them names: {name: source}",
            )
        taken[key] = file.path
        folders.update(dict.fromkeys(parents, file.path))
        if len(taken) + len(folders) > MAX_INPUT_FILES:
            raise InvalidRequestError(f"there are more than {MAX_INPUT_FILES} input files and folders")
        total += file.size or 0
        if total > limit:
            raise over_limit(limit)
        checked.append(file)
    return tuple(sorted(checked, key=lambda file: file.path))


def over_limit(limit: int) -> InvalidRequestError:
    """The error for input files that are too large together."""
    return InvalidRequestError(
        f"the input files are over this installation's limit of {format_bytes(limit)}",
        hint="SKILLBOX_MAX_INPUT_FILES_SIZE",
    )
