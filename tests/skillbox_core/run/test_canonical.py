"""What a caller hands in arrives as it is, and requests that differ in anything are told apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.json_rules import JsonError, parse_json
from skillbox_core.base.versions import Constraint
from skillbox_core.cli.run import read_input
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import RunOptions, RunRequest
from skillbox_core.run.canonical import canonical_input, request_digest

LIMIT = 1_000_000

KEYS = st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def spelled(value: Any) -> Any:
    """A value with the order of its keys, the sign of its zeros and the kind of its numbers to be compared."""
    if isinstance(value, dict):
        return [(key, spelled(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [spelled(item) for item in value]
    return type(value), repr(value)


@given(VALUES.filter(lambda value: value is not None))
def test_an_input_arrives_value_for_value_and_in_its_order(value: Any) -> None:
    text = canonical_input(value, LIMIT)
    assert spelled(json.loads(text)) == spelled(value)
    assert spelled(parse_json(text)) == spelled(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "{}"),
        ({"rows": [{"species": "a", "island": "b", "bill": 1}]}, '{"rows":[{"species":"a","island":"b","bill":1}]}'),
        ({"b": 1, "a": {"d": 1, "c": 2}}, '{"b":1,"a":{"d":1,"c":2}}'),
        (2**70, str(2**70)),
        ([-0.0, 1e100, 1.0, 1, True], "[-0.0,1e+100,1.0,1,true]"),
        ({2024: "a", 2023: "b"}, '{"2024":"a","2023":"b"}'),
        (("a", "b"), '["a","b"]'),
    ],
)
def test_what_a_skill_gets_is_what_was_given(value: Any, text: str) -> None:
    assert canonical_input(value, LIMIT) == text


@pytest.mark.parametrize("value", [{1: "a", "1": "b"}, [{"x": {True: 1, "true": 2}}], {None: 1, "null": 2}])
def test_keys_that_json_writes_alike_are_refused(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="two keys that JSON writes alike"):
        canonical_input(value, LIMIT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "duplicate key"),
        ('[{"b": {"a": 1, "a": 1}}]', "duplicate key"),
        ("[NaN]", "contains NaN"),
        ("[1e999]", "too large"),
        ("9" * 4001, "4001 digits"),
        ("[" * 101 + "]" * 101, "levels deep"),
        ("{", "is not JSON"),
    ],
)
def test_a_text_of_which_something_would_be_lost_is_refused(text: str, said: str) -> None:
    with pytest.raises(JsonError, match=said):
        parse_json(text)
    with pytest.raises(InvalidRequestError, match=said):
        read_input(text)


def digest(value: Any) -> str:
    document = canonical_input(value, LIMIT)
    return request_digest(RunRequest(skill="s"), Constraint.parse(""), document, RunOptions())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}]),
        (1, 1.0),
        (0.0, -0.0),
        (1, True),
        ({}, []),
        ("1", 1),
    ],
)
def test_two_inputs_that_a_skill_can_tell_apart_are_two_requests(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)
    assert digest(one) == digest(one)
