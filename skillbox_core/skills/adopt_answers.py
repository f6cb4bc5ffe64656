"""What a Python script answers with: what it prints, its exit codes, what it asks of its surroundings. Pure."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Literal

from skillbox_core.skills.adopt_exits import exit_codes
from skillbox_core.skills.adopt_nodes import above, called, keyword, literal, parents
from skillbox_core.skills.adopt_reading import Reading

_PRINTS = frozenset({"print", "echo", "secho"})
_LOOPS = ast.For | ast.AsyncFor | ast.While
_BRANCHES = ast.If | ast.IfExp | ast.Try | ast.ExceptHandler
_BASIC = frozenset({"python", "python3", "sh", "bash", "node", "env"})
_STARTS = frozenset({"run", "Popen", "call", "check_call", "check_output"})


class Answers:
    """Reads what a script does beside taking arguments.

    Args:
        handlers: Functions that are started by way of a variable, such as `args.func(args)`.
    """

    def __init__(self, tree: ast.Module, handlers: Collection[str] = ()) -> None:
        self._tree, self._up, self._handlers = tree, parents(tree), handlers
        self._calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        self._printed = [call for call in self._calls if _is_print(call)]

    def reading(self) -> Reading:
        return Reading(
            stdin=self.stdin(),
            result=self.result(),
            writes=self.writes(),
            codes=exit_codes(self._tree, self._up, self._printed, self._handlers),
            needs=self.needs(),
            doubts=self.doubts(),
        )

    def stdin(self) -> Literal["", "text", "json"]:
        for node in ast.walk(self._tree):
            if not _is_stdin(node) or self._conditional(node):
                continue
            up = self._up.get(node)
            if isinstance(up, ast.Tuple | ast.List | ast.Compare):
                # Streams that are set up together, or a look at which one it is.
                continue
            if isinstance(up, ast.keyword):
                # A default: it is read where the argument is left out.
                return "text"
            if isinstance(up, ast.Call) and called(up) == "load":
                return "json"
            over = self._up.get(up) if up else None
            if isinstance(up, ast.Attribute) and isinstance(over, ast.Call):
                if up.attr in ("isatty", "reconfigure", "fileno"):
                    continue
                outer = self._up.get(over)
                return "json" if isinstance(outer, ast.Call) and called(outer) == "loads" else "text"
            return "text"
        return "text" if any(_named(call) == "input" and not self._conditional(call) for call in self._calls) else ""

    def result(self) -> str:
        """How what is printed is to be read; `auto` where that may differ from call to call."""
        documents = [call for call in self._printed if _is_json(call)]
        looped = [call for call in self._printed if self._within(call, _LOOPS)]
        if self._printed and len(looped) == len(self._printed):
            return "lines"
        if documents and len(documents) == len(self._printed) and not looped:
            return "json"
        return "auto"

    def writes(self) -> str:
        found = set()
        for call in self._calls:
            path = None
            if (
                called(call) == "write_text"
                and isinstance(call.func, ast.Attribute)
                and isinstance(call.func.value, ast.Call)
            ):
                made = call.func.value
                path = literal(made.args[0]) if called(made) == "Path" and len(made.args) == 1 else None
            elif _named(call) == "open" and call.args:
                mode = literal(call.args[1] if len(call.args) > 1 else keyword(call, "mode"))
                path = literal(call.args[0]) if mode in ("w", "wt") else None
            if isinstance(path, str):
                found.add(path)
        # What is said of it is said by texts alone; anything else that is printed may be the answer.
        only_told = all(all(isinstance(one, ast.Constant) for one in call.args) for call in self._printed)
        path = next(iter(found), "")
        plain = path and not path.startswith(("/", "~", "..")) and ".." not in path.split("/")
        return path if len(found) == 1 and only_told and plain else ""

    def needs(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for call in self._calls:
            word: object = None
            if called(call) in _STARTS and call.args and not self._within(call, _BRANCHES):
                first = call.args[0]
                inner = first.elts[0] if isinstance(first, ast.List | ast.Tuple) and first.elts else None
                word = literal(inner)
            if isinstance(word, str) and word and "/" not in word and word not in _BASIC:
                found[word] = None
        return tuple(found)

    def doubts(self) -> tuple[str, ...]:
        said: dict[str, None] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Subscript) and _is_environ(node.value) and isinstance(node.ctx, ast.Load):
                name = literal(node.slice)
                if isinstance(name, str) and not name.startswith("SANDBOX_"):
                    said[f"it reads the environment variable {name}: give it with --env or env="] = None
        modules = {
            alias.name.partition(".")[0]
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        modules |= {
            (node.module or "").partition(".")[0] for node in ast.walk(self._tree) if isinstance(node, ast.ImportFrom)
        }
        network = sorted(modules & {"requests", "httpx", "aiohttp", "socket"})
        if network:
            said[f"it imports {', '.join(network)}, and a sandbox has no network"] = None
        return tuple(said)

    def _conditional(self, node: ast.AST, seen: frozenset[str] = frozenset()) -> bool:
        below = node
        for one in above(node, self._up):
            if isinstance(one, ast.If | ast.IfExp) and below is not one.test and not _is_main(one.test):
                return True
            if isinstance(one, ast.FunctionDef) and one.name not in seen:
                # One that gives something else before, or that is only called under a condition.
                before = one.body[: one.body.index(below)] if below in one.body else []
                gives = any(
                    isinstance(inner, ast.Return) and inner.value is not None and not _number(inner.value)
                    for part in before
                    for inner in ast.walk(part)
                )
                mine = one.name in self._handlers
                calls = [call for call in self._calls if called(call) == one.name and not mine]
                return gives or (bool(calls) and all(self._conditional(call, seen | {one.name}) for call in calls))
            below = one
        return False

    def _within(self, node: ast.AST, kinds: object) -> bool:
        return any(isinstance(one, kinds) and not _is_main(getattr(one, "test", None)) for one in above(node, self._up))  # type: ignore[arg-type]


def acts(tree: ast.Module) -> bool:
    """Whether a module does something when it is run, and is not there only to be imported."""
    for node in tree.body:
        if isinstance(node, ast.If) and _is_main(node.test):
            # One that only raises says that it is no script.
            return not all(isinstance(one, ast.Raise | ast.Pass) and not _ends(one) for one in node.body)
        if _ends(node):
            return True
        if isinstance(node, ast.For | ast.While | ast.With):
            return True
        if isinstance(node, ast.If | ast.Try) and acts(ast.Module(node.body, [])):
            return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await) and not _prepares(node.value):
            return True
    return False


def _ends(node: ast.stmt) -> bool:
    """`raise SystemExit(main())`."""
    return isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and called(node.exc) == "SystemExit"


def _prepares(node: ast.expr) -> bool:
    """What a module does for itself: its search path, its log, its warnings."""
    return isinstance(node, ast.Call) and called(node) in {
        "insert",
        "basicConfig",
        "filterwarnings",
        "simplefilter",
        "append",
    }


def _number(node: ast.expr) -> bool:
    """An exit code, and no value of a function."""
    return isinstance(literal(node), int) or isinstance(node, ast.UnaryOp)


def _is_main(test: object) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _named(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_print(call: ast.Call) -> bool:
    if called(call) in _PRINTS:
        return keyword(call, "file") is None and literal(keyword(call, "err")) is not True
    if called(call) in ("write", "writelines") and isinstance(call.func, ast.Attribute):
        return _is_stdout(call.func.value)
    return called(call) == "dump" and len(call.args) > 1 and _is_stdout(call.args[1])


def _is_json(call: ast.Call) -> bool:
    return called(call) == "dump" or bool(
        call.args and isinstance(call.args[0], ast.Call) and called(call.args[0]) == "dumps"
    )


def _is_stdout(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("stdout", "buffer") and "stdout" in ast.unparse(node)


def _is_stdin(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "stdin"
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
    )


def _is_environ(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "environ") or (
        isinstance(node, ast.Name) and node.id == "environ"
    )
