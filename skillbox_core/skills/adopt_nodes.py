"""What the readers of Python ask of its syntax tree. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def called(call: ast.Call) -> str:
    """The last part of a called function's name."""
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def literal(node: ast.AST | None) -> object:
    """The value that an expression writes down; None for any other."""
    try:
        return ast.literal_eval(node) if isinstance(node, ast.expr) else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def dotted(node: ast.expr) -> str:
    """A variable's name, or an attribute's of one: `args`, `self.args`; empty for others."""
    if isinstance(node, ast.Name):
        return node.id
    simple = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return f"{node.value.id}.{node.attr}" if simple else ""  # type: ignore[attr-defined]


def parameters(function: Function) -> list[ast.arg]:
    """All that can be given by name or position, in their order."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """The node that each node lies in."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def above(node: ast.AST, up: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    while node in up:
        node = up[node]
        yield node
