"""The arguments of a script that reads them by argparse. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from skillbox_core.skills.adopt_argument import argument
from skillbox_core.skills.adopt_nodes import called
from skillbox_core.skills.adopt_reading import Argument, Usage
from skillbox_core.skills.adopt_walk import Scope, Walk

_FEW = 20
"""Values of a fixed number of them."""


@dataclass
class _Parser:
    words: tuple[str, ...] = ()
    description: str = ""
    arguments: list[Argument] = field(default_factory=list)
    commands: list[_Parser] = field(default_factory=list)
    handler: str = ""

    def usages(self, before: tuple[Argument, ...] = ()) -> list[Usage]:
        word = tuple(Argument(word, word=word) for word in self.words[-1:])
        arguments = (*before, *word, *self.arguments)
        own = [Usage(arguments, self.words, self.description, handler=self.handler)]
        below = [usage for command in self.commands for usage in command.usages(arguments)]
        return below or own


@dataclass(frozen=True)
class _Commands:
    """What `add_subparsers` gives."""

    parser: _Parser


class _Namespace:
    """What parsing gives."""


class Argparse(Walk):
    """Reads a script's parsers.

    Attributes:
        namespaces: Variables that hold the parsed arguments.
        doubts: What could not be followed.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.namespaces: set[str] = set()
        self._doubts: dict[str, list[int]] = {}
        self._made: list[_Parser] = []
        self._parsed: list[_Parser] = []
        bases = {
            node.name: [ast.unparse(base) for base in node.bases]
            for node in tree.body
            if isinstance(node, ast.ClassDef)
        }
        self._classes = {name for name, of in bases.items() if any(one.endswith("ArgumentParser") for one in of)}
        super().__init__(tree)
        # A function that is handed the namespace calls it what it likes.
        self.namespaces |= {
            one.arg
            for node in self._functions.values()
            for one in node.args.args
            if one.arg in ("args", "options", "opts", "ns")
        }

    @property
    def doubts(self) -> list[str]:
        found = []
        for why, numbers in self._doubts.items():
            several = len(numbers) > 1
            lines = ", ".join(map(str, sorted(numbers)[:10])) + (" and more" if len(numbers) > 10 else "")
            found.append(f"line{'s' if several else ''} {lines}: {why}")
        return found

    @property
    def _main(self) -> _Parser | None:
        """The script's own: what it parses with, before what is only a part of another."""
        ranked = [*self._parsed, *self._made]
        return next((one for one in ranked if one.arguments or one.commands), ranked[0] if ranked else None)

    @property
    def found(self) -> bool:
        return self._main is not None

    def usages(self) -> list[Usage]:
        return self._main.usages() if self._main else []

    def _doubt(self, node: ast.expr, why: str) -> None:
        lines = self._doubts.setdefault(why, [])
        if node.lineno not in lines:
            lines.append(node.lineno)

    def bound(self, name: str, value: object) -> None:
        if isinstance(value, _Namespace):
            self.namespaces.add(name)

    def handed(self, scope: Scope) -> bool:
        return any(isinstance(one, _Parser | _Commands) for one in scope.values())

    def given(self, call: ast.Call, receiver: object, args: Sequence[object], named: Scope, scope: Scope) -> object:
        name = called(call)
        # One that the skill's other modules derive has argparse's name in its own.
        if name in self._classes or name.endswith("ArgumentParser"):
            parser = _Parser(description=_text(named.get("description")))
            self._inherit(parser, named.get("parents"))
            if named.get("add_help") is not False:
                self._made.append(parser)
            return parser
        if name in ("add_argument_group", "add_mutually_exclusive_group"):
            if name == "add_mutually_exclusive_group" and named.get("required") is True:
                self._doubt(call, "one of a group of options is required; choose one")
            return self._parser(receiver)
        if name == "add_subparsers":
            parser_ = self._parser(receiver)
            return _Commands(parser_) if parser_ else None
        if name == "add_parser":
            return self._command(call, receiver, args, named)
        if name == "add_argument":
            self._argument(call, receiver, args, scope)
            return None
        if name == "set_defaults" and isinstance(receiver, _Parser):
            handlers = [one.value for one in call.keywords if isinstance(one.value, ast.Name)]
            receiver.handler = next((one.id for one in handlers if one.id in self._functions), receiver.handler)
            return None
        if name in ("parse_args", "parse_known_args", "parse_intermixed_args"):
            if isinstance(receiver, _Parser) and name != "parse_known_args":
                self._parsed.append(receiver)
            return [_Namespace(), None] if name == "parse_known_args" else _Namespace()
        return None

    def _parser(self, receiver: object) -> _Parser | None:
        if isinstance(receiver, _Parser):
            return receiver
        # Functions that are handed a parser call it what they like; with one parser there is no doubt which.
        only = self._main
        return only if only and not only.commands else None

    def _command(self, call: ast.Call, receiver: object, args: Sequence[object], named: Scope) -> _Parser | None:
        word = args[0] if args else named.get("name")
        if not isinstance(receiver, _Commands) or not isinstance(word, str) or not word or word.startswith("-"):
            self._doubt(call, "a subcommand could not be followed")
            return None
        parser = receiver.parser
        command = _Parser((*parser.words, word), _text(named.get("help")) or _text(named.get("description")))
        self._inherit(command, named.get("parents"))
        parser.commands.append(command)
        return command

    def _inherit(self, parser: _Parser, given: object) -> None:
        for one in given if isinstance(given, Iterable) and not isinstance(given, str) else ():
            if isinstance(one, _Parser):
                parser.arguments += one.arguments

    def _argument(self, call: ast.Call, receiver: object, texts: Sequence[object], scope: Scope) -> None:
        parser = self._parser(receiver)
        names = [text for text in texts if isinstance(text, str) and text]
        if parser is None or not names or len(names) != len(texts):
            self._doubt(call, "an argument could not be followed")
            return
        found = argument(call, names, lambda node: self._known(node, scope))
        if found and found.count > _FEW:
            self._doubt(call, f"{found.name} takes {found.count} values")
        elif found and found not in parser.arguments:
            parser.arguments.append(found)

    def _known(self, node: ast.expr | None, scope: Scope) -> object:
        return self._value(node, scope) if not isinstance(node, ast.Call) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
