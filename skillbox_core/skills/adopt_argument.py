"""One argument of argparse, of the call that adds it. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from skillbox_core.skills.adopt_nodes import called, keyword, literal
from skillbox_core.skills.adopt_reading import Argument, Kind, Use

Known: TypeAlias = Callable[[ast.expr | None], object]
"""The value of an expression, where the script's text tells it; None for others."""

_KINDS: dict[str, Kind] = {"int": "integer", "float": "number", "loads": "json", "Decimal": "number"}
_SWITCHES = frozenset({"store_true", "store_false", "count", "store_const", "append_const", "BooleanOptionalAction"})
_ENDS = frozenset({"help", "version"})


def argument(call: ast.Call, texts: Sequence[str], known: Known) -> Argument | None:
    """What `add_argument` adds; None for an option that only prints and ends.

    Args:
        texts: The name, or the flags.
    """
    action = _action(keyword(call, "action"))
    if action in _ENDS:
        return None
    flags = [text for text in texts if text.startswith("-")]
    flag = next((text for text in flags if text.startswith("--")), flags[0] if flags else "")
    default = keyword(call, "default")
    if action == "BooleanOptionalAction" and known(default) is True:
        # Of its two words, the one that changes something.
        flag = f"--no-{flag.removeprefix('--')}"
    said = known(keyword(call, "dest"))
    name = said if isinstance(said, str) and said else (flag.lstrip("-") if flag else texts[0]).replace("-", "_")
    nargs = known(keyword(call, "nargs"))
    given = keyword(call, "nargs")
    remainder = nargs == "..." or (isinstance(given, ast.Attribute) and given.attr == "REMAINDER")
    required = known(keyword(call, "required")) is True if flag else nargs not in ("?", "*") and not remainder
    kind, use = _type(keyword(call, "type"))
    help_ = known(keyword(call, "help"))
    return Argument(
        name,
        flag,
        required=required,
        several=nargs in ("*", "+") or remainder or action in ("append", "extend"),
        each=action in ("append", "extend") and nargs is None,
        least=int(nargs == "+"),
        count=nargs if isinstance(nargs, int) and nargs > 0 else 1,
        kind=kind,
        use=use,
        choices=_choices(keyword(call, "choices"), known),
        default=ast.unparse(default)[:80] if default is not None else "",
        switch=action in _SWITCHES,
        help=help_ if isinstance(help_, str) else "",
        binary="FileType" in ast.dump(call) and "wb" in ast.dump(call),
    )


def _choices(node: ast.expr | None, known: Known) -> tuple[str | int | float, ...]:
    value = known(node)
    if isinstance(node, ast.Call) and called(node) in ("list", "sorted", "tuple", "keys"):
        inner = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(inner, ast.Call) and called(inner) == "keys" and isinstance(inner.func, ast.Attribute):
            inner = inner.func.value
        value = known(inner)
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if not isinstance(value, Iterable) or isinstance(value, str | bytes):
        return ()
    return tuple(one for one in value if isinstance(one, str | int | float) and not isinstance(one, bool))


def _action(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    value = literal(node)
    return node.id if isinstance(node, ast.Name) else value if isinstance(value, str) else ""


def _type(node: ast.expr | None) -> tuple[Kind, Use]:
    """The kind of a value, by the function that makes it of a text, and what it names where that says so."""
    if isinstance(node, ast.Call) and called(node) == "FileType":
        mode = literal(node.args[0] if node.args else keyword(node, "mode"))
        return "text", "write" if isinstance(mode, str) and mode[:1] in ("w", "a", "x") else "read"
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return _KINDS.get(name, "text"), "value"
