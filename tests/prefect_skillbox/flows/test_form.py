"""Forms: what of a skill's input_schema Prefect's UI and server get to see."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.utilities.schema_tools.validation import ValidationError, validate

from prefect_skillbox.flows.form import any_input, form

pytestmark = pytest.mark.once


def fields(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = form({"type": "object", "properties": properties, **more})
    assert made is not None
    return made.properties


def test_fields_keep_their_order_their_words_and_what_is_required() -> None:
    properties = {"b": {"type": "string", "description": "B"}, "a": {"title": "An a", "enum": [1, 2], "default": 1}}
    made = form({"type": "object", "properties": properties, "required": ["b", "not-there"]})
    assert made is not None
    assert made.model_dump(exclude_unset=True) == {
        "title": "Parameters",
        "type": "object",
        "definitions": {},
        "required": ["b"],
        "propertyNames": {"enum": ["b", "a", "skillbox"]},
        "properties": {
            "b": {"title": "b", "type": "string", "description": "B", "position": 0},
            "a": {"title": "An a", "enum": [1, 2], "default": 1, "position": 1},
        },
    }


def test_what_could_be_made_endless_stays_out_of_prefects_server() -> None:
    text = {"type": "string", "pattern": "^(a+)+$", "minLength": 1}
    made = fields({"a": text, "b": {"type": "array", "uniqueItems": True, "items": {"anyOf": [text, True]}}})
    assert made["a"] == {"title": "a", "type": "string", "minLength": 1, "position": 0}
    assert made["b"]["items"] == {"anyOf": [{"type": "string", "minLength": 1}, True]}
    assert "uniqueItems" not in made["b"]


def test_references_are_unfolded_down_to_where_they_would_unfold_themselves() -> None:
    tree = {"type": "object", "properties": {"name": {"$ref": "#/$defs/name"}, "child": {"$ref": "#/$defs/tree"}}}
    made = fields(
        {"a": {"$ref": "#/$defs/tree", "description": "Root"}},
        **{"$defs": {"tree": tree, "name": {"type": "string"}}},
    )
    assert made["a"]["description"] == "Root"
    assert made["a"]["properties"] == {"name": {"type": "string"}, "child": {}}


def test_a_form_has_a_bounded_size() -> None:
    laughs = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(40)} | {"l40": {}}
    assert len(str(fields({"a": {"$ref": "#/$defs/l0"}}, **{"$defs": laughs}))) < 100_000


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"type": "object"},
        {"properties": {"a": {}}},
        {"type": ["object", "null"], "properties": {"a": {}}},
        {"type": "object", "properties": {"from": {}}},
        {"type": "object", "properties": {"my-field": {}}},
    ],
)
def test_another_input_is_one_field(schema: dict[str, Any] | None) -> None:
    assert form(schema) is None
    made = any_input(schema, ["skill", "tenant"])
    assert list(made.properties) == ["input"]
    assert made.required == []
    assert (made.closed, made.propertyNames) == (True, {"enum": ["input", "skill", "tenant"]})


@pytest.mark.parametrize(
    ("more", "closed"),
    [
        ({}, True),
        ({"additionalProperties": False}, True),
        ({"additionalProperties": False, "patternProperties": {"^x-": {}}}, True),
        ({"additionalProperties": True}, False),
        ({"additionalProperties": {"type": "string"}}, False),
        ({"patternProperties": {"^x-": {}}}, False),
        ({"allOf": [{"properties": {"c": {}}}]}, False),
        ({"$ref": "#/$defs/d", "$defs": {"d": {"properties": {"c": {}}}}}, False),
    ],
)
def test_a_form_is_closed_unless_the_schema_says_that_there_may_be_more(more: dict[str, Any], closed: bool) -> None:
    made = form({"type": "object", "properties": {"a": {}}, **more})
    assert made is not None
    assert made.closed is closed
    assert ("propertyNames" in made.model_dump(exclude_unset=True)) is closed


def test_a_form_holds_what_is_the_deployments_own_and_shows_no_field_of_it() -> None:
    made = form({"type": "object", "properties": {"a": {}}, "additionalProperties": True})
    assert made is not None
    held = made.holding({"skillbox": {"skill": "default/s", "files": True}, "a.b": 1})
    assert (list(held.properties), held.closed) == (["a"], False)
    schema = held.model_dump(exclude_unset=True)
    for good in ({}, {"skillbox": {"files": True, "skill": "default/s"}}, {"skillboxes": 1, "a.b": 1, "axb": 2}):
        validate(good, schema, raise_on_error=True)
    for bad in ("default/s", {"skill": "other/leak", "files": True}, None):
        with pytest.raises(ValidationError, match="field 'skillbox'"):
            validate({"skillbox": bad}, schema, raise_on_error=True)
