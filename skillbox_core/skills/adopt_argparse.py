"""The arguments of a script that reads them by argparse. Pure: its calls are read in the order of the source."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from skillbox_core.skills.adopt_flow import called, keyword, literal
from skillbox_core.skills.adopt_reading import Argument, Kind, Usage, Use

_KINDS: dict[str, Kind] = {"int": "integer", "float": "number", "loads": "json", "Decimal": "number"}
_SWITCHES = frozenset({"store_true", "store_false", "count", "store_const", "append_const", "BooleanOptionalAction"})
_ENDS = frozenset({"help", "version"})
_FEW = 20
"""Values of a fixed number of them."""


@dataclass
class _Parser:
    words: tuple[str, ...] = ()
    description: str = ""
    arguments: list[Argument] = field(default_factory=list)
    commands: list[_Parser] = field(default_factory=list)
    required: bool = False

    def usages(self, before: tuple[Argument, ...] = ()) -> list[Usage]:
        word = tuple(Argument(word, word=word) for word in self.words[-1:])
        arguments = (*before, *word, *self.arguments)
        own = [Usage(arguments, self.words, self.description)]
        below = [usage for command in self.commands for usage in command.usages(arguments)]
        return below or own


class Argparse:
    """Reads a script's parsers.

    Attributes:
        namespaces: Variables that hold the parsed arguments.
        doubts: What could not be followed.
    """

    def __init__(self, tree: ast.Module, constants: dict[str, object]) -> None:
        self.namespaces: set[str] = set()
        self.doubts: list[str] = []
        self._constants = constants
        self._named: dict[str, _Parser] = {}
        self._groups: dict[str, _Parser] = {}
        self._main: _Parser | None = None
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call | ast.Assign)]
        for node in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            self._read(node)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        # A function that is handed the namespace calls it what it likes.
        self.namespaces |= {
            one.arg for node in functions for one in node.args.args if one.arg in ("args", "options", "opts", "ns")
        }

    @property
    def found(self) -> bool:
        return self._main is not None

    def usages(self) -> list[Usage]:
        return self._main.usages() if self._main else []

    def _read(self, node: ast.Call | ast.Assign) -> None:
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if isinstance(node.value, ast.Call):
                for name in names:
                    self._assigned(name, node.value)
                if called(node.value) == "parse_known_args":
                    firsts = [one.elts[0] for one in node.targets if isinstance(one, ast.Tuple) and one.elts]
                    self.namespaces |= {one.id for one in firsts if isinstance(one, ast.Name)}
        elif called(node) == "add_argument":
            self._argument(node)
        elif called(node) == "add_parser" and not any(node is call for call in self._taken):
            self._command(node)

    _taken: tuple[ast.Call, ...] = ()

    def _assigned(self, name: str, call: ast.Call) -> None:
        made = called(call)
        if made == "ArgumentParser":
            parser = _Parser(description=_text(keyword(call, "description")))
            self._inherit(parser, call)
            helper = literal(keyword(call, "add_help")) is False
            if self._main is None or (not self._main.arguments and not self._main.commands and not helper):
                self._main = None if helper else parser
            self._named[name] = parser
        elif made in ("add_argument_group", "add_mutually_exclusive_group") and (parser_ := self._receiver(call)):
            self._named[name] = parser_
            if made == "add_mutually_exclusive_group" and literal(keyword(call, "required")) is True:
                self.doubts.append(f"line {call.lineno}: one of a group of options is required; choose one")
        elif made == "add_subparsers" and (parser_ := self._receiver(call)):
            self._groups[name] = parser_
        elif made == "add_parser":
            self._taken = (*self._taken, call)
            if command := self._command(call):
                self._named[name] = command
        elif made == "parse_args":
            self.namespaces.add(name)

    def _command(self, call: ast.Call) -> _Parser | None:
        word = literal(call.args[0]) if call.args else None
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        parser = self._groups.get(receiver.id) if isinstance(receiver, ast.Name) else None
        if parser is None or not isinstance(word, str) or not word or word.startswith("-"):
            self.doubts.append(f"line {call.lineno}: a subcommand could not be followed")
            return None
        command = _Parser((*parser.words, word), _text(keyword(call, "help")) or _text(keyword(call, "description")))
        self._inherit(command, call)
        parser.commands.append(command)
        return command

    def _inherit(self, parser: _Parser, call: ast.Call) -> None:
        given = keyword(call, "parents")
        for one in given.elts if isinstance(given, ast.List | ast.Tuple) else ():
            if isinstance(one, ast.Name) and one.id in self._named:
                parser.arguments += self._named[one.id].arguments

    def _receiver(self, call: ast.Call) -> _Parser | None:
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(receiver, ast.Name) and receiver.id in self._named:
            return self._named[receiver.id]
        # Functions that are handed a parser call it what they like; with one parser there is no doubt which.
        if self._main and not self._main.commands and not self._groups:
            return self._main
        return None

    def _argument(self, call: ast.Call) -> None:
        parser = self._receiver(call)
        names = [literal(arg) for arg in call.args]
        texts = [name for name in names if isinstance(name, str) and name]
        if parser is None or not texts or len(texts) != len(names):
            self.doubts.append(f"line {call.lineno}: an argument could not be followed")
            return
        action = _action(keyword(call, "action"))
        if action in _ENDS:
            return
        argument = self._made(call, texts, action)
        if argument.count > _FEW:
            self.doubts.append(f"line {call.lineno}: {argument.name} takes {argument.count} values")
        else:
            parser.arguments.append(argument)

    def _made(self, call: ast.Call, texts: list[str], action: str) -> Argument:
        flags = [text for text in texts if text.startswith("-")]
        flag = next((text for text in flags if text.startswith("--")), flags[0] if flags else "")
        if action == "BooleanOptionalAction" and literal(keyword(call, "default")) is True:
            # Of its two words, the one that changes something.
            flag = f"--no-{flag.removeprefix('--')}"
        name = _text(keyword(call, "dest")) or (flag.lstrip("-") if flag else texts[0]).replace("-", "_")
        nargs = literal(keyword(call, "nargs"))
        given = keyword(call, "nargs")
        remainder = isinstance(given, ast.Attribute) and given.attr == "REMAINDER"
        default = keyword(call, "default")
        required = literal(keyword(call, "required")) is True if flag else nargs not in ("?", "*") and not remainder
        kind, use = _type(keyword(call, "type"))
        return Argument(
            name,
            flag,
            required=required,
            several=nargs in ("*", "+") or remainder or action in ("append", "extend"),
            each=action in ("append", "extend") and nargs is None,
            least=int(nargs == "+"),
            count=nargs if isinstance(nargs, int) and nargs > 0 else 1,
            kind=kind,
            use=use,
            choices=self._choices(keyword(call, "choices")),
            default=ast.unparse(default)[:80] if default is not None else "",
            switch=action in _SWITCHES,
            help=_text(keyword(call, "help")),
            binary="FileType" in ast.dump(call) and "wb" in ast.dump(call),
        )

    def _choices(self, node: ast.expr | None) -> tuple[str | int | float, ...]:
        value = self._constants.get(node.id) if isinstance(node, ast.Name) else literal(node)
        if isinstance(node, ast.Call) and called(node) in ("list", "sorted", "tuple", "keys"):
            inner = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
            if isinstance(inner, ast.Call) and called(inner) == "keys" and isinstance(inner.func, ast.Attribute):
                inner = inner.func.value
            value = self._constants.get(inner.id) if isinstance(inner, ast.Name) else literal(inner)
        if isinstance(value, set | frozenset):
            value = sorted(value, key=str)
        if not isinstance(value, Iterable) or isinstance(value, str | bytes):
            return ()
        return tuple(one for one in value if isinstance(one, str | int | float) and not isinstance(one, bool))


def _action(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return _text(node) if not isinstance(node, ast.Name) else node.id


def _type(node: ast.expr | None) -> tuple[Kind, Use]:
    """The kind of a value, by the function that makes it of a text, and what it names where that says so."""
    if isinstance(node, ast.Call) and called(node) == "FileType":
        mode = literal(node.args[0] if node.args else keyword(node, "mode"))
        return "text", "write" if isinstance(mode, str) and mode[:1] in ("w", "a", "x") else "read"
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return _KINDS.get(name, "text"), "value"


def _text(node: ast.expr | None) -> str:
    value = literal(node)
    return value if isinstance(value, str) else ""
