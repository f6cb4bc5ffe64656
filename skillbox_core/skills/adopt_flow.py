"""Where the arguments of a Python script go: which of them it opens, writes or turns into numbers. Pure.

Values are followed by their names through assignments, loops and calls of the script's own functions; nothing is run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import TypeAlias

from skillbox_core.skills.adopt_nodes import Function, above, called, dotted, parameters, parents
from skillbox_core.skills.adopt_touches import touches

Scope: TypeAlias = ast.AST
Keys: TypeAlias = frozenset[str]
Source: TypeAlias = Callable[[ast.expr], str | None]
"""Says which argument an expression is, such as `args.path`; None for others."""

_NONE: Keys = frozenset()
_ROUNDS = 6
"""Calls within calls that a value is followed through."""
_SAME = frozenset(
    {"Path", "PurePath", "str", "abspath", "expanduser", "realpath", "resolve", "absolute", "strip", "fspath"}
    | {"list", "sorted", "set", "tuple"}
)
_INSIDE = frozenset({"rglob", "iterdir", "glob", "walk", "listdir", "scandir", "joinpath"})
_WITHIN = {"read": "folder", "test": "folder", "folder": "folder", "write": "into", "made": "into", "edit": "rework"}
"""What is done with a folder, by what is done with a file in it."""


class Flow:
    """The uses of a script's arguments.

    Attributes:
        uses: For each argument what is done with it: `read`, `write`, `binary`, `edit`, `int`, `float`, `json`,
            `dumped`, `test`, `beside` where a file is written next to it; of a folder `folder` where it is read,
            `made` where it is made, `into` where a file in it is written, `rework` where one is changed.
        names: For each argument the first variable that holds it.

    Args:
        seeds: Functions whose parameters are arguments, as click and typer have them.
    """

    def __init__(self, tree: ast.Module, source: Source, seeds: tuple[Function, ...] = ()) -> None:
        self.uses: dict[str, set[str]] = {}
        self.names: dict[str, str] = {}
        self._tree, self._source, self._up = tree, source, parents(tree)
        nodes = list(ast.walk(tree))
        self._scopes: dict[ast.AST, Scope] = {}
        self._functions: dict[str, Function] = {
            node.name: node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
        for made in classes:
            for one in made.body:
                if isinstance(one, ast.FunctionDef) and one.name == "__init__":
                    self._functions[made.name] = one
        self._held: dict[tuple[Scope, str], set[str]] = {
            (function, one.arg): {one.arg} for function in seeds for one in parameters(function)
        }
        self._in: dict[tuple[Scope, str], set[str]] = {}
        self._near: dict[tuple[Scope, str], set[str]] = {}
        self._files: dict[tuple[Scope, str], Keys] = {}
        self._given: dict[Scope, set[str]] = {}
        for _ in range(_ROUNDS):
            known = self._known()
            for node in nodes:
                self._follow(node)
            if known == self._known():
                break
        for node in nodes:
            if isinstance(node, ast.Call):
                self._use(node)

    def _known(self) -> int:
        return sum(len(keys) for held in (self._held, self._in, self._near, self._given) for keys in held.values())

    def scope(self, node: ast.AST) -> Scope:
        if node not in self._scopes:
            inner = (up for up in above(node, self._up) if isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef))
            self._scopes[node] = next(inner, self._tree)
        return self._scopes[node]

    def holds(self, node: ast.AST | None) -> Keys:
        """The arguments that an expression may be, or is made of as a path."""
        if not isinstance(node, ast.expr):
            return _NONE
        if key := self._source(node):
            return frozenset((key,))
        if isinstance(node, ast.Name | ast.Attribute):
            return self._looked_up(self._held, node)
        if isinstance(node, ast.IfExp):
            return self.holds(node.body) | self.holds(node.orelse)
        if isinstance(node, ast.BoolOp):
            return _NONE.union(*map(self.holds, node.values))
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return self.holds(node.elt)
        if isinstance(node, ast.Call):
            if called(node) in _SAME:
                return self.holds(node.args[0] if node.args else getattr(node.func, "value", None))
            function = self._local(node)
            return frozenset(self._given.get(function) or ()) if function else _NONE
        return _NONE

    def inside(self, node: ast.AST | None) -> Keys:
        """The arguments that are folders in which the path lies that an expression is."""
        if isinstance(node, ast.Name | ast.Attribute):
            return self._looked_up(self._in, node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.holds(node.left) | self.inside(node.left)
        if isinstance(node, ast.JoinedStr) and len(node.values) > 1 and isinstance(node.values[0], ast.FormattedValue):
            then = node.values[1]
            below = isinstance(then, ast.Constant) and str(then.value).startswith("/")
            return self.holds(node.values[0].value) if below else _NONE
        if isinstance(node, ast.Call):
            func = node.func
            if called(node) == "join" and isinstance(func, ast.Attribute) and ast.unparse(func.value) == "os.path":
                return self.holds(node.args[0]) | self.inside(node.args[0]) if node.args else _NONE
            if called(node) in _INSIDE:
                parts = [*([func.value] if isinstance(func, ast.Attribute) else []), *node.args[:1]]
                return _NONE.union(*map(self.holds, parts), *map(self.inside, parts))
            if called(node) in _SAME:
                return self.inside(node.args[0] if node.args else getattr(func, "value", None))
        return _NONE

    def beside(self, node: ast.AST | None) -> Keys:
        """The arguments in whose folder a path lies that an expression makes of their names."""
        if isinstance(node, ast.Name):
            return frozenset(self._near.get((self.scope(node), node.id)) or ())
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
            own = self.holds(node.left) if isinstance(node.op, ast.Add) else _NONE
            return own | self.beside(node.left)
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            return self.holds(node.value)
        if isinstance(node, ast.Subscript):
            return self.beside(node.value)
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.FormattedValue):
            below = self.inside(node)
            return (self.holds(node.values[0].value) | self.beside(node.values[0].value)) - below
        if isinstance(node, ast.Call):
            func = node.func
            if called(node) in ("with_suffix", "with_name", "with_stem") and isinstance(func, ast.Attribute):
                return self.holds(func.value)
            if called(node) in ("splitext", "dirname") and node.args:
                return self.holds(node.args[0])
            if called(node) in _SAME | {"join"}:
                return self.beside(node.args[0] if node.args else getattr(func, "value", None))
        return _NONE

    def _looked_up(self, held: dict[tuple[Scope, str], set[str]], node: ast.expr) -> Keys:
        name = dotted(node)
        if not name:
            return _NONE
        own = held.get((self.scope(node), name)) if isinstance(node, ast.Name) else None
        return frozenset(own or held.get((self._tree, name)) or ())

    def _hold(self, target: ast.AST, value: ast.AST, scope: Scope) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, part in zip(target.elts, value.elts, strict=False):
                self._hold(one, part, scope)
        elif isinstance(target, ast.expr) and (name := dotted(target)):
            # An attribute is reached from every method.
            where = (scope if isinstance(target, ast.Name) else self._tree, name)
            self._add(where, self.holds(value) or self._made(value), self.inside(value), self.beside(value))

    def _add(self, where: tuple[Scope, str], keys: Iterable[str], folders: Iterable[str], near: Iterable[str]) -> None:
        for key in keys:
            self._held.setdefault(where, set()).add(key)
            if "." not in where[1]:
                self.names.setdefault(key, where[1])
        for key in folders:
            self._in.setdefault(where, set()).add(key)
        for key in near:
            self._near.setdefault(where, set()).add(key)

    def _follow(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._hold(target, node.value, self.scope(node))
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._hold(node.target, node.value, self.scope(node))
        elif isinstance(node, ast.For | ast.comprehension):
            over, target = node.iter, node.target
            if isinstance(over, ast.Call) and called(over) == "enumerate" and over.args:
                over = over.args[0]
                target = target.elts[-1] if isinstance(target, ast.Tuple) else target
            self._hold(target, over, self.scope(node))
        elif isinstance(node, ast.Return) and node.value is not None:
            self._given.setdefault(self.scope(node), set()).update(self.holds(node.value))
        elif isinstance(node, ast.Call) and (function := self._local(node)):
            names = [one.arg for one in parameters(function)]
            if names[:1] in (["self"], ["cls"]):
                names = names[1:]
            given = [*zip(names, node.args, strict=False), *((one.arg, one.value) for one in node.keywords)]
            for name, value in given:
                if name in names:
                    self._add((function, name), self.holds(value), self.inside(value), self.beside(value))

    def _local(self, call: ast.Call) -> Function | None:
        """The script's own function, method or class that is called."""
        own = isinstance(call.func, ast.Name) or (
            isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)
        )
        return self._functions.get(called(call)) if own else None

    def _made(self, node: ast.AST) -> Keys:
        """The argument that is the only one a conversion is given, for its variable's name: `int(sys.argv[1])`."""
        converts = isinstance(node, ast.Call) and len(node.args) == 1 and called(node) in ("int", "float", "loads")
        return self.holds(node.args[0]) if converts and isinstance(node, ast.Call) else _NONE

    def _use(self, call: ast.Call) -> None:
        for candidates, uses in touches(call):
            for one in candidates:
                keys, folders = self.holds(one), self.inside(one)
                for key in keys:
                    self.uses.setdefault(key, set()).update(uses)
                for key in folders - keys:
                    self.uses.setdefault(key, set()).update(_WITHIN[use] for use in uses if use in _WITHIN)
                near = self.beside(one) - keys - folders
                if "write" in uses:
                    for key in near:
                        self.uses.setdefault(key, set()).add("beside")
                if keys or folders or near:
                    if called(call) == "open":
                        self._opened(call, keys)
                    break
        if called(call) == "dump" and len(call.args) > 1 and isinstance(call.args[1], ast.Name):
            for key in self._files.get((self.scope(call), call.args[1].id), _NONE):
                self.uses.setdefault(key, set()).add("dumped")

    def _opened(self, call: ast.Call, keys: Keys) -> None:
        item = self._up.get(call)
        if isinstance(item, ast.withitem) and isinstance(item.optional_vars, ast.Name):
            self._files[self.scope(call), item.optional_vars.id] = keys
