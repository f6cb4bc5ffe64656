"""Where the arguments of a Python script go: which of them it opens, writes or turns into numbers. Pure.

Values are followed by their names through assignments, loops and calls of the script's own functions; nothing is run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TypeAlias

Scope: TypeAlias = ast.AST
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Source: TypeAlias = Callable[[ast.expr], str | None]
"""Says which argument an expression is, such as `args.path`; None for others."""

_ROUNDS = 6
"""Calls within calls that a value is followed through."""
_SAME = frozenset(
    {"Path", "PurePath", "str", "abspath", "expanduser", "realpath", "resolve", "absolute", "strip", "fspath"}
)
_READS = frozenset(
    {
        "read_text",
        "read_bytes",
        "getsize",
        "getmtime",
        "stat",
        "load_workbook",
        "PdfReader",
        "PdfFileReader",
        "Document",
    }
    | {"Presentation", "ZipFile", "imread", "copy", "copy2", "copyfile"}
)
_FOLDERS = frozenset(["rglob", "iterdir", "glob", "walk", "listdir", "scandir"])
_WRITES = frozenset(["write_text", "write_bytes", "touch", "savefig", "save", "imwrite"])
_CHANGES = frozenset(["rename", "replace", "unlink", "remove", "move"])
_TESTS = frozenset(["exists", "is_file", "isfile"])
_MODULES = frozenset({"os", "shutil", "pathlib"})


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


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """The node that each node lies in."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def above(node: ast.AST, up: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    while node in up:
        node = up[node]
        yield node


class Flow:
    """The uses of a script's arguments.

    Attributes:
        uses: For each argument what is done with it: `read`, `folder`, `write`, `binary`, `edit`, `int`, `float`,
            `json`, `dumped`, or `test`.
        names: For each argument the first variable that holds it.

    Args:
        seeds: Functions whose parameters are arguments, as click and typer have them.
    """

    def __init__(self, tree: ast.Module, source: Source, seeds: tuple[Function, ...] = ()) -> None:
        self.uses: dict[str, set[str]] = {}
        self.names: dict[str, str] = {}
        self._tree, self._source, self._up = tree, source, parents(tree)
        self._functions: dict[str, Function] = {
            node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self._held: dict[tuple[Scope, str], str] = {
            (function, one.arg): one.arg for function in seeds for one in parameters(function)
        }
        self._files: dict[tuple[Scope, str], str] = {}
        nodes = list(ast.walk(tree))
        for _ in range(_ROUNDS):
            known = len(self._held)
            for node in nodes:
                self._follow(node)
            if known == len(self._held):
                break
        for node in nodes:
            if isinstance(node, ast.Call):
                self._use(node)

    def scope(self, node: ast.AST) -> Scope:
        inner = (up for up in above(node, self._up) if isinstance(up, ast.FunctionDef | ast.AsyncFunctionDef))
        return next(inner, self._tree)

    def holds(self, node: ast.AST | None) -> str | None:
        """The argument that an expression is, or is made of as a path."""
        if not isinstance(node, ast.expr):
            return None
        if key := self._source(node):
            return key
        if isinstance(node, ast.Name):
            return self._held.get((self.scope(node), node.id)) or self._held.get((self._tree, node.id))
        if isinstance(node, ast.Call) and called(node) in _SAME:
            if node.args:
                return self.holds(node.args[0])
            return self.holds(node.func.value) if isinstance(node.func, ast.Attribute) else None
        return None

    def _hold(self, target: ast.AST, key: str | None, scope: Scope) -> None:
        if isinstance(target, ast.Name) and key:
            self._held.setdefault((scope, target.id), key)
            self.names.setdefault(key, target.id)

    def _follow(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            scope = self.scope(node)
            inner = node.value
            if isinstance(inner, ast.IfExp):
                inner = inner.body
            key = self.holds(inner) or self._made(inner)
            for target in node.targets:
                self._hold(target, key, scope)
                if isinstance(target, ast.Tuple) and isinstance(inner, ast.Tuple):
                    for one, value in zip(target.elts, inner.elts, strict=False):
                        self._hold(one, self.holds(value), scope)
        elif isinstance(node, ast.For | ast.comprehension):
            over = node.iter
            if isinstance(over, ast.Call) and called(over) == "enumerate" and over.args:
                over = over.args[0]
            target = node.target
            if isinstance(target, ast.Tuple) and over is not node.iter:
                target = target.elts[-1]
            self._hold(target, self.holds(over), self.scope(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._functions:
            function = self._functions[node.func.id]
            names = [one.arg for one in parameters(function)]
            for name, value in zip(names, node.args, strict=False):
                if key := self.holds(value):
                    self._held.setdefault((function, name), key)
                    self.names.setdefault(key, name)
            for given in node.keywords:
                if given.arg in names and (key := self.holds(given.value)):
                    self._held.setdefault((function, given.arg), key)

    def _made(self, node: ast.expr) -> str | None:
        """The argument that is the only one a conversion is given, for its variable's name: `int(sys.argv[1])`."""
        converts = isinstance(node, ast.Call) and len(node.args) == 1 and called(node) in ("int", "float", "loads")
        return self.holds(node.args[0]) if converts and isinstance(node, ast.Call) else None

    def _use(self, call: ast.Call) -> None:
        name = called(call)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        held = self.holds(receiver)
        first = self.holds(call.args[0]) if call.args else None
        if name == "open":
            self._open(call, held, first)
        elif name in ("int", "float") and first:
            self._note(first, name)
        elif name == "loads" and first:
            self._note(first, "json")
        elif name in _READS or name.startswith(("read_", "from_")):
            self._note(held or first, "read")
            if name.startswith("copy") and len(call.args) > 1:
                self._note(self.holds(call.args[1]), "write", "binary")
        elif name in _FOLDERS:
            self._note(held or first, "folder")
        elif name in _WRITES or name.startswith("to_"):
            self._note(held or first, "write", *(() if name in ("write_text", "touch") else ("binary",)))
            if held and self._dumps(call):
                self._note(held, "dumped")
        elif name in _CHANGES and (held or (isinstance(receiver, ast.Name) and receiver.id in _MODULES)):
            self._note(held or first, "edit")
        elif name in _TESTS:
            self._note(held or first, "test")
        elif name == "dump" and len(call.args) > 1 and isinstance(call.args[1], ast.Name):
            self._note(self._files.get((self.scope(call), call.args[1].id)), "dumped")

    def _open(self, call: ast.Call, held: str | None, first: str | None) -> None:
        key = held or first
        where = 0 if held else 1
        mode = literal(keyword(call, "mode") or (call.args[where] if len(call.args) > where else None))
        how = mode if isinstance(mode, str) else "r"
        if not key:
            return
        if "+" in how:
            self._note(key, "edit")
        elif how[:1] in ("w", "a", "x"):
            self._note(key, "write", *(("binary",) if "b" in how else ()))
        else:
            self._note(key, "read")
        item = self._up.get(call)
        if isinstance(item, ast.withitem) and isinstance(item.optional_vars, ast.Name):
            scope = self.scope(call)
            self._files[scope, item.optional_vars.id] = key

    def _dumps(self, call: ast.Call) -> bool:
        return bool(call.args) and any(isinstance(one, ast.Call) and called(one) == "dumps" for one in ast.walk(call))

    def _note(self, key: str | None, *uses: str) -> None:
        if key:
            self.uses.setdefault(key, set()).update(uses)


def parameters(function: Function) -> list[ast.arg]:
    """All that can be given by name or position, in their order."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
