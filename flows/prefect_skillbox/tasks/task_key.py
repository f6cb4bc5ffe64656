"""The key by which Prefect's task workers find a skill task: made from its whole definition.

Prefect makes the key of a task from its function, and all skills are one function. This key is the same in every
process that defines the same, whatever the release of Prefect, and another one for whatever differs.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Mapping, Set
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from prefect_skillbox.tasks.spec import SkillSpec

_DEPTH = 50
"""Levels of a definition that are looked into; deeper ones, and circles, count by their kind only."""


def task_key(spec: SkillSpec, options: Mapping[str, Any]) -> str:
    """The key of a skill task.

    Args:
        options: Prefect's options for it, without those that its task worker changes by itself.
    """
    describe = _Describer()
    definition = json.dumps([describe(spec), describe(dict(options))])
    return f"{spec.name}-{hashlib.sha256(definition.encode()).hexdigest()[:32]}"


_LIBRARIES = frozenset({"prefect", "pydantic", "prefect_skillbox", "skillbox_core"})


class _Describer:
    """Values as JSON that tells them from others: by what they hold, never by where they lie in memory."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        # Kept alive, so that no other object gets the identity of one that was described.
        self._values: list[Any] = []
        self._depth = 0

    def __call__(self, value: Any) -> Any:
        """The description of one value."""
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if id(value) not in self._done:
            self._values.append(value)
            # What is met again inside itself is a circle.
            self._done[id(value)] = ["circle", _kind(value)]
            self._depth += 1
            try:
                self._done[id(value)] = [_kind(value), self._inside(value) if self._depth < _DEPTH else None]
            finally:
                self._depth -= 1
        return self._done[id(value)]

    def _inside(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return sorted(([self(key), self(item)] for key, item in value.items()), key=json.dumps)
        if isinstance(value, Set):
            return sorted((self(item) for item in value), key=json.dumps)
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        if isinstance(value, (bytes, bytearray)):
            return value.hex()
        if isinstance(value, (SecretStr, SecretBytes)):
            return self(value.get_secret_value())
        if isinstance(value, float):
            return repr(value)
        if isinstance(value, type):
            return _name(value)
        if isinstance(value, FunctionType):
            return self._function(value)
        try:
            return self._object(value)
        except Exception:
            # Of somebody else's making, and not to be looked into. It counts by its kind.
            return None

    def _function(self, function: FunctionType) -> Any:
        code = function.__code__
        cells = [_cell(cell) for cell in function.__closure__ or ()]
        told = [_home(code.co_filename), code.co_qualname]
        told += [self(part) for part in (cells, function.__defaults__, function.__kwdefaults__)]
        return [*told, _code(function)] if _is_authors(function) else told

    def _object(self, value: Any) -> Any:
        """What an object is made of. What equals its default is left out: a later release may have added it."""
        held = dict(getattr(value, "__dict__", {}))
        defaults: dict[str, tuple[Any, Any]] = {}
        if isinstance(value, BaseModel):
            declared = type(value).model_fields
            defaults = {name: (None, field.get_default(call_default_factory=True)) for name, field in declared.items()}
        elif is_dataclass(value):
            defaults = {field.name: (field, None) for field in fields(value)}
            held |= {name: getattr(value, name) for name in defaults if hasattr(value, name)}
        elif not held:
            return self._pickled(value)
        told = {name: self(item) for name, item in held.items()}
        usual = {name: self(_default(*given)) for name, given in defaults.items()}
        return sorted([name, item] for name, item in told.items() if name not in usual or item != usual[name])

    def _pickled(self, value: Any) -> Any:
        """As it would be pickled: the function that makes it anew, and what that is given."""
        reduced = value.__reduce_ex__(4)
        return reduced if isinstance(reduced, str) else [self(part) for part in reduced[:3] if part is not None]


def _default(field: Field[Any] | Any, value: Any) -> Any:
    if not isinstance(field, Field):
        return value
    return field.default if field.default_factory is MISSING else field.default_factory()


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _code(function: FunctionType) -> Any:
    """What a function does, as its author wrote it; one of several on a line also by where it stands there."""
    code = function.__code__
    constants = [constant for constant in code.co_consts if isinstance(constant, (bool, int, float, str))]
    try:
        source = inspect.getsource(code)
    except (OSError, TypeError):
        source = ""
    columns = [column for _, _, *span in code.co_positions() for column in span if column]
    place = [min(columns, default=0), max(columns, default=0)] if source.count("lambda") != 1 else []
    return [source, list(code.co_names), repr(constants), place if code.co_name == "<lambda>" else []]


def _kind(value: Any) -> str:
    return _name(type(value))


def _name(kind: type) -> str:
    module = sys.modules.get(kind.__module__)
    home = getattr(module, "__file__", None)
    name = f"{_home(home) if home else kind.__module__}.{kind.__qualname__}"
    if not _is_authors(kind):
        return name
    try:
        return f"{name} {hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()}"
    except (OSError, TypeError):
        return name


def _home(file: str) -> str:
    """The last part of a module's name, which is the same where it is run as a program."""
    path = Path(file)
    return path.parent.name if path.stem == "__init__" else path.stem


def _is_authors(thing: Any) -> bool:
    """Whether something is a flow's author's own. Of a library it is the name that counts, in any release."""
    library = str(thing.__module__).partition(".")[0]
    return library not in sys.stdlib_module_names | _LIBRARIES or library == "__main__"
