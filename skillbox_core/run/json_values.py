"""What Python programs hold, as JSON values: by the rule of pydantic's `to_jsonable_python`, or not at all.

A date, a time, a duration, a decimal, a UUID, a path and an address become the text that pydantic makes of them, an
enum its value; a model and a dataclass become objects, by the model's own serializers and aliases. What would lose
something is refused, by its place: a secret that becomes asterisks, a set in no order, bytes in an encoding that is
guessed, a time whose nanoseconds are cut off, an iterator that is used up.
"""

from __future__ import annotations

import ipaddress
import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import AnyUrl, Secret, SecretBytes, SecretStr
from pydantic_core import MultiHostUrl, Url, to_jsonable_python

from skillbox_core.models import ExecutionError, RunResult

_TEXTS = (
    *(date, time, timedelta, Decimal, UUID, AnyUrl, Url, MultiHostUrl),
    *(ipaddress.IPv4Address, ipaddress.IPv4Interface, ipaddress.IPv4Network),
    *(ipaddress.IPv6Address, ipaddress.IPv6Interface, ipaddress.IPv6Network),
)
_TABLES = 'a table belongs in files={"name.parquet": table}, a few values in a list'


class NoJsonError(ValueError):
    """A value that is not JSON, with its place as the beginning of the sentence.

    Args:
        place: Such as `rows[3].price`; empty for the whole value.
        what: What is there.
        hint: The way out.
    """

    def __init__(self, place: str, what: str, hint: str | None = None) -> None:
        super().__init__(f"{place}: {what}" if place else what)
        self.hint = hint


def json_value(value: Any) -> Any:
    """A value made of what `json.dumps` takes, the keys of its objects in their order.

    Raises:
        NoJsonError: Something in it is not JSON, would lose something, or holds itself.
        RecursionError: It is nested deeper than Python's stack.
    """
    return _Converter()(value, "")


class _Converter:
    def __init__(self) -> None:
        self._around: set[int] = set()

    def __call__(self, value: Any, place: str) -> Any:
        if value is None or isinstance(value, (str, bool, int)):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise NoJsonError(place, f"{value} is no number of JSON", "None becomes null")
            return value
        # An object that holds itself comes by here again before it is done.
        if id(value) in self._around:
            raise NoJsonError(place, "Circular reference detected")
        self._around.add(id(value))
        try:
            return self._made(value, place)
        finally:
            self._around.discard(id(value))

    def _made(self, value: Any, place: str) -> Any:
        if isinstance(value, ExecutionError):
            value = value.result
        if isinstance(value, RunResult):
            return self(value.output, place)
        if isinstance(value, Mapping):
            return self._object(value, place)
        if isinstance(value, (list, tuple, deque)):
            return [self(item, f"{place}[{number}]") for number, item in enumerate(value)]
        if isinstance(value, Enum):
            return self(value.value, place)
        _refuse(value, place)
        if isinstance(value, (*_TEXTS, PurePath)):
            return _text(value, place)
        if hasattr(type(value), "__pydantic_serializer__"):
            return self._model(value, place)
        if is_dataclass(value) and not isinstance(value, type):
            named = {field.name: getattr(value, field.name) for field in fields(value)}
            return self._object(named, place)
        if hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "shape", None) == ():
            return self._scalar(value, place)
        raise NoJsonError(place, f"a {type(value).__name__} is not JSON")

    def _object(self, value: Mapping[Any, Any], place: str) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key, item in value.items():
            inner = _inside(place, key)
            name = key if key is None or isinstance(key, (str, bool, int)) else self(key, inner)
            if not (name is None or isinstance(name, (str, bool, int, float))):
                raise NoJsonError(inner, f"a key that is a {type(key).__name__} is not JSON")
            if name in made:
                raise NoJsonError(inner, "two keys that JSON writes alike")
            made[name] = self(item, inner)
        return made

    def _model(self, value: Any, place: str) -> Any:
        """A pydantic model or dataclass, as it serializes itself."""
        try:
            held = type(value).__pydantic_serializer__.to_python(value, by_alias=True)
        except Exception as error:  # a serializer of a model is its author's code
            raise NoJsonError(place, f"a {type(value).__name__} can't be serialized: {error}") from None
        if type(held) is type(value):
            raise NoJsonError(place, f"a {type(value).__name__} can't be serialized")
        # Here nothing is hidden or guessed yet, as it is in what follows.
        self(held, place)
        try:
            return to_jsonable_python(value, fallback=lambda item: self(item, place))
        except NoJsonError:
            raise
        except Exception as error:  # as above
            raise NoJsonError(place, f"a {type(value).__name__} can't be serialized: {error}") from None

    def _scalar(self, value: Any, place: str) -> Any:
        """A number of numpy, or of what is like it, as Python's own."""
        item = value.item()
        if (kind := getattr(value.dtype, "kind", "")) and kind in "mM":
            if isinstance(item, int):
                # Its unit is finer than Python's, or one of no fixed length.
                micro = value.astype(f"{kind}8[us]")
                if micro != value:
                    raise NoJsonError(place, f"{value!r} has more than microseconds", "round it, or give it as text")
                item = micro.item()
            if item is None:
                raise NoJsonError(place, "NaT is no time of JSON", "None becomes null")
        if type(item) is type(value):
            raise NoJsonError(place, f"a {type(value).__name__} is not JSON", "convert it with float()")
        return self(item, place)


def _refuse(value: Any, place: str) -> None:
    """Refuses what pydantic would take, or what deserves a better word than its type."""
    kind = type(value).__name__
    if isinstance(value, (SecretStr, SecretBytes, Secret)):
        raise NoJsonError(place, f"a {kind} must not be in an input, which is recorded", "give it in env=")
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise NoJsonError(place, f"a {kind} is not JSON", "decode it, or give it as a file in files=")
    if isinstance(value, (set, frozenset)):
        raise NoJsonError(place, f"a {kind} has no order", "make it a list, such as sorted(...)")
    arrow = hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")
    if arrow or (hasattr(value, "dtype") and getattr(value, "shape", ()) != ()):
        raise NoJsonError(place, f"a {kind} is not JSON", _TABLES)
    if isinstance(value, Iterator):
        raise NoJsonError(place, f"a {kind} gives its values once", "make it a list")


def _text(value: Any, place: str) -> str:
    kind = type(value).__name__
    if kind == "NaTType":  # pandas' word for a missing time is a datetime
        raise NoJsonError(place, "NaT is no time of JSON", "None becomes null")
    if isinstance(value, Decimal) and not value.is_finite():
        raise NoJsonError(place, f"{value} is no number of JSON", "None becomes null")
    # pandas' times are Python's, with more behind them.
    if any(getattr(value, part, 0) for part in ("nanosecond", "nanoseconds")):
        raise NoJsonError(place, f"a {kind} of {value} has more than microseconds", "round it, or give it as text")
    return str(value) if isinstance(value, PurePath) else str(to_jsonable_python(value))


def _inside(place: str, key: Any) -> str:
    if isinstance(key, str) and key.isidentifier() and len(key) <= 60:
        return f"{place}.{key}" if place else key
    shown = ascii(key)
    return f"{place}[{shown if len(shown) <= 60 else shown[:57] + '...'}]"
