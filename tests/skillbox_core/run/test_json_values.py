"""What Python programs hold becomes JSON by one rule, or is refused by its place and its type."""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from fractions import Fraction
from ipaddress import ip_address, ip_network
from pathlib import Path, PureWindowsPath
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pydantic.dataclasses
import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel, SecretBytes, SecretStr, field_serializer
from pydantic_core import to_jsonable_python

from skillbox_core import RunResult, Status
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import ExecutionError
from skillbox_core.run.canonical import canonical_input

LIMIT = 10_000_000
ID = UUID("12345678123456781234567812345678")


class Colour(Enum):
    RED = "red"
    DAY = date(2026, 1, 2)


class Level(IntEnum):
    LOW = 1


class Flags(IntFlag):
    A = 1
    B = 2


class Word(StrEnum):
    YES = "yes"


class Shade(str, Enum):  # noqa: UP042 - as programs for Python 3.10 have it
    DARK = "dark"


class Half(float, Enum):
    ONE = 0.5


Point = namedtuple("Point", "x y")


class Text(str):
    """A text of a library's own, as numpy has one."""


@dataclass
class Plain:
    b: Any
    a: Any = None
    hidden: Any = field(default=1, repr=False)


@pydantic.dataclasses.dataclass
class Checked:
    when: date
    price: Decimal = Decimal("1.50")


class Inner(BaseModel):
    when: datetime
    path: Path = Path("a/b")


class Model(BaseModel):
    z: int = 1
    a: Inner = Inner(when=datetime(2026, 1, 2, tzinfo=UTC))
    renamed: int = Field(default=2, serialization_alias="from")
    left_out: SecretStr = Field(default=SecretStr("s"), exclude=True)


class Serialized(BaseModel):
    model_config = ConfigDict(ser_json_timedelta="float")
    long: timedelta = timedelta(seconds=1.5)
    tags: set[str] = {"b", "a"}

    @field_serializer("tags")
    def _sorted(self, tags: set[str]) -> list[str]:
        return sorted(tags)


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)


class Numbers(RootModel[list[Decimal]]):
    pass


def shown(value: Any) -> str:
    """A name for a case that is the same in every process."""
    text = str(value) if isinstance(value, (str, int, float, date, time, BaseModel)) else type(value).__name__
    return text.splitlines()[0][:40] if text else "whole"


RESULT = RunResult(execution_id="0" * 32, status=Status.SUCCESS, output={"n": [1]})

TAKEN: list[tuple[Any, str]] = [
    (datetime(2026, 1, 2, 3, 4, 5, 6), '"2026-01-02T03:04:05.000006"'),
    (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00Z"'),
    (datetime(2026, 1, 2, tzinfo=ZoneInfo("Europe/Berlin")), '"2026-01-02T00:00:00+01:00"'),
    (date(2026, 1, 2), '"2026-01-02"'),
    (time(1, 2), '"01:02:00"'),
    (timedelta(days=1, seconds=2), '"P1DT2S"'),
    (Decimal("1.50"), '"1.50"'),
    (Decimal("-0"), '"-0"'),
    (ID, f'"{ID}"'),
    (Path("/a/b"), '"/a/b"'),
    (PureWindowsPath("a\\b"), '"a\\\\b"'),
    (ip_address("::1"), '"::1"'),
    (ip_network("10.0.0.0/8"), '"10.0.0.0/8"'),
    (AnyUrl("https://host/x"), '"https://host/x"'),
    ([Colour.RED, Colour.DAY, Level.LOW, Flags.A | Flags.B], '["red","2026-01-02",1,3]'),
    ([Word.YES, Shade.DARK, Half.ONE, Text("t")], '["yes","dark",0.5,"t"]'),
    # The same beside something that is not JSON itself: both ways must write it alike.
    ([Word.YES, Shade.DARK, Half.ONE, Level.LOW, Text("t"), Colour.RED], '["yes","dark",0.5,1,"t","red"]'),
    (Point(1, 2), "[1,2]"),
    (Point(1, ID), f'[1,"{ID}"]'),
    (deque([1, date(2026, 1, 2)]), '[1,"2026-01-02"]'),
    ((1, (2, ID)), f'[1,[2,"{ID}"]]'),
    (OrderedDict([("b", 1), ("a", 2)]), '{"b":1,"a":2}'),
    (OrderedDict([("b", ID), ("a", 2)]), f'{{"b":"{ID}","a":2}}'),
    (defaultdict(list, {"a": [ID]}), f'{{"a":["{ID}"]}}'),
    (Counter("aab"), '{"a":2,"b":1}'),
    (MappingProxyType({"b": 1, "a": 2}), '{"b":1,"a":2}'),
    (Plain(b=ID), f'{{"b":"{ID}","a":null,"hidden":1}}'),
    ([Plain(b=Plain(b=1))], '[{"b":{"b":1,"a":null,"hidden":1},"a":null,"hidden":1}]'),
    (Checked(date(2026, 1, 2)), '{"when":"2026-01-02","price":"1.50"}'),
    ({"m": Model()}, '{"m":{"z":1,"a":{"when":"2026-01-02T00:00:00Z","path":"a/b"},"from":2}}'),
    (Serialized(), '{"long":1.5,"tags":["a","b"]}'),
    (Extra(b=ID, a=Colour.RED, n=np.float32(0.5)), f'{{"b":"{ID}","a":"red","n":0.5}}'),
    (Numbers([Decimal("1.0")]), '["1.0"]'),
    ([np.int64(3), np.float64(0.5), np.float32(0.5), np.bool_(True), np.str_("s")], '[3,0.5,0.5,true,"s"]'),
    ([np.array(5), np.uint64(2**64 - 1)], "[5,18446744073709551615]"),
    ([np.datetime64("2026-01-02"), np.datetime64("2026-01-02T00:00:00", "ns")], '["2026-01-02","2026-01-02T00:00:00"]'),
    ([np.timedelta64(90, "s"), np.timedelta64(5000, "ns")], '["PT1M30S","PT0.000005S"]'),
    (pd.Timestamp("2026-01-02T03:04:05.000006", tz="UTC"), '"2026-01-02T03:04:05.000006Z"'),
    (pd.Timedelta("1D"), '"P1D"'),
    (pd.DataFrame({"n": [1]}).to_dict("records"), '[{"n":1}]'),
    ({"up": RESULT, "d": ID}, f'{{"up":{{"n":[1]}},"d":"{ID}"}}'),
    ([Plain(b=RESULT)], '[{"b":{"n":[1]},"a":null,"hidden":1}]'),
    ([ExecutionError.of(RunResult(execution_id="0" * 32, status=Status.FAILED)), ID], f'[null,"{ID}"]'),
    ({date(2026, 1, 2): 1, ID: 2, Colour.RED: 3}, f'{{"2026-01-02":1,"{ID}":2,"red":3}}'),
    ({np.int64(7): "a", Decimal("1.0"): "b", Path("p"): "c"}, '{"7":"a","1.0":"b","p":"c"}'),
    ({1: ID, None: 3, 1.5: 4, False: 5}, f'{{"1":"{ID}","null":3,"1.5":4,"false":5}}'),
    ({Level.LOW: ID, Shade.DARK: 2}, f'{{"1":"{ID}","dark":2}}'),
    ({Level.LOW: 1, Shade.DARK: 2}, '{"1":1,"dark":2}'),
    ({"a": Colour.RED, **{str(n): n for n in (3, 1, 2)}}, '{"a":"red","3":3,"1":1,"2":2}'),
]


@pytest.mark.parametrize(("value", "text"), TAKEN, ids=shown)
def test_each_kind_has_one_way_to_be_json(value: Any, text: str) -> None:
    assert canonical_input(value, LIMIT) == text
    assert canonical_input([value], LIMIT) == f"[{text}]"
    assert canonical_input(value, LIMIT) == text


PYDANTICS = (datetime, date, time, timedelta, Decimal, UUID, Path, Model, Serialized, Numbers, Checked, Plain)


@pytest.mark.parametrize("value", [value for value, _ in TAKEN if isinstance(value, PYDANTICS)], ids=shown)
def test_the_rule_is_pydantics(value: Any) -> None:
    assert json.loads(canonical_input(value, LIMIT)) == to_jsonable_python(value)


class Secretive(BaseModel):
    user: str = "u"
    password: SecretStr = SecretStr("hunter2")


class Around(BaseModel):
    inner: list[Secretive] = [Secretive()]


class Tags(BaseModel):
    tags: set[str] = {"a"}


class Failing(BaseModel):
    n: int = 1

    @field_serializer("n")
    def _fails(self, n: int) -> int:
        raise RuntimeError("no")


class Custom:
    pass


class Money(BaseModel):
    price: Annotated[float, Field()] = float("nan")


def circle() -> Any:
    value: list[Any] = [ID]
    value.append({"again": value})
    return value


def later() -> Iterator[int]:
    yield 1


REFUSED: list[tuple[Any, str, str]] = [
    (Custom(), "", "a Custom is not JSON"),
    (Custom, "", "a type is not JSON"),
    (1j, "", "a complex is not JSON"),
    (Fraction(1, 3), "", "a Fraction is not JSON"),
    (range(3), "", "a range is not JSON"),
    (re.compile("a"), "", "a Pattern is not JSON"),
    (len, "", "a builtin_function_or_method is not JSON"),
    (pd.NA, "", "a NAType is not JSON"),
    (pl.LazyFrame({"a": [1]}), "", "a LazyFrame is not JSON"),
    (float("nan"), "", r"nan is no number of JSON \(None becomes null\)"),
    (float("-inf"), "", "-inf is no number of JSON"),
    (np.float64("nan"), "", "nan is no number of JSON"),
    (np.float32("inf"), "", "inf is no number of JSON"),
    (Decimal("NaN"), "", "NaN is no number of JSON"),
    (Decimal("Infinity"), "", "Infinity is no number of JSON"),
    (pd.NaT, "", "NaT is no time of JSON"),
    (np.datetime64("NaT"), "", "NaT is no time of JSON"),
    (pd.Timestamp("2026-01-02T00:00:00.000000001"), "", "a Timestamp of .* has more than microseconds"),
    (pd.Timedelta("1ns"), "", "a Timedelta of .* has more than microseconds"),
    (np.datetime64(1, "ns"), "", ".* has more than microseconds"),
    (np.complex64(1), "", "a complex is not JSON"),
    (np.longdouble(1.5), "", "a longdouble is not JSON"),
    (np.bytes_(b"x"), "", "a bytes_ is not JSON"),
    (b"bytes", "", r"a bytes is not JSON \(decode it, or give it as a file in files=\)"),
    (bytearray(b"b"), "", "a bytearray is not JSON"),
    (memoryview(b"b"), "", "a memoryview is not JSON"),
    ({"a", "b"}, "", r"a set has no order \(make it a list"),
    (frozenset("ab"), "", "a frozenset has no order"),
    (later(), "", "a generator gives its values once"),
    (iter([1]), "", "a list_iterator gives its values once"),
    (map(str, [1]), "", "a map gives its values once"),
    (np.array([1, 2]), "", r'a ndarray is not JSON \(a table belongs in files=\{"name.parquet": table\}'),
    (pd.DataFrame({"a": [1]}), "", r"a DataFrame is not JSON \(a table belongs in files="),
    (pl.DataFrame({"a": [1]}), "", r"a DataFrame is not JSON \(a table belongs in files="),
    (pd.Series([1]), "", r"a Series is not JSON \(a table"),
    (pl.Series([1]), "", r"a Series is not JSON \(a table"),
    (pa.table({"a": [1]}), "", r"a Table is not JSON \(a table"),
    (pa.array([1]), "", r"a Int64Array is not JSON \(a table"),
    (SecretStr("hunter2"), "", r"a SecretStr must not be in an input, which is recorded \(give it in env=\)"),
    (SecretBytes(b"hunter2"), "", "a SecretBytes must not be in an input"),
    (pydantic.Secret[int](5), "", "a Secret.* must not be in an input"),
    (Secretive(), "password", "a SecretStr must not be in an input"),
    ({"c": Around()}, "c.inner[0].password", "a SecretStr must not be in an input"),
    (Tags(), "tags", "a set has no order"),
    (Money(), "price", "nan is no number"),
    (Failing(), "", "a Failing can't be serialized: .*RuntimeError: no"),
    (Plain(b=[b"x"]), "b[0]", "a bytes is not JSON"),
    ({"rows": [{"price": 1}, {"price": {1}}]}, "rows[1].price", "a set has no order"),
    ({"rows": [1, float("nan")]}, "rows[1]", "nan is no number"),
    ({"a b": {3: {None: {1.5: b""}}}}, "['a b'][3][None][1.5]", "a bytes is not JSON"),
    ({"é" * 99: b""}, "['" + ascii("é" * 99)[1:57] + "...]", "a bytes is not JSON"),
    (((1, Point(1, b"")),), "[0][1][1]", "a bytes is not JSON"),
    ({(1, 2): 3}, "[(1, 2)]", "a key that is a tuple is not JSON"),
    ({"x": {b"k": 3}}, "x[b'k']", "a bytes is not JSON"),
    ({"x": {date(2026, 1, 2): 3, "2026-01-02": 4}}, "x['2026-01-02']", "two keys that JSON writes alike"),
    (circle(), "[1].again", "Circular reference detected"),
]


@pytest.mark.parametrize(("value", "place", "said"), REFUSED, ids=shown)
def test_what_is_no_json_is_refused_by_its_place_and_kind(value: Any, place: str, said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        canonical_input(value, LIMIT)
    where = re.escape(f"{place}: ") if place else ""
    assert re.match(f"the input is not JSON: {where}{said}", str(caught.value))
    assert "hunter2" not in str(caught.value)
    inside = re.escape(place if place.startswith("[") or not place else f".{place}")
    with pytest.raises(InvalidRequestError, match=rf"^the input is not JSON: rows\[1\]{inside}: "):
        canonical_input({"rows": [Colour.RED, value]}, LIMIT)


def test_rules_of_json_hold_for_what_was_converted() -> None:
    with pytest.raises(InvalidRequestError, match="lone surrogate"):
        canonical_input(Plain(b="\ud800"), LIMIT)
    with pytest.raises(InvalidRequestError, match="two keys that JSON writes alike"):
        canonical_input(Plain(b={1: 1, "1": 2}), LIMIT)
    deep: Any = ID
    for _ in range(101):
        deep = [deep]
    with pytest.raises(InvalidRequestError, match="nested more than 100 levels"):
        canonical_input(deep, LIMIT)
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidRequestError, match="nested too deeply"):
        canonical_input(deep, LIMIT)
    with pytest.raises(InvalidRequestError, match="Circular reference detected"):
        canonical_input(circle()[1], LIMIT)


def test_an_object_at_two_places_is_no_circle() -> None:
    one = Plain(b=1)
    assert canonical_input([one, one, {"again": one}], LIMIT).count("hidden") == 3


def test_what_is_json_already_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skillbox_core.run.canonical.json_value", None)
    value = {"rows": [{"n": 1, "t": "x", "f": 0.5, "none": None, "yes": True}] * 10}
    assert json.loads(canonical_input(value, LIMIT)) == value
