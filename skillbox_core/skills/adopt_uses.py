"""What an argument names, of what a script does with it and of what it is called. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from skillbox_core.skills.adopt_reading import Argument, Kind, Use

_WRITTEN = re.compile(r"(?:^|[_-])(?:out|output|outfile|dest|destination|target_file|save_as|save_to)(?:$|[_-])|^o$")
_READ = re.compile(
    r"(?:^|[_-])(?:file|path|filename|filepath|infile|pdf|docx|xlsx|pptx|csv|image|input_file|document_path)s?$"
)
_FOLDER = re.compile(r"(?:^|[_-])(?:dir|directory|folder)s?$")
_OF_NAME = re.compile(r"(?:^|[_-])(pdf|docx|xlsx|pptx|csv|json|html|md|txt|png|jpg|svg|zip|xml|yaml)(?:$|[_-])")


def decide(argument: Argument, uses: Collection[str], endings: tuple[str, ...] = ()) -> Argument:
    """The argument with its use, and its kind where the script turns it into a number.

    Args:
        uses: As `Flow.uses` has them.
        endings: Of a file's name, where the script asks for them.
    """
    if argument.word:
        return argument
    kind: Kind = argument.kind
    if kind == "text":
        kind = next((kind for use, kind in _KINDS if use in uses), "text")
    use = argument.use
    guessed = False
    if use == "value" and not argument.choices and not argument.switch and kind == "text":
        use, named = _use(uses), _by_name(argument.name)
        # That it is there already is looked at of what is written, too.
        if use == "value" or (named == "write" and not set(uses) - {"test"}):
            use, guessed = named, named != "value"
    if use != "value":
        kind = "text"
    inside = {"made", "into"} & set(uses) and "write" not in uses
    folder = use == "write" and bool(inside or (guessed and _FOLDER.search(argument.name.lower())))
    ending = argument.ending or "".join(endings[:1]) or (".json" if "dumped" in uses else _ending(argument))
    return replace(
        argument,
        kind=kind,
        use=use,
        guessed=guessed,
        ending="" if folder else ending,
        binary=argument.binary or folder or "binary" in uses,
        into=folder and "made" not in uses,
        endings=() if use == "write" else endings,
    )


_KINDS: tuple[tuple[str, Kind], ...] = (("int", "integer"), ("float", "number"), ("json", "json"))


def _use(uses: Collection[str]) -> Use:
    if "edit" in uses or ("read" in uses and {"write", "beside"} & set(uses)):
        return "edit"
    if {"write", "made"} & set(uses) or ("into" in uses and not {"folder", "rework"} & set(uses)):
        return "write"
    if {"folder", "rework"} & set(uses) and "read" not in uses:
        return "folder"
    return "read" if {"read", "test"} & set(uses) else "value"


def _by_name(name: str) -> Use:
    lower = name.lower()
    if _WRITTEN.search(lower):
        return "write"
    if _FOLDER.search(lower):
        return "folder"
    return "read" if _READ.search(lower) else "value"


def _ending(argument: Argument) -> str:
    said = re.search(r"\.([a-z0-9]{1,5})['\"]$", argument.default.lower())
    if said:
        return f".{said[1]}"
    named = _OF_NAME.search(argument.name.lower())
    return f".{named[1]}" if named else ""
