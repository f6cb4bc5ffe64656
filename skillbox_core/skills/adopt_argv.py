"""The arguments of a Python script that reads them from `sys.argv`, by their positions. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from skillbox_core.skills.adopt_flow import Flow
from skillbox_core.skills.adopt_getopt import called_options
from skillbox_core.skills.adopt_nodes import above, called, literal, parents
from skillbox_core.skills.adopt_reading import Argument, Usage
from skillbox_core.skills.adopt_usage_line import usage_names
from skillbox_core.skills.adopt_uses import decide

_GETOPT = ("getopt", "gnu_getopt")
_MOST = 20
"""Positions that are looked at."""
_OPTION = re.compile(r"--?[A-Za-z][\w-]*\Z")


@dataclass(frozen=True)
class _Slice:
    """`sys.argv[first:last]`; last is None for all that follow."""

    first: int
    last: int | None


class Argv:
    """Reads a script's uses of `sys.argv`; the command itself is position 0."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree, self._up = tree, parents(tree)
        self._aliases: dict[str, _Slice] = {}
        self._nodes = list(ast.walk(tree))
        self._functions = {node.name: node for node in self._nodes if isinstance(node, ast.FunctionDef)}
        for node in self._nodes:
            self._alias(node)
        self._unpacked: dict[ast.AST, str] = {}
        self.positions: dict[int, bool] = {}
        self._names: dict[str, str] = {}
        self.rest: int | None = None
        """The position from which all are taken."""
        getopt = next((node for node in self._nodes if isinstance(node, ast.Call) and called(node) in _GETOPT), None)
        self.uses_getopt = getopt is not None
        self.options = called_options(getopt) if getopt else ()
        """What getopt reads; None where that is not written down."""
        least = self._least()
        for node in self._nodes:
            self._read(node, least)

    @property
    def read(self) -> bool:
        """Whether the script looks at its arguments at all."""
        return self.uses_getopt or any(
            isinstance(node, ast.Attribute | ast.Name) and self._slice(node) is not None for node in self._nodes
        )

    def own_options(self, flow: Flow) -> list[str]:
        """Options that the script looks for by itself: texts with a dash that it compares an argument with."""
        found: dict[str, None] = {}
        for node in self._nodes:
            compared: list[ast.expr] = []
            if isinstance(node, ast.Compare):
                compared = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                compared = [node.func.value, node.args[0]] if called(node) in ("index", "startswith", "remove") else []
            elif isinstance(node, ast.Match):
                values = [one.value for case in node.cases for one in ast.walk(case) if isinstance(one, ast.MatchValue)]
                compared = [node.subject, *values]
            if any(flow.holds(one) or self._slice(one) for one in compared):
                inner = [part for one in compared for part in getattr(one, "elts", [one])]
                texts = [text.rstrip("=") for part in inner if isinstance(text := literal(part), str)]
                found |= {text: None for text in texts if _OPTION.match(text)}
        return [one for one in found if one not in ("-h", "--help")]

    @property
    def found(self) -> bool:
        return bool(self.positions) or self.rest is not None

    def usage(self, flow: Flow, usage_text: str, asked: Mapping[str, tuple[str, ...]]) -> Usage:
        """The arguments by position.

        Args:
            usage_text: A sentence of the script on how it is called, or nothing.
            asked: The endings of a file's name that the script asks for, by position.
        """
        said = usage_names(usage_text)
        arguments = []
        last = max(self.positions, default=0)
        # What stands behind one that is left out would take its place.
        needed = max((position for position, required in self.positions.items() if required), default=0)
        for position in range(1, min(last, _MOST) + 1):
            named = said[position - 1] if len(said) >= last else ""
            required = position <= needed or self.positions.get(position, True)
            arguments.append(self._argument(f"{position}", position, named, flow, asked, required=required))
        if self.rest is not None:
            named = said[self.rest - 1] if len(said) >= self.rest else ""
            arguments.append(self._argument(f"{self.rest}:", self.rest, named, flow, asked, several=True))
        return Usage(tuple(arguments))

    def source(self, node: ast.expr) -> str | None:
        """As `Flow` asks: `N` for a position, `N:` for what is taken from there on."""
        if isinstance(node, ast.Subscript):
            base = self._slice(node.value)
            index = literal(node.slice) if not isinstance(node.slice, ast.Slice) else None
            if base and isinstance(index, int) and index >= 0:
                return f"{base.first + index}"
            if base and index is None and not isinstance(node.slice, ast.Slice):
                return f"{max(base.first, 1)}:"
        found = self._slice(node)
        return f"{found.first}:" if found and found.last is None and found.first > 0 else self._unpacked.get(node)

    def _argument(
        self,
        key: str,
        position: int,
        named: str,
        flow: Flow,
        asked: Mapping[str, tuple[str, ...]],
        *,
        several: bool = False,
        required: bool = True,
    ) -> Argument:
        name = self._names.get(key) or flow.names.get(key) or named or ("values" if several else f"argument{position}")
        argument = Argument(name, several=several, required=required)
        return decide(argument, flow.uses.get(key, set()), asked.get(key, ()))

    def _slice(self, node: ast.AST) -> _Slice | None:
        if isinstance(node, ast.Attribute) and node.attr == "argv" and isinstance(node.value, ast.Name):
            return _Slice(0, None) if node.value.id == "sys" else None
        if isinstance(node, ast.Name):
            return self._aliases.get(node.id) or (_Slice(0, None) if node.id == "argv" and self._imports_argv else None)
        if isinstance(node, ast.IfExp | ast.BoolOp):
            # `sys.argv[1:] if argv is None else argv`
            parts = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
            return next((found for one in parts if (found := self._slice(one))), None)
        if isinstance(node, ast.Call) and called(node) in ("list", "tuple") and len(node.args) == 1:
            return self._slice(node.args[0])
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and (base := self._slice(node.value)):
            lower, upper = literal(node.slice.lower) or 0, literal(node.slice.upper)
            if (
                node.slice.step is None
                and isinstance(lower, int)
                and lower >= 0
                and (node.slice.upper is None or isinstance(upper, int))
            ):
                return _Slice(
                    base.first + lower, base.first + upper if isinstance(upper, int) and upper > 0 else base.last
                )
        return None

    @property
    def _imports_argv(self) -> bool:
        return any(
            isinstance(node, ast.ImportFrom) and node.module == "sys" and any(one.name == "argv" for one in node.names)
            for node in self._tree.body
        )

    def _alias(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and called(node.value) in _GETOPT:
            # Options and the rest, which begins where they end.
            for target in node.targets:
                if isinstance(target, ast.Tuple) and len(target.elts) == 2 and isinstance(target.elts[1], ast.Name):
                    self._aliases[target.elts[1].id] = _Slice(1, None)
            return
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=False))
            for one, given in pairs:
                if isinstance(one, ast.Name) and (found := self._slice(given)):
                    self._aliases[one.id] = found
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function = self._functions.get(node.func.id)
            for given, taken in zip(node.args, function.args.args if function else (), strict=False):
                if not isinstance(given, ast.Name) and (found := self._slice(given)):
                    self._aliases[taken.arg] = found

    def _least(self) -> int:
        """Positions that the script insists on, by what it says of their number before it ends."""
        for node in self._nodes:
            if isinstance(node, ast.If) and _ends(node.body):
                for test in ast.walk(node.test):
                    if isinstance(test, ast.Compare) and (found := self._length(test.left)) and len(test.ops) == 1:
                        number = literal(test.comparators[0])
                        if isinstance(number, int) and isinstance(test.ops[0], ast.Lt | ast.NotEq | ast.LtE):
                            return found.first + number + isinstance(test.ops[0], ast.LtE) - 1
            if isinstance(node, ast.If) and isinstance(node.test, ast.UnaryOp) and _ends(node.body):
                found_ = self._slice(node.test.operand)
                if found_:
                    return found_.first
        return 0

    def _length(self, node: ast.AST) -> _Slice | None:
        if isinstance(node, ast.Call) and called(node) == "len" and node.args:
            return self._slice(node.args[0])
        return None

    def _guarded(self, node: ast.AST) -> bool:
        """Whether it is only looked at where there are enough."""
        below: ast.AST = node
        for one in above(node, self._up):
            if isinstance(one, ast.If | ast.IfExp):
                tested = any(
                    self._length(inner) or (inner is one.test and self._slice(inner)) for inner in ast.walk(one.test)
                )
                in_test = below is one.test
                orelse = one.orelse if isinstance(one.orelse, list) else [one.orelse]
                if tested and not in_test and not _ends(orelse):
                    return True
            below = one
        return False

    def _read(self, node: ast.AST, least: int) -> None:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            self._unpack(node.targets[0], node.value)
        if not isinstance(node, ast.expr):
            return
        up = self._up.get(node)
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            key = self.source(node)
            if key and key.isdecimal() and 0 < int(key) <= _MOST:
                position = int(key)
                needed = position <= least or not self._guarded(node)
                self.positions[position] = self.positions.get(position, False) or needed
            return
        found = self._slice(node)
        if (
            not found
            or (up is not None and self._slice(up))
            or isinstance(up, ast.Subscript)
            or (isinstance(up, ast.Call) and called(up) in ("len", *_GETOPT))
        ):
            return
        if isinstance(up, ast.Assign) or found.first == 0 or isinstance(up, ast.If | ast.UnaryOp | ast.Compare):
            return
        local = isinstance(up, ast.Call) and isinstance(up.func, ast.Name) and called(up) in self._functions
        if (
            local
            and any(alias.first == found.first for alias in self._aliases.values())
            and not isinstance(up, ast.Starred)
        ):
            return
        if found.last is None:
            if not isinstance(node, ast.Name) or isinstance(
                up, ast.For | ast.comprehension | ast.Call | ast.Starred | ast.Dict
            ):
                self.rest = found.first if self.rest is None else min(self.rest, found.first)
            return
        for position in range(found.first, min(found.last, found.first + _MOST)):
            self.positions[position] = True
        self._star(node, found)

    def _star(self, node: ast.AST, found: _Slice) -> None:
        """Names of `f(*(int(word) for word in sys.argv[2:5]))`, by what the function calls them."""
        star = next((one for one in above(node, self._up) if isinstance(one, ast.Starred)), None)
        call = self._up.get(star) if star else None
        if not isinstance(call, ast.Call):
            return
        function = self._functions.get(called(call))
        if function and star in call.args:
            names = [one.arg for one in function.args.args[call.args.index(star) :]]
            for position, name in zip(range(found.first, found.last or found.first), names, strict=False):
                self._names.setdefault(f"{position}", name)

    def _unpack(self, target: ast.Tuple, value: ast.expr) -> None:
        if isinstance(value, ast.GeneratorExp | ast.ListComp) and len(value.generators) == 1:
            value = value.generators[0].iter
        elif isinstance(value, ast.Call) and called(value) == "map" and len(value.args) == 2:
            value = value.args[1]
        found = self._slice(value)
        if not found:
            return
        for offset, one in enumerate(target.elts):
            position = found.first + offset
            if isinstance(one, ast.Starred):
                self.rest = position
                return
            if position > 0 and isinstance(one, ast.Name):
                self.positions[position] = True
                self._names.setdefault(f"{position}", one.id)


def _ends(body: list[ast.stmt] | list[ast.expr] | list[ast.stmt | ast.expr]) -> bool:
    """Whether a block ends the script or the function."""
    last = body[-1] if body else None
    if isinstance(last, ast.Raise | ast.Return):
        return True
    value = last.value if isinstance(last, ast.Expr) else None
    return isinstance(value, ast.Call) and called(value) in ("exit", "_exit", "usage", "error")
