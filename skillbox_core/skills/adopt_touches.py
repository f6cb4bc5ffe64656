"""What a call does with the paths that it is given, by the function's name. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

from skillbox_core.skills.adopt_nodes import called, keyword, literal

Touch: TypeAlias = tuple[list[ast.expr], tuple[str, ...]]
"""Expressions of which the first that is a path is meant, and what is done with that: as `Flow.uses` has it."""

_READS = frozenset(
    {"read_text", "read_bytes", "getsize", "getmtime", "stat", "load_workbook", "PdfReader", "PdfFileReader"}
    | {"Document", "Presentation", "imread", "copy", "copy2", "copyfile", "convert_from_path", "VideoCapture"}
)
_PARSERS = frozenset({"ET", "etree", "ElementTree", "minidom"})
_FOLDERS = frozenset({"rglob", "iterdir", "glob", "walk", "listdir", "scandir", "is_dir", "isdir", "chdir", "copytree"})
_WRITES = frozenset({"write_text", "write_bytes", "touch", "savefig", "save", "imwrite", "make_archive", "write_image"})
_MAKERS = frozenset({"Workbook", "SimpleDocTemplate", "Canvas", "VideoWriter"})
_MADE = frozenset({"mkdir", "makedirs", "extractall"})
_CHANGES = frozenset({"rename", "replace", "unlink", "remove", "move"})
_TESTS = frozenset({"exists", "is_file", "isfile"})
_MODULES = frozenset({"os", "shutil", "pathlib"})
_OPENS = frozenset({"ZipFile", "TarFile", "GzipFile", "File"})
_PATHS = ("path", "file", "filename", "filepath", "fp", "fname", "filepath_or_buffer", "path_or_buf", "out", "dst")


def touches(call: ast.Call) -> Iterator[Touch]:
    """What a call does with paths."""
    name = called(call)
    receiver = [call.func.value] if isinstance(call.func, ast.Attribute) else []
    given = [value for word in _PATHS if (value := keyword(call, word)) is not None]
    first = [*call.args[:1], *given]
    either = [*receiver, *first]
    if name == "open" or name in _OPENS:
        yield from _opened(call, receiver, first)
    elif name in ("int", "float"):
        yield first, (name,)
    elif name == "loads":
        yield first, ("json",)
    elif name == "connect" and _of(call, {"sqlite3", "duckdb"}):
        yield first, ("edit",)
    elif name in _READS or name.startswith(("read_", "from_")) or (name == "parse" and _of(call, _PARSERS)):
        yield either, ("read",)
        if name.startswith("copy"):
            yield call.args[1:2], ("write", "binary")
    elif name in _FOLDERS:
        yield either, ("folder",)
    elif name in _MADE:
        yield [*first, *receiver] if name == "extractall" else either, ("made",)
    elif name in _WRITES or name.startswith("to_"):
        told = () if name in ("write_text", "touch") else ("binary",)
        yield either, ("write", *told, *(("dumped",) if _dumps(call) else ()))
    elif name in _MAKERS:
        yield first, ("write", "binary")
    elif name in _CHANGES and (_of(call, _MODULES) or receiver):
        module = _of(call, _MODULES)
        # `text.replace(a, b)` is a text's.
        if module or len(call.args) < 2:
            yield first if module else receiver, ("edit",)
    elif name in _TESTS:
        yield either, ("test",)


def _opened(call: ast.Call, receiver: list[ast.expr], first: list[ast.expr]) -> Iterator[Touch]:
    # `path.open("w")` and `open(path, "w")`; a module's, such as `tarfile.open(path, "w:gz")`, writes no text.
    module = bool(receiver) and not isinstance(literal(call.args[0] if call.args else None), str)
    modes = [value for one in (keyword(call, "mode"), *call.args[:2]) if isinstance(value := literal(one), str)]
    how = modes[0] if modes and len(modes[0]) <= 5 else "r"
    binary = ("binary",) if "b" in how or module or called(call) in _OPENS else ()
    if "+" in how:
        yield [*receiver, *first], ("edit",)
    elif how[:1] in ("w", "a", "x"):
        yield [*receiver, *first], ("write", *binary)
    else:
        yield [*receiver, *first], ("read",)


def _of(call: ast.Call, names: frozenset[str] | set[str]) -> bool:
    base = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(base, ast.Name) and base.id in names


def _dumps(call: ast.Call) -> bool:
    return any(isinstance(one, ast.Call) and called(one) == "dumps" for given in call.args for one in ast.walk(given))
