"""Which of a Python script's functions belong to one of its subcommands, and to no other. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from skillbox_core.skills.adopt_nodes import Function, called
from skillbox_core.skills.adopt_reading import Usage

_MOST = 1_000_000
"""Nodes of a script times its subcommands: more of them are read together."""


def own_trees(tree: ast.Module, usages: Sequence[Usage]) -> list[tuple[ast.Module, frozenset[str]]]:
    """For each subcommand the script without the functions of the others, and those that are started for it."""
    functions = {node.name: node for node in tree.body if isinstance(node, Function)}
    handlers = _handlers(tree, usages, functions)
    every = frozenset().union(*handlers)
    if len(usages) < 2 or not every or sum(1 for _ in ast.walk(tree)) * len(usages) > _MOST:
        return [(tree, mine) for mine in handlers]
    uses = {name: _named(node, functions) for name, node in functions.items()}
    rest = [node for node in tree.body if not isinstance(node, Function)]
    shared = _reached(frozenset().union(*(_named(node, functions) for node in rest)), uses, every)
    found = []
    for mine in handlers:
        others = _reached(every - mine, uses) - _reached(mine, uses) - shared
        body = [node for node in tree.body if getattr(node, "name", None) not in others]
        found.append((ast.Module(body, tree.type_ignores), mine))
    return found


def _handlers(tree: ast.Module, usages: Sequence[Usage], functions: Mapping[str, Function]) -> list[frozenset[str]]:
    """For each subcommand the functions that are started for it alone."""
    words = [usage.words[-1] if usage.words else "" for usage in usages]
    found: list[set[str]] = [{usage.handler} if usage.handler in functions else set() for usage in usages]
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and (word := _compared(node.test)) in words:
            calls = [one for part in node.body for one in ast.walk(part) if isinstance(one, ast.Call)]
            found[words.index(word)] |= {called(call) for call in calls if isinstance(call.func, ast.Name)}
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in words and isinstance(value, ast.Name):
                    found[words.index(key.value)].add(value.id)
    own = [{name for name in names if name in functions} for names in found]
    return [frozenset(name for name in names if sum(name in other for other in own) == 1) for names in own]


def _compared(test: ast.expr) -> str:
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        right = test.comparators[0]
        return right.value if isinstance(right, ast.Constant) and isinstance(right.value, str) else ""
    return ""


def _named(node: ast.AST, functions: Iterable[str]) -> frozenset[str]:
    return frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in functions)


def _reached(
    start: Iterable[str], uses: Mapping[str, frozenset[str]], without: frozenset[str] = frozenset()
) -> frozenset[str]:
    found: set[str] = set()
    left = [name for name in start if name not in without]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [one for one in uses[name] if one not in without]
    return frozenset(found)
