"""What a call's templates stand for, over an input and input files: its arguments and its standard input. Pure.

A text stands as it is, everything else as JSON writes it. Nothing is ever read twice: what a placeholder gives is not
looked at for others, and no shell sees it. What is not marked as optional must be there, also where its argument is
left out for another reason, so that a mistyped one is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from skillbox_core.base.names import shown
from skillbox_core.base.placeholders import Element, File, Files, If, Input, Out, Part, is_several, parse
from skillbox_core.errors import InvalidRequestError

MAX_ARGUMENT = 131_071
"""Bytes of one argument: the kernel's limit (MAX_ARG_STRLEN) without the NUL behind it."""
MAX_ARGUMENTS = 512 * 1024
"""Bytes of all arguments, with what the kernel adds to each. It has 2 MiB for them and the environment."""
_OVERHEAD = 9
"""Bytes for each argument: its pointer and its NUL."""
_RENAME = "? at the end of a placeholder marks what may be missing: give it another name"
_MARK = "where it may be missing, mark it with ? at its end, as {input.title?}"


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

    @cached_property
    def places(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the input files, and of the folders that they are in. A template may ask thousands of times."""
        folders = (path[:at] for path in self.files for at, letter in enumerate(path) if letter == "/")
        return frozenset(self.files), frozenset(folders)


def expand_arguments(elements: Iterable[Element], given: Given) -> tuple[str, ...]:
    """The arguments that templates and groups of them stand for, in their order.

    Raises:
        InvalidRequestError: Something is not there, an argument begins with a value that a script would take for an
            option, or there is more than a process can be given.
    """
    arguments: list[str] = []
    size, options_ended = 0, False
    for element in elements:
        group = (element,) if isinstance(element, str) else element
        left_out = [_is_left_out(template, given) for template in group]
        if any(left_out):
            continue
        for template in group:
            for argument in _arguments(template, given, options_ended=options_ended):
                length = len(argument.encode())
                size += length + _OVERHEAD
                if length > MAX_ARGUMENT or size > MAX_ARGUMENTS:
                    raise _over(template, one=length > MAX_ARGUMENT)
                arguments.append(argument)
            options_ended = options_ended or template == "--"
    return tuple(arguments)


def expand_text(template: str, given: Given, limit: int) -> str | None:
    """The text that a template stands for, such as a script's standard input; None where it is left out.

    Args:
        limit: Bytes.

    Raises:
        InvalidRequestError: Something is not there, or the text is over the limit.
    """
    if _is_left_out(template, given):
        return None
    pieces, size = [], 0
    for part in parse(template):
        piece = _text(part, given, template)
        size += len(piece.encode())
        if size > limit:
            raise InvalidRequestError(f"standard input is over the limit of {limit} bytes", hint="give it as a file")
        pieces.append(piece)
    return "".join(pieces)


def _is_left_out(template: str, given: Given) -> bool:
    """Whether a template stands for no argument. All its parts are looked at, so that none hides a mistyped one."""
    lacking = [_lacks(part, given) for part in parse(template)]
    return any(lacking)


def _lacks(part: Part, given: Given) -> bool:
    match part:
        case If():
            return not _is_on(part, given.input)
        case Input(each=True):
            return not _items(part, given.input)
        case Input():
            return _found(part.path, given.input, optional=part.optional) is None
        case File():
            return _file(part, given) is None
        case Files():
            return not given.files
    return False


def _arguments(template: str, given: Given, *, options_ended: bool) -> Iterator[str]:
    """The arguments of a template that is not left out: one, or one for each of several values."""
    parts = parse(template)
    at = next((number for number, part in enumerate(parts) if is_several(part)), len(parts))
    before, after = _joined(parts[:at], given, template), _joined(parts[at + 1 :], given, template)
    by_value = not isinstance(next((part for part in parts if not isinstance(part, If)), ""), str)
    for text in _texts(parts[at], given) if at < len(parts) else ("",):
        argument = before + text + after
        if "\0" in argument:
            raise InvalidRequestError(f"what {shown(template)} stands for contains a NUL, which no argument can")
        if argument.startswith("-") and by_value and not options_ended:
            raise InvalidRequestError(
                f"what {shown(template)} stands for begins with '-', so a script could take it for an option",
                hint=_with_its_name(template) if len(template) < 80 else None,
            )
        yield argument


def _with_its_name(template: str) -> str:
    switch = template[: template.index("}") + 1] if isinstance(parse(template)[0], If) else ""
    return f'write "{switch}--name={template[len(switch) :]}" in its place, or have "--" stand before it'


def _joined(parts: Sequence[Part], given: Given, template: str) -> str:
    text = ""
    for part in parts:
        text += _text(part, given, template)
        # Looked at here, since a template can name a long value thousands of times.
        if len(text) > MAX_ARGUMENT:
            raise _over(template, one=True)
    return text


def _over(template: str, *, one: bool) -> InvalidRequestError:
    most = f"{MAX_ARGUMENT} bytes of one" if one else f"{MAX_ARGUMENTS} bytes of all"
    return InvalidRequestError(
        f"the arguments, with {shown(template)}, are over the limit of {most}",
        hint="give it as standard input or as a file",
    )


def _texts(part: Part, given: Given) -> Iterator[str]:
    """What stands for several arguments."""
    if isinstance(part, Input):
        yield from (_written(item, (*part.path, f"{number}")) for number, item in enumerate(_items(part, given.input)))
    else:
        yield from (f"{given.files_folder}/{path}" for path in given.files)


def _text(part: Part, given: Given, template: str) -> str:
    match part:
        case str():
            return part
        case If():
            return ""
        case Input(each=False):
            return _written(_found(part.path, given.input, optional=part.optional), part.path)
        case File():
            return f"{given.files_folder}/{_file(part, given)}"
        case Out():
            return given.out_folder
    raise InvalidRequestError(f"{shown(template)} stands for several arguments, and one text is wanted")


def _items(part: Input, value: Any) -> Sequence[Any]:
    items = _found(part.path, value, optional=part.optional)
    if items is not None and not isinstance(items, list):
        raise InvalidRequestError(f"{_name(part.path)} is no list, whose items could be an argument each")
    return items or ()


def _is_on(switch: If, value: Any) -> bool:
    found = _found(switch.path, value, optional=True)
    if found is not None and not isinstance(found, bool):
        raise InvalidRequestError(
            f"{_name(switch.path)} is neither true nor false, as {{if ...}} asks for", hint="leave it out for false"
        )
    return found is True


def _found(path: Sequence[str], value: Any, *, optional: bool) -> Any:
    """A part of the input; None where it may be missing and is missing, or null."""
    for number, key in enumerate(path):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(value):
            value = value[int(key)]
        elif optional and isinstance(value, dict) and f"{key}?" in value:
            raise InvalidRequestError(f"{_name((*path[:number], f'{key}?'))} has no placeholder", hint=_RENAME)
        elif optional:
            return None
        else:
            within = _name(path[:number])
            raise InvalidRequestError(f"{_name(path)} is not in the input: {within} has no {shown(key)}", hint=_MARK)
    if value is None and not optional:
        raise _null(path)
    return value


def _written(value: Any, path: Sequence[str]) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise _null(path)
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _null(path: Sequence[str]) -> InvalidRequestError:
    return InvalidRequestError(f"{_name(path)} is null, which has no text", hint=_MARK)


def _file(part: File, given: Given) -> str | None:
    # Only what was given has a name here, so that none leads out of its folder.
    names, folders = given.places
    if part.name in names or part.name.rstrip("/") in folders:
        return part.name
    if part.optional and (f"{part.name}?" in names or f"{part.name}?" in folders):
        raise InvalidRequestError(f"the input file {shown(f'{part.name}?')} has no placeholder", hint=_RENAME)
    if part.optional:
        return None
    raise InvalidRequestError(
        f"{{file:{shown(part.name)[1:-1]}}} is not among the input files",
        hint=f"they are {', '.join(map(shown, given.files[:5]))}" if given.files else "there are none",
    )


def _name(path: Sequence[str]) -> str:
    return "{" + shown(".".join(("input", *path)))[1:-1] + "}"
