"""The exit codes of a Python script that are answers: those that depend on what was found. Pure."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence

from skillbox_core.models.call import MAX_EXIT_CODE
from skillbox_core.skills.adopt_nodes import above, called, dotted, keyword, literal


def exit_codes(
    tree: ast.Module, up: Mapping[ast.AST, ast.AST], printed: Sequence[ast.Call], handlers: Collection[str]
) -> tuple[int, ...]:
    """Exit codes that depend on what was found, behind what was printed.

    Args:
        handlers: Functions that are started by way of a variable, such as `args.func(args)`.
    """
    return _Exits(tree, dict(up), printed, handlers).codes()


class _Exits:
    def __init__(
        self, tree: ast.Module, up: dict[ast.AST, ast.AST], printed: Sequence[ast.Call], handlers: Collection[str]
    ) -> None:
        self._tree, self._up, self._printed, self._handlers = tree, up, printed, handlers
        self._all = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]

    def codes(self) -> tuple[int, ...]:
        found: set[int] = set()
        mains = self._mains()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and _is_exit(node):
                found |= self._of(node.args[0] if node.args else keyword(node, "code"), node)
            elif isinstance(node, ast.Return) and self._function(node) in mains:
                found |= self._of(node.value, node)
        return tuple(sorted(code for code in found if 0 < code <= MAX_EXIT_CODE)) if self._printed else ()

    def _mains(self) -> set[str]:
        """Functions whose value is the exit code."""
        handed = [call.args[0] for call in self._all if _is_exit(call) and call.args]
        mains: set[str] = set()
        while handed:
            names = {
                name
                for one in handed
                if isinstance(one, ast.Call)
                for name in ((one.func.id,) if isinstance(one.func, ast.Name) else self._handlers)
            }
            new = names - mains
            mains |= new
            returns = [node for node in ast.walk(self._tree) if isinstance(node, ast.Return)] if new else []
            handed = [node.value for node in returns if node.value and self._function(node) in new]
        return mains

    def _of(self, value: ast.expr | None, node: ast.AST) -> set[int]:
        """The exit codes that an expression may be, where they are answers."""
        if isinstance(value, ast.IfExp):
            codes = {literal(value.body), literal(value.orelse)}
            return {code for code in codes if isinstance(code, int) and not _fails(value.test, code)}
        turned = isinstance(value, ast.Call) and called(value) in ("int", "bool")
        if (
            turned
            or isinstance(value, ast.Compare)
            or (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not))
        ):
            return {1}
        if isinstance(value, ast.Name):
            inside = next((one for one in above(node, self._up) if isinstance(one, ast.FunctionDef)), self._tree)
            given = [
                literal(one.value)
                for one in ast.walk(inside)
                if isinstance(one, ast.Assign)
                and any(isinstance(at, ast.Name) and at.id == value.id for at in one.targets)
            ]
            return (
                {int(one) for one in given if isinstance(one, int)}
                if all(isinstance(one, int) for one in given)
                else set()
            )
        code = literal(value)
        return {code} if isinstance(code, int) and self._decided(node, code) else set()

    def _decided(self, node: ast.AST, code: int) -> bool:
        """Whether it is all that an `if` does, behind a line of the same block that prints."""
        statement = node if isinstance(node, ast.Return) else self._up.get(node)
        branch = self._up.get(statement) if statement else None
        if not isinstance(branch, ast.If) or statement not in branch.body or len(branch.body) != 1:
            return False
        if _fails(branch.test, code) or any(
            isinstance(one, ast.Attribute) and one.attr == "argv" for one in ast.walk(branch.test)
        ):
            return False
        block = self._up.get(branch)
        body: list[ast.stmt] = getattr(block, "body", [])
        before = body[: body.index(branch)] if branch in body else []
        return any(call in self._printed for one in before for call in ast.walk(one))

    def _function(self, node: ast.AST) -> str:
        return next((one.name for one in above(node, self._up) if isinstance(one, ast.FunctionDef)), "")


def _fails(test: ast.expr, code: int) -> bool:
    """Whether a condition is that the script could not do its work, by the words in it: no answer then."""
    texts = [one.value for one in ast.walk(test) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    names = [dotted(one) for one in ast.walk(test) if isinstance(one, ast.Name | ast.Attribute)]
    # 1 is what a check ends with that found errors; from 2 on, an error is the check's own.
    said = [*texts, *names] if code > 1 else texts
    return any(word in one.lower() for one in said for word in ("error", "fail"))


def _is_exit(call: ast.Call) -> bool:
    return called(call) in ("exit", "SystemExit", "Exit", "_exit")
