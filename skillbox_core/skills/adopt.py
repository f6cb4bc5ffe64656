"""A draft of an overlay for a skill that others wrote: its scripts are read, and never imported or run. Pure.

A script is a stranger's text. One that can't be read is named with the reason, and keeps nobody from the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.adopt_entrypoint import Entrypoint, draft, entrypoint_names
from skillbox_core.skills.adopt_node import read_node
from skillbox_core.skills.adopt_python import read_python
from skillbox_core.skills.adopt_reading import Reading, Usage
from skillbox_core.skills.adopt_shell import read_shell
from skillbox_core.skills.adopt_yaml import write
from skillbox_core.skills.archive import SkillArchive, SkillFile
from skillbox_core.skills.entry import callable_scripts, script_lang
from skillbox_core.skills.open_format import slug
from skillbox_core.skills.overlay import MAX_ENTRYPOINTS, MAX_OVERLAY, parse_overlay

MAX_SCRIPT = 512 * 1024
"""Bytes of a script that is read."""
_ROOM = MAX_OVERLAY - 64 * 1024
"""Bytes of all entrypoints; the rest is for what is said above them."""
_SAID = 100
"""Scripts without an entrypoint that the overlay names."""
_MAX_DEPTH = 100
"""Levels of brackets; Python's own parser takes 200, and goes to the end of the stack for other things."""


@dataclass(frozen=True)
class Draft:
    """What came of reading a skill.

    Attributes:
        text: The overlay, as YAML.
        left_out: Scripts without an entrypoint, and why.
    """

    text: str
    entrypoints: tuple[Entrypoint, ...]
    left_out: tuple[tuple[str, str], ...]


def adopt(archive: SkillArchive) -> Draft:
    """Drafts an overlay for a skill.

    Args:
        archive: One that passed every rule.
    """
    files = {file.path: file for file in archive.files}
    asks = any(_asks_for_packages(archive, file) for file in archive.files)
    paths = None if asks else tuple(files)
    ways: list[tuple[str, Reading, Usage]] = []
    left_out: list[tuple[str, str]] = []
    for path in callable_scripts(archive):
        own = path == archive.entrypoint
        read = "the skill's own, which runs without an overlay" if own else _read(archive, files[path], paths)
        if isinstance(read, str):
            left_out.append((path, read))
        elif not read.usages:
            left_out.append((path, "; ".join(read.doubts)))
        else:
            ways += [(path, usage.said or read, usage) for usage in read.usages]
    if len(ways) > MAX_ENTRYPOINTS:
        why = f"an overlay has {MAX_ENTRYPOINTS} entrypoints at most"
        left_out += [(path, why) for path, _, _ in ways[MAX_ENTRYPOINTS:]]
        ways = ways[:MAX_ENTRYPOINTS]
    names = entrypoint_names([(path, usage.words) for path, _, usage in ways], slug)
    entrypoints: list[Entrypoint] = []
    needs: list[set[str]] = []
    room = _ROOM
    for name, (path, read, usage) in zip(names, ways, strict=True):
        entrypoint = draft(name, path, read, usage)
        text = write((), (entrypoint,), ()).encode()
        if why := _refused(text, room):
            left_out.append((path, f"{name}: {why}"))
        else:
            room -= len(text)
            entrypoints.append(entrypoint)
            needs.append(set(read.needs))
    return Draft(_written(archive, entrypoints, needs, left_out), tuple(entrypoints), tuple(left_out))


def _refused(text: bytes, room: int) -> str:
    """Why an entrypoint is not for this overlay, by the limits of overlays; empty where it is."""
    if len(text) > room:
        return f"an overlay has {MAX_OVERLAY // 1024} KiB at most"
    try:
        parse_overlay(text)
    except InvalidSkillError as error:
        return str(error)
    return ""


def _written(
    archive: SkillArchive,
    entrypoints: list[Entrypoint],
    needed: list[set[str]],
    left_out: list[tuple[str, str]],
) -> str:
    head = [
        f"A draft by `skillbox skill adopt` for {archive.manifest.name}: read of its scripts' syntax, none was run.",
        "Look it through. Where the input has nothing for an argument with a `?`, the argument is left out.",
        *(f"no entrypoint for {path!a}: {why}" for path, why in left_out[:_SAID]),
        *([f"no entrypoint for {len(left_out) - _SAID} more"] if len(left_out) > _SAID else []),
    ]
    # A command that one script needs must not keep the others from running.
    shared = set.intersection(*needed) if needed else set()
    others = sorted(set().union(*needed) - shared)
    if others:
        head.append(f"some of the scripts start {', '.join(others)}: add it under requires if you use those")
    return write(head, entrypoints, sorted(shared))


def _asks_for_packages(archive: SkillArchive, file: SkillFile) -> bool:
    name = file.path.rpartition("/")[2]
    if name in ("requirements.txt", "uv.lock", "pyproject.toml"):
        return True
    return name.endswith(".py") and file.size <= MAX_SCRIPT and b"# /// script" in b"".join(archive.read(file))


def _read(archive: SkillArchive, file: SkillFile, paths: Collection[str] | None) -> Reading | str:
    """What a script says, or why it can't be read."""
    if test := _is_test(file.path):
        return test
    if file.size > MAX_SCRIPT:
        return f"it has {file.size} bytes, and at most {MAX_SCRIPT} are read"
    data = b"".join(archive.read(file))
    lang = script_lang(file.path, data)
    if lang is None:
        return "neither its ending nor its #! line is one of Python, Node or a shell"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "it is not UTF-8"
    if "\0" in text:
        return "it has a NUL"
    if lang != "python":
        return read_node(text) if lang == "node" else read_shell(text)
    if _depth(text) > _MAX_DEPTH:
        return f"its brackets are nested deeper than {_MAX_DEPTH} levels"
    try:
        started = text.startswith("#!") and "/" not in file.path.removeprefix("scripts/")
        return read_python(text, started=started, paths=paths)
    except SyntaxError as error:
        return f"it is no Python that is read here: {error.msg} in line {error.lineno}"
    except (ValueError, RecursionError, MemoryError):
        return "it is nested too deeply to be read"


def _is_test(path: str) -> str:
    name = path.rpartition("/")[2]
    stem = name.partition(".")[0]
    test = stem.startswith("test_") or stem.endswith("_test") or ".test." in name or name in ("conftest.py", "setup.py")
    return "a test or a set-up, by its name" if test else ""


def _depth(text: str) -> int:
    """Levels of brackets at most, wherever they stand: those of texts count too."""
    return max(_levels(text), default=0)


def _levels(text: str) -> Iterator[int]:
    level = 0
    for char in text:
        if char in "([{":
            level += 1
            yield level
        elif char in ")]}":
            level = max(0, level - 1)
