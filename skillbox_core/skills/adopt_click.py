"""The arguments of a script that reads them by click or typer: decorators, and parameters with their types. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from skillbox_core.skills.adopt_nodes import Function, called, keyword, literal, parameters
from skillbox_core.skills.adopt_reading import Argument, Kind, Usage, Use

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("int", "INT", "IntRange"), "integer"),
    **dict.fromkeys(("float", "FLOAT", "FloatRange"), "number"),
}
_LISTS = frozenset({"list", "List", "Sequence", "tuple", "Tuple"})
_FLAG = re.compile(r"--?[A-Za-z0-9]")


def commands(tree: ast.Module) -> list[tuple[Function, Usage]]:
    """The commands of a script, with the function of each."""
    imported = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    if not {"click", "typer", "rich_click", "asyncclick"} & imported:
        return []
    typed = "typer" in imported
    found = list(_typer(tree) if typed else _click(tree))
    if len(found) > 1 or (found and any(_is_group(function) for function, _ in found)):
        return found
    # A single command of typer has no word; click's has none unless it hangs on a group.
    return [
        (function, replace(usage, arguments=tuple(one for one in usage.arguments if not one.word), words=()))
        if typed
        else (function, usage)
        for function, usage in found
    ]


def _is_group(function: Function) -> bool:
    return any(isinstance(one, ast.Call) and called(one) == "callback" for one in function.decorator_list)


def _click(tree: ast.Module) -> Iterator[tuple[Function, Usage]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    made = {
        function.name: (decorator, _base(decorator))
        for function in functions
        for decorator in function.decorator_list
        if _last(decorator) in ("command", "group")
    }

    def words(name: str) -> tuple[str, ...]:
        decorator, base = made[name]
        if base not in made or base == name:
            return ()
        said = literal(decorator.args[0]) if isinstance(decorator, ast.Call) and decorator.args else None
        return (*words(base), said if isinstance(said, str) else name.replace("_", "-"))

    # Those that are not commands of their own because others hang on them.
    groups = {name for name, (decorator, _) in made.items() if _last(decorator) == "group"}
    for function in functions:
        if function.name in made and function.name not in groups:
            before: list[Argument] = []
            above = made[function.name][1]
            if above in groups:
                before = [one for parent in functions if parent.name == above for one in _decorated(parent)]
            yield function, _usage(before, _decorated(function), words(function.name), function)


def _usage(before: list[Argument], own: list[Argument], words: tuple[str, ...], function: Function) -> Usage:
    return Usage((*before, *(Argument(word, word=word) for word in words), *own), words, _doc(function))


def _decorated(function: Function) -> list[Argument]:
    found = []
    for one in function.decorator_list:
        if isinstance(one, ast.Call) and called(one) in ("argument", "option"):
            texts = [text for text in map(literal, one.args) if isinstance(text, str)]
            if texts and "version_option" not in called(one):
                found.append(_made(one, texts, option=called(one) == "option"))
    return found


def _made(call: ast.Call, texts: list[str], *, option: bool) -> Argument:
    default = keyword(call, "default")
    flags = [text for text in texts if text.startswith("-")]
    flag = next((text for text in flags if text.startswith("--")), flags[0] if flags else "")
    # Of two words for one switch, the one that changes something.
    on, two, off = flag.partition("/")
    flag = off.strip() if literal(default) is True and off.strip() else on.strip()
    plain = next((text for text in texts if not text.startswith("-")), "")
    name = plain or on.strip().lstrip("-").replace("-", "_")
    nargs = literal(keyword(call, "nargs"))
    said = literal(keyword(call, "required"))
    kind, use, choices = _type(keyword(call, "type"))
    return Argument(
        name,
        flag if option else "",
        required=said is True
        if option
        else (said is not False and default is None and not (nargs == -1 and said is not True)),
        several=nargs == -1 or literal(keyword(call, "multiple")) is True,
        each=option,
        least=int(said is True),
        count=nargs if isinstance(nargs, int) and nargs > 1 else 1,
        kind=kind,
        use=use,
        choices=choices,
        default=ast.unparse(default)[:80] if default is not None else "",
        switch=option
        and (
            literal(keyword(call, "is_flag")) is True
            or bool(two)
            or keyword(call, "count") is not None
            or keyword(call, "flag_value") is not None
        ),
        help=_text(keyword(call, "help")),
    )


def _type(node: ast.expr | None) -> tuple[Kind, Use, tuple[str | int | float, ...]]:
    if isinstance(node, ast.Call):
        name = called(node)
        if name == "Choice":
            value = literal(node.args[0]) if node.args else None
            return (
                "text",
                "value",
                tuple(value) if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value) else (),
            )
        if name == "File":
            mode = literal(node.args[0] if node.args else keyword(node, "mode"))
            return "text", "write" if isinstance(mode, str) and mode[:1] in ("w", "a") else "read", ()
        if name == "Path" and literal(keyword(node, "exists")) is True:
            return "text", "folder" if literal(keyword(node, "file_okay")) is False else "read", ()
        return _KINDS.get(name, "text"), "value", ()
    return _KINDS.get(_last(node), "text"), "value", ()


def _typer(tree: ast.Module) -> Iterator[tuple[Function, Usage]]:
    ran = {
        call.args[0].id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and called(call) == "run" and _base(call) == "typer"
        and call.args and isinstance(call.args[0], ast.Name)
    }  # fmt: skip
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        decorator = next((one for one in node.decorator_list if _last(one) == "command"), None)
        if node.name not in ran and decorator is None:
            continue
        said = literal(decorator.args[0]) if isinstance(decorator, ast.Call) and decorator.args else None
        word = said if isinstance(said, str) else node.name.replace("_", "-")
        yield node, _usage([], [*_parameters(node)], () if node.name in ran else (word,), node)


def _parameters(function: Function) -> Iterator[Argument]:
    plain = [*function.args.posonlyargs, *function.args.args]
    defaults: dict[str, ast.expr] = {
        one.arg: value
        for one, value in zip(plain[len(plain) - len(function.args.defaults) :], function.args.defaults, strict=True)
    }
    for one, given in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if given is not None:
            defaults[one.arg] = given
    for one in parameters(function):
        annotation, default = one.annotation, defaults.get(one.arg)
        info: ast.Call | None = None
        if isinstance(annotation, ast.Subscript) and _last(annotation.value) == "Annotated":
            parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
            annotation = parts[0]
            info = next((part for part in parts[1:] if isinstance(part, ast.Call)), None)
        if isinstance(default, ast.Call) and called(default) in ("Option", "Argument"):
            info = default
            default = default.args[0] if default.args else None
            if isinstance(default, ast.Constant) and default.value is ...:
                default = None
        yield _parameter(one.arg, annotation, default, info)


def _parameter(name: str, annotation: ast.expr | None, default: ast.expr | None, info: ast.Call | None) -> Argument:
    kind, several, optional, path = _annotated(annotation)
    switch = _is_bool(annotation)
    option = (info is not None and called(info) == "Option") or (info is None and default is not None) or switch
    texts = [text for text in map(literal, info.args if info else []) if isinstance(text, str) and _FLAG.match(text)]
    flag = next((text for text in texts if text.startswith("--")), texts[0] if texts else f"--{name.replace('_', '-')}")
    on, _, off = flag.partition("/")
    if switch and literal(default) is True:
        # Of two words for one switch, the one that changes something; typer makes it where none is named.
        flag = off.strip() or (f"--no-{name.replace('_', '-')}" if not texts else on.strip())
    else:
        flag = on.strip()
    use: Use = "value"
    if path and info is not None and literal(keyword(info, "exists")) is True:
        use = "folder" if literal(keyword(info, "file_okay")) is False else "read"
    return Argument(
        name,
        flag if option else "",
        required=default is None and not optional,
        several=several,
        each=option,
        least=int(several and default is None and not optional),
        kind=kind,
        use=use,
        default=ast.unparse(default)[:80] if default is not None else "",
        switch=switch,
        help=_text(keyword(info, "help")) if info else "",
    )


def _annotated(node: ast.expr | None) -> tuple[Kind, bool, bool, bool]:
    """Of an annotation: the kind, whether it is a list, whether None is allowed, whether it is a path."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        kind, several, _, path = _annotated(node.left)
        return kind, several, True, path
    if isinstance(node, ast.Subscript):
        outer = _last(node.value)
        inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        kind, several, _, path = _annotated(inner)
        return kind, several or outer in _LISTS, outer == "Optional", path
    return _KINDS.get(_last(node), "text"), False, False, _last(node) == "Path"


def _is_bool(node: ast.expr | None) -> bool:
    """Of an annotation: whether it is a boolean, or one that may be None."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _is_bool(node.left)
    if isinstance(node, ast.Subscript) and _last(node.value) == "Optional":
        return _is_bool(node.slice)
    return isinstance(node, ast.Name) and node.id == "bool"


def _last(node: ast.AST | None) -> str:
    if isinstance(node, ast.Call):
        return called(node)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _base(node: ast.AST) -> str:
    func = node.func if isinstance(node, ast.Call) else node
    return func.value.id if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) else ""


def _doc(function: Function) -> str:
    return (ast.get_docstring(function) or "").strip().partition("\n")[0]


def _text(node: ast.expr | None) -> str:
    value = literal(node)
    return value if isinstance(value, str) else ""
