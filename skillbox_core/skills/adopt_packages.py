"""Packages that a skill's Python scripts import and that nothing in the skill asks for. Pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection

_MOST = 10
"""Names in one sentence."""


def unasked(tree: ast.Module, paths: Collection[str]) -> str:
    """A sentence on the modules that a script imports in any case and that are neither Python's nor the skill's.

    Args:
        paths: Of the skill's files.
    """
    own = {part.removesuffix(".py") for path in paths for part in path.split("/")}
    found: dict[str, None] = {}
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        first = [name.partition(".")[0] for name in names]
        found |= {name: None for name in first if name and name not in sys.stdlib_module_names and name not in own}
    if not found:
        return ""
    listed = ", ".join([*found][:_MOST])
    return f"it imports {listed}, and nothing in the skill asks for packages: the image must have them"
