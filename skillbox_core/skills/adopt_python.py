"""How a Python script is called, by its syntax: `ast` reads it, and nothing of it is imported or run. Pure."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace

from skillbox_core.skills.adopt_answers import Answers, acts
from skillbox_core.skills.adopt_argparse import Argparse
from skillbox_core.skills.adopt_argv import Argv
from skillbox_core.skills.adopt_click import commands
from skillbox_core.skills.adopt_commands import own_trees
from skillbox_core.skills.adopt_endings import endings
from skillbox_core.skills.adopt_flow import Flow
from skillbox_core.skills.adopt_nodes import dotted
from skillbox_core.skills.adopt_packages import unasked
from skillbox_core.skills.adopt_reading import Argument, Reading, Usage
from skillbox_core.skills.adopt_usage_line import usage_text
from skillbox_core.skills.adopt_uses import decide


def read_python(text: str, *, started: bool = False, paths: Collection[str] | None = None) -> Reading:
    """What a Python script says of itself.

    Args:
        started: It is marked as a script, by its mode or a `#!` line.
        paths: Of the skill's files, where none of them asks for packages.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It can't be read.
    """
    with warnings.catch_warnings():
        # What is odd in somebody else's script is no news for the user.
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    usages, doubts = _usages(tree)
    if not usages and not acts(tree) and not started:
        return Reading(doubts=("a module for others to import: it does nothing by itself",))
    lacks = [one] if paths is not None and (one := unasked(tree, paths)) else []
    usages = [
        replace(usage, said=replace(usage.said, doubts=(*usage.said.doubts, *lacks))) if usage.said else usage
        for usage in usages or [Usage()]
    ]
    said = _said(tree, (), doubts)
    return replace(said, usages=tuple(usages), doubts=(*said.doubts, *lacks))


def _said(tree: ast.Module, handlers: Collection[str], doubts: Sequence[str]) -> Reading:
    said = Answers(tree, handlers).reading()
    return replace(said, doubts=(*doubts, *said.doubts))


def _usages(tree: ast.Module) -> tuple[list[Usage], list[str]]:
    described = (ast.get_docstring(tree) or "").strip().partition("\n")[0]
    if found := commands(tree):
        flow = Flow(tree, lambda _: None, tuple(function for function, _ in found))
        return [replace(usage, arguments=_decided(usage.arguments, flow, tree)) for _, usage in found], []
    argparse = Argparse(tree)
    if argparse.found:

        def attribute(node: ast.expr) -> str | None:
            return node.attr if isinstance(node, ast.Attribute) and dotted(node.value) in argparse.namespaces else None

        found_ = argparse.usages()
        usages = []
        for usage, (own, handlers) in zip(found_, own_trees(tree, found_), strict=True):
            decided = _decided(usage.arguments, Flow(own, attribute), own)
            said = None if own is tree else _said(own, handlers, argparse.doubts)
            usages.append(replace(usage, arguments=decided, description=usage.description or described, said=said))
        return usages, argparse.doubts
    argv = Argv(tree)
    doubts = ["it reads options by getopt, and all of those are left out"] if argv.options is None else []
    flow = Flow(tree, argv.source)
    if not argv.options and (own_options := argv.own_options(flow)):
        doubts.append(f"it reads options by itself, and all of those are left out: {', '.join(own_options)}")
    if argv.found or (argv.uses_getopt and acts(tree)):
        usage = argv.usage(flow, usage_text(tree), endings(tree, flow))
        # What stands behind options need not be there.
        behind = [
            replace(one, required=one.required and not (one.several and argv.uses_getopt)) for one in usage.arguments
        ]
        return [Usage((*(argv.options or ()), *behind), description=described)], doubts
    return [Usage(description=described)] if argv.read and acts(tree) else [], doubts


def _decided(arguments: tuple[Argument, ...], flow: Flow, tree: ast.Module) -> tuple[Argument, ...]:
    asked = endings(tree, flow)
    return tuple(decide(one, flow.uses.get(one.name, set()), asked.get(one.name, ())) for one in arguments)
