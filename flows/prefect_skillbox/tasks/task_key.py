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
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from pydantic import BaseModel

from prefect_skillbox.tasks.spec import SkillSpec

_DEPTH = 12
"""Levels of a definition that are looked into; deeper ones, and circles, count by their kind only."""


def task_key(spec: SkillSpec, options: Mapping[str, Any]) -> str:
    """The key of a skill task.

    Args:
        options: Prefect's options for it, without those that its task worker changes by itself.
    """
    definition = json.dumps([_describe(spec), _describe(options)], sort_keys=True)
    return f"{spec.name}-{hashlib.sha256(definition.encode()).hexdigest()[:32]}"


def _describe(value: Any, depth: int = _DEPTH) -> Any:
    """A value as JSON that tells it from others: by what it holds, never by where it lies in memory."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if depth == 0:
        return _name(type(value))
    if isinstance(value, Mapping):
        pairs = [[_describe(key, depth - 1), _describe(item, depth - 1)] for key, item in value.items()]
        return ["mapping", sorted(pairs, key=json.dumps)]
    if isinstance(value, Set):
        return ["set", sorted((_describe(item, depth - 1) for item in value), key=json.dumps)]
    if isinstance(value, (list, tuple)):
        return [_describe(item, depth - 1) for item in value]
    if isinstance(value, type):
        return _name(value)
    if isinstance(value, FunctionType):
        return _describe_function(value, depth)
    return [_name(type(value)), _describe(_contents(value), depth - 1)]


def _describe_function(function: FunctionType, depth: int) -> Any:
    holds = [_cell(cell) for cell in function.__closure__ or ()]
    described = [_name(function), _describe([holds, function.__defaults__, function.__kwdefaults__], depth - 1)]
    if "<" in function.__qualname__:
        # One of many of its name; what it does tells it from them.
        code = function.__code__
        constants = [constant for constant in code.co_consts if isinstance(constant, (bool, int, float, str))]
        described.append([_source(function), list(code.co_names), _describe(constants)])
    return described


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _source(function: FunctionType) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


def _contents(value: Any) -> Any:
    """What an object is made of. What equals its default is left out: a later release may have added it."""
    if isinstance(value, BaseModel):
        # As JSON it hides its secrets.
        return value.model_dump(mode="json", exclude_defaults=True)
    if is_dataclass(value):
        held = {field: getattr(value, field.name) for field in fields(value)}
        return {
            field.name: item
            for field, item in held.items()
            if item != (field.default if field.default_factory is MISSING else field.default_factory())
        }
    if isinstance(value, float):
        return repr(value)
    try:
        # As it would be pickled: the function that makes it anew, and what that is given.
        reduced = value.__reduce_ex__(4)
    except Exception:
        return None
    return reduced if isinstance(reduced, str) else [part for part in reduced[:3] if part is not None]


def _name(thing: Any) -> str:
    """Its name behind the last part of its module's, which is the same where the module is run as a program."""
    module = str(thing.__module__)
    if module == "__main__":
        main = sys.modules["__main__"]
        spec = getattr(main, "__spec__", None)
        module = spec.name if spec is not None else Path(getattr(main, "__file__", None) or "").stem
    return f"{module.rpartition('.')[2]}.{thing.__qualname__}"
