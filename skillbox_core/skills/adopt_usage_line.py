"""What a Python script says of how it is called, in a line that begins with "usage". Pure."""

from __future__ import annotations

import ast
import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}\Z")
_USAGE = re.compile(
    r"^\W*usage:\s+(?:\S*python\S*\s+|node\s+|bash\s+|uv run\s+)?\S+[ \t]+([^\n]+)", re.IGNORECASE | re.MULTILINE
)
_WORD = re.compile(r"\[[^\]]*\]|<[^>]*>|\S+")


def usage_text(tree: ast.Module) -> str:
    """What a script says of how it is called: the first text in it that begins with "usage"."""
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(one.value) if isinstance(one, ast.Constant) else "x" for one in node.values)
        if found := _USAGE.search(text):
            return found[1]
    return ""


def usage_names(text: str) -> list[str]:
    """The names of a usage line, with nothing for those that are none: `[input pdf] <out.png> N`."""
    found = [re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"\.\w{1,5}\b", "", word)).strip("_") for word in _WORD.findall(text)]
    return [word.lower() if _NAME.match(word) else "" for word in found]
