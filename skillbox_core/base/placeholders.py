"""The grammar of a call's templates: text with `{...}` in it, which stands for a part of the input, a file or a folder.

    {input}                the whole input
    {input.rows.0.name}    a part of it: keys of objects, numbers of a list's items
    {input.title?}         the same; its argument is left out where it is not there, or null
    {input.words...}       the items of a list, an argument each; `{input.words...?}` where there may be no list
    {file:NAME}            the path of an input file, or of a folder of such, inside the sandbox; `{file:NAME?}`
    {files}                the paths of all input files, an argument each
    {out}                  the folder whose files are kept
    {if input.strict}      at the beginning: the argument is left out unless it is true
    {{ and }}              a brace

A group, a list of templates, is left out as a whole where one of them stands for no argument. `expansion` says what
they all stand for. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_WORD = re.compile(r"[\w-]+")
"""A key of a switch. Any other could be meant as a comparison, which would be false for ever: `{if input.a == 1}`."""
_BRACES = "a brace of the text's own is written twice, `{{` or `}}`"
_KNOWN = (
    "known are {input.FIELD}, {input.FIELD?}, {input.FIELD...}, {if input.FIELD}, {file:NAME}, {file:NAME?}, {files} "
    "and {out}"
)


@dataclass(frozen=True)
class Input:
    """`{input.a.b}`.

    Attributes:
        path: The keys that lead to it.
        optional: It may be missing or null (`?`).
        each: Its items are an argument each (`...`).
    """

    path: tuple[str, ...]
    optional: bool = False
    each: bool = False


@dataclass(frozen=True)
class File:
    """`{file:NAME}`, and `{file:NAME?}` for one that may be missing."""

    name: str
    optional: bool = False


@dataclass(frozen=True)
class Files:
    """`{files}`."""


@dataclass(frozen=True)
class Out:
    """`{out}`."""


@dataclass(frozen=True)
class If:
    """`{if input.a.b}`: the keys that lead to a switch."""

    path: tuple[str, ...]


Part: TypeAlias = str | Input | File | Files | Out | If
Element: TypeAlias = str | tuple[str, ...]
"""A template, or a group of them."""


def parse(template: str) -> tuple[Part, ...]:
    """A template's parts, texts and placeholders, in their order; no two texts in a row.

    Raises:
        InvalidRequestError: A brace stands alone, a placeholder is none, or one stands where it can't.
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
    if sum(map(is_several, parts)) > 1:
        raise InvalidRequestError(
            f"the template {shown(template)} has two placeholders that stand for several arguments each",
            hint="give each a template of its own",
        )
    if any(isinstance(part, If) for part in parts[1:]):
        raise InvalidRequestError(
            f"the template {shown(template)} has {{if ...}} behind its beginning", hint='write "{if input.FIELD}--flag"'
        )
    if len(parts) == 1 and isinstance(parts[0], If):
        raise InvalidRequestError(
            f"the template {shown(template)} has nothing behind {{if ...}}", hint='write "{if input.FIELD}--flag"'
        )
    return tuple(parts)


def check_group(templates: Sequence[str]) -> None:
    """Checks the templates of a group.

    Raises:
        InvalidRequestError: One of them is none, or the group could never be left out.
    """
    parts = [part for template in templates for part in parse(template)]
    if not any(is_several(part) or isinstance(part, If) or getattr(part, "optional", False) for part in parts):
        raise InvalidRequestError(
            f"the group [{', '.join(map(shown, templates[:5]))}] is never left out",
            hint="mark what may be missing, as {input.title?} is, or write its templates without a list of their own",
        )


def is_several(part: Part) -> bool:
    """Whether it stands for several arguments, or none."""
    return isinstance(part, Files) or (isinstance(part, Input) and part.each)


def _placeholder(name: str, template: str) -> Part:
    plain = name.removesuffix("?")
    kind, colon, rest = plain.partition(":")
    if colon and kind == "file" and rest:
        return File(rest, optional=plain != name)
    if name == "files":
        return Files()
    if name == "out":
        return Out()
    if name.startswith("if ") and (path := _path(name[3:])) is not None and all(map(_WORD.fullmatch, path)):
        return If(path)
    each = plain.endswith("...")
    if (path := _path(plain.removesuffix("..."))) is not None:
        return Input(path, optional=plain != name, each=each)
    raise InvalidRequestError(
        f"the template {shown(template)} has {{{shown(name)[1:-1]}}}, which is no placeholder",
        hint=f"{_KNOWN}; {_BRACES}",
    )


def _path(text: str) -> tuple[str, ...] | None:
    first, *path = text.split(".")
    # A key that ends so would be a `?` that stands in the wrong place.
    return tuple(path) if first == "input" and all(key and not key.endswith("?") for key in path) else None
