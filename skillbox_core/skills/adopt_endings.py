"""The endings of a file's name that a Python script asks for. Pure."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from skillbox_core.skills.adopt_flow import Flow, Keys, Scope
from skillbox_core.skills.adopt_nodes import called, dotted, literal

_NONE: Keys = frozenset()


def endings(tree: ast.Module, flow: Flow) -> dict[str, tuple[str, ...]]:
    """For each argument the endings, with their dots, that its name is compared with."""
    nodes = list(ast.walk(tree))
    constants = {
        target.id: literal(node.value.args[0] if isinstance(node.value, ast.Call) and node.value.args else node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    held: dict[tuple[Scope, str], Keys] = {}

    def ending_of(node: ast.expr) -> Keys:
        """The arguments whose ending an expression is."""
        if isinstance(node, ast.Attribute) and node.attr == "suffix":
            return flow.holds(node.value)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and called(node) in ("lower", "casefold")
        ):
            return ending_of(node.func.value)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call) and called(node.value) == "splitext":
            return flow.holds(node.value.args[0]) if node.value.args else _NONE
        return held.get((flow.scope(node), node.id), _NONE) if isinstance(node, ast.Name) else _NONE

    for node in nodes:
        if isinstance(node, ast.Assign) and (keys := ending_of(node.value)):
            held |= {(flow.scope(node), name): keys for target in node.targets if (name := dotted(target))}
    found: dict[str, dict[str, None]] = {}
    for node in nodes:
        keys, said = _NONE, []
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            keys, said = ending_of(node.left), node.comparators
        elif isinstance(node, ast.Call) and called(node) == "endswith" and isinstance(node.func, ast.Attribute):
            base = node.func.value
            while isinstance(base, ast.Call) and called(base) in ("lower", "casefold", "str"):
                base = base.args[0] if base.args else getattr(base.func, "value", base.func)
            base = base.value if isinstance(base, ast.Attribute) and base.attr == "name" else base
            keys, said = flow.holds(base), node.args
        for key in keys:
            found.setdefault(key, {}).update(dict.fromkeys(_texts(said, constants)))
    return {key: tuple(texts) for key, texts in found.items() if texts}


def _texts(nodes: Sequence[ast.expr], constants: dict[str, object]) -> list[str]:
    values = [constants.get(node.id) if isinstance(node, ast.Name) else literal(node) for node in nodes]
    inner = [one for value in values for one in ([value] if isinstance(value, str) else _several(value))]
    return [text for text in inner if text.startswith(".") and text[1:].replace(".", "").isalnum() and len(text) < 12]


def _several(value: object) -> list[str]:
    several = isinstance(value, list | tuple | set | frozenset | dict)
    return sorted(one for one in value if isinstance(one, str)) if several else []  # type: ignore[attr-defined]
