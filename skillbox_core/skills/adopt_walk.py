"""Goes through a script's statements in the order in which Python would run them, for the values that its text tells.
Pure: nothing is run. Both sides of an `if` that depends on more than the text are taken, and every loop is gone
through once or, over values that the text writes down, once for each of them.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeAlias

from skillbox_core.skills.adopt_nodes import Function, called, dotted, literal, parameters

Scope: TypeAlias = dict[str, object]

_STEPS = 20_000
"""Statements and calls that are looked at: loops within loops are a short text."""
_DEPTH = 8
"""Calls within calls that a value is followed through."""
_ROUNDS = 200
"""Rounds of one loop."""


class Walk:
    """The walk; what a call gives is its subclass's to say."""

    def __init__(self, tree: ast.Module) -> None:
        self._steps = _STEPS
        self._globals: Scope = {}
        self._functions: dict[str, Function] = {
            node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self._answers: dict[Function, object] = {}
        self._calls: list[Function] = []
        self._block(tree.body, self._globals)
        for function in sorted(self._functions.values(), key=lambda function: function.lineno):
            # What is started by somebody else: a decorator, a table of functions, another script.
            if function not in self._answers:
                self._start(function, {})

    def given(self, call: ast.Call, receiver: object, args: Sequence[object], named: Scope, scope: Scope) -> object:
        """What a call gives that is none of the script's own functions; None for what is not told.

        Args:
            receiver: Of `receiver.name(...)`.
        """
        raise NotImplementedError

    def handed(self, scope: Scope) -> bool:
        """Whether a function is called with something that makes each call of it another."""
        raise NotImplementedError

    def bound(self, name: str, value: object) -> None:
        """Takes notice of a variable's value."""

    def _block(self, body: Sequence[ast.stmt], scope: Scope) -> object:
        """Goes through statements; gives what they return."""
        given: object = None
        for statement in body:
            self._steps -= 1
            if self._steps < 0:
                return given
            found = self._statement(statement, scope)
            given = given if given is not None else found
        return given

    def _statement(self, node: ast.stmt, scope: Scope) -> object:
        match node:
            case ast.Return():
                return self._value(node.value, scope)
            case ast.Assign():
                value = self._value(node.value, scope)
                for target in node.targets:
                    self._bind(target, value, scope)
            case ast.AnnAssign():
                self._bind(node.target, self._value(node.value, scope), scope)
            case ast.For() | ast.AsyncFor():
                return self._loop(node, scope)
            case ast.If():
                test = self._test(node.test, scope)
                taken = [*(node.body if test is not False else ()), *(node.orelse if test is not True else ())]
                return self._block(taken, scope)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._value(item.context_expr, scope)
                return self._block(node.body, scope)
            case ast.Try() | ast.TryStar():
                handled = [one for handler in node.handlers for one in handler.body]
                return self._block([*node.body, *node.orelse, *handled, *node.finalbody], scope)
            case ast.While():
                return self._block([*node.body, *node.orelse], scope)
            case ast.Match():
                return self._block([one for case in node.cases for one in case.body], scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return None
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._value(child, scope)
        return None

    def _bind(self, target: ast.expr, value: object, scope: Scope) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            values = value if isinstance(value, list | tuple) and len(value) == len(target.elts) else ()
            for number, one in enumerate(target.elts):
                self._bind(one, values[number] if values else None, scope)
            return
        name = dotted(target)
        if name:
            # An attribute is reached from every method.
            (scope if isinstance(target, ast.Name) else self._globals)[name] = value
            self.bound(name, value)

    def _loop(self, node: ast.For | ast.AsyncFor, scope: Scope) -> object:
        over = self._value(node.iter, scope)
        if isinstance(over, dict):
            over = list(over)
        given: object = None
        if isinstance(over, list | tuple | set) and over:
            for one in list(over)[:_ROUNDS]:
                self._bind(node.target, one, scope)
                found = self._block(node.body, scope)
                given = given if given is not None else found
        else:
            self._bind(node.target, None, scope)
            given = self._block(node.body, scope)
        rest = self._block(node.orelse, scope)
        return given if given is not None else rest

    def _test(self, node: ast.expr, scope: Scope) -> bool | None:
        """Whether a condition holds, where that depends on texts alone."""
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = self._value(node.left, scope), self._value(node.comparators[0], scope)
            if isinstance(left, str) and isinstance(right, str) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                return (left == right) is isinstance(node.ops[0], ast.Eq)
            if (
                isinstance(left, str)
                and isinstance(right, list | tuple | set | dict)
                and isinstance(node.ops[0], ast.In | ast.NotIn)
            ):
                return (left in right) is isinstance(node.ops[0], ast.In)
            return None
        self._value(node, scope)
        return None

    def _value(self, node: ast.expr | None, scope: Scope) -> object:
        """What an expression is: a parser, what is parsed, or a value that the text writes down."""
        if node is None or isinstance(node, ast.Lambda):
            return None
        if isinstance(node, ast.Name | ast.Attribute):
            name = dotted(node)
            return scope.get(name, self._globals.get(name)) if name else None
        if isinstance(node, ast.Call):
            return self._call(node, scope)
        if isinstance(node, ast.Tuple | ast.List):
            return [self._value(one, scope) for one in node.elts]
        if isinstance(node, ast.JoinedStr):
            inner = [
                self._value(one.value if isinstance(one, ast.FormattedValue) else one, scope) for one in node.values
            ]
            return "".join(map(str, inner)) if all(isinstance(one, str | int) for one in inner) else None
        if isinstance(node, ast.BinOp):
            left, right = self._value(node.left, scope), self._value(node.right, scope)
            joined = isinstance(left, str) and isinstance(right, str) and isinstance(node.op, ast.Add)
            return f"{left}{right}" if joined else None
        if isinstance(node, ast.NamedExpr):
            value = self._value(node.value, scope)
            self._bind(node.target, value, scope)
            return value
        if not isinstance(node, ast.Constant | ast.Set | ast.Dict | ast.UnaryOp):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self._value(child, scope)
            return None
        return literal(node)

    def _call(self, call: ast.Call, scope: Scope) -> object:
        self._steps -= 1
        if self._steps < 0:
            return None
        receiver = self._value(call.func.value, scope) if isinstance(call.func, ast.Attribute) else None
        args = [self._value(one.value if isinstance(one, ast.Starred) else one, scope) for one in call.args]
        named = {one.arg: self._value(one.value, scope) for one in call.keywords if one.arg}
        found = self._local(call, args, named)
        return found if found is not None else self.given(call, receiver, args, named, scope)

    def _local(self, call: ast.Call, given: Sequence[object], named: Scope) -> object:
        """Follows a call of the script's own function."""
        func = call.func
        method = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self"
        function = self._functions.get(called(call)) if method or isinstance(func, ast.Name) else None
        if function is None or function in self._calls or len(self._calls) >= _DEPTH:
            return None
        names = [one.arg for one in parameters(function)]
        names = names[1:] if method and names[:1] == ["self"] else names
        scope = {**dict(zip(names, given, strict=False)), **{key: one for key, one in named.items() if key in names}}
        for key, one in scope.items():
            self.bound(key, one)
        if function in self._answers and not self.handed(scope):
            return self._answers[function]
        return self._start(function, scope)

    def _start(self, function: Function, scope: Scope) -> object:
        self._answers[function] = None
        self._calls.append(function)
        self._answers[function] = self._block(function.body, scope)
        self._calls.pop()
        return self._answers[function]
