"""Templates of a call: text with `{...}` in it, which stands for a part of the input, a file or a folder. Pure.

    {input}                the whole input
    {input.rows.0.name}    a part of it: keys of objects, numbers of a list's items
    {file:NAME}            the path of an input file, or of a folder of such, inside the sandbox
    {files}                the paths of all input files, an argument each; it is a whole template
    {out}                  the folder whose files are kept
    {{ and }}              a brace

A text stands as it is, everything else as JSON writes it. Nothing is ever read twice: what a placeholder gives is not
looked at for others, and no shell sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError

MAX_ARGUMENT = 131_071
"""Bytes of one argument: the kernel's limit (MAX_ARG_STRLEN) without the NUL behind it."""
MAX_ARGUMENTS = 512 * 1024
"""Bytes of all arguments, with what the kernel adds to each. It has 2 MiB for them and the environment."""
_OVERHEAD = 9
"""Bytes for each argument: its pointer and its NUL."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_BRACES = "a brace of the text's own is written twice, `{{` or `}}`"
_KNOWN = "known are {input.FIELD}, {file:NAME}, {files} and {out}"


@dataclass(frozen=True)
class Input:
    """`{input.a.b}`: the keys that lead to it."""

    path: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """`{file:NAME}`."""

    name: str


@dataclass(frozen=True)
class Files:
    """`{files}`."""


@dataclass(frozen=True)
class Out:
    """`{out}`."""


Part: TypeAlias = str | Input | File | Files | Out


@dataclass(frozen=True)
class Given:
    """What placeholders stand for.

    Attributes:
        input: The input, as JSON values.
        files: Paths of the input files below their folder.
        files_folder, out_folder: Inside the sandbox, without a slash at their end.
    """

    input: Any
    files: Sequence[str]
    files_folder: str
    out_folder: str


def parse(template: str) -> tuple[Part, ...]:
    """A template's parts, texts and placeholders, in their order; no two texts in a row.

    Raises:
        InvalidRequestError: A brace stands alone, or a placeholder is none.
    """
    parts: list[Part] = []
    text, at = "", 0
    for token in _TOKEN.finditer(template):
        text += template[at : token.start()]
        at = token.end()
        if token[0] in ("{{", "}}"):
            text += token[0][0]
            continue
        if token[1] is None:
            raise InvalidRequestError(f"the template {shown(template)} has a lone {token[0]}", hint=_BRACES)
        if text:
            parts.append(text)
            text = ""
        parts.append(_placeholder(token[1], template))
    text += template[at:]
    if text:
        parts.append(text)
    if Files() in parts and len(parts) > 1:
        raise InvalidRequestError(
            f"the template {shown(template)} has more than {{files}}, which stands for several arguments",
            hint="give it a template of its own",
        )
    return tuple(parts)


def _placeholder(name: str, template: str) -> Part:
    kind, colon, rest = name.partition(":")
    if colon and kind == "file" and rest:
        return File(rest)
    if name == "files":
        return Files()
    if name == "out":
        return Out()
    first, *path = name.split(".")
    if first == "input" and all(path):
        return Input(tuple(path))
    raise InvalidRequestError(
        f"the template {shown(template)} has {{{shown(name)[1:-1]}}}, which is no placeholder",
        hint=f"{_KNOWN}; {_BRACES}",
    )


def expand_arguments(templates: Iterable[str], given: Given) -> tuple[str, ...]:
    """The arguments that templates stand for, one each, but for `{files}`.

    Raises:
        InvalidRequestError: Something is not there, an argument begins with a value that a script would take for an
            option, or there is more than a process can be given.
    """
    arguments: list[str] = []
    size, options_ended = 0, False
    for template in templates:
        for argument in _argument(template, given, options_ended=options_ended):
            length = len(argument.encode())
            size += length + _OVERHEAD
            if length > MAX_ARGUMENT or size > MAX_ARGUMENTS:
                most = f"{MAX_ARGUMENT} bytes of one" if length > MAX_ARGUMENT else f"{MAX_ARGUMENTS} bytes of all"
                raise InvalidRequestError(
                    f"the arguments, with {shown(template)}, are over the limit of {most}",
                    hint="give it as standard input or as a file",
                )
            arguments.append(argument)
        options_ended = options_ended or template == "--"
    return tuple(arguments)


def expand_text(template: str, given: Given, limit: int) -> str:
    """The text that a template stands for, such as a script's standard input.

    Args:
        limit: Bytes.

    Raises:
        InvalidRequestError: Something is not there, or the text is over the limit.
    """
    pieces, size = [], 0
    for part in parse(template):
        piece = _text(part, given, template)
        size += len(piece.encode())
        if size > limit:
            raise InvalidRequestError(f"standard input is over the limit of {limit} bytes", hint="give it as a file")
        pieces.append(piece)
    return "".join(pieces)


def _argument(template: str, given: Given, *, options_ended: bool) -> Iterator[str]:
    parts = parse(template)
    if parts == (Files(),):
        yield from (f"{given.files_folder}/{path}" for path in given.files)
        return
    argument = "".join(_text(part, given, template) for part in parts)
    if "\0" in argument:
        raise InvalidRequestError(f"what {shown(template)} stands for contains a NUL, which no argument can")
    if argument.startswith("-") and not isinstance(parts[0], str) and not options_ended:
        raise InvalidRequestError(
            f"what {shown(template)} stands for begins with '-', so a script could take it for an option",
            hint=f'write "--name={template}", or have "--" stand before it' if len(template) < 80 else None,
        )
    yield argument


def _text(part: Part, given: Given, template: str) -> str:
    match part:
        case str():
            return part
        case Input():
            return _written(_found(part, given.input), part)
        case File():
            return f"{given.files_folder}/{_file(part.name, given.files)}"
        case Out():
            return given.out_folder
        case Files():
            raise InvalidRequestError(f"{{files}} stands for several arguments, not for a part of {shown(template)}")


def _found(place: Input, value: Any) -> Any:
    for number, key in enumerate(place.path):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(value):
            value = value[int(key)]
        else:
            within = _name(place.path[:number])
            raise InvalidRequestError(f"{_name(place.path)} is not in the input: {within} has no {shown(key)}")
    return value


def _written(value: Any, place: Input) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise InvalidRequestError(f"{_name(place.path)} is null, which has no text", hint="leave the argument out")
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _file(name: str, files: Sequence[str]) -> str:
    # Only what was given has a name here, so that none leads out of its folder.
    folder = f"{name.rstrip('/')}/"
    if name in files or any(path.startswith(folder) for path in files):
        return name
    raise InvalidRequestError(
        f"{{file:{shown(name)[1:-1]}}} is not among the input files",
        hint=f"they are {', '.join(map(shown, files[:5]))}" if files else "there are none",
    )


def _name(path: Sequence[str]) -> str:
    return "{" + shown(".".join(("input", *path)))[1:-1] + "}"
