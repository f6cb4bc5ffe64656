"""Schemas in SKILL.md: how they are read, what they may be, and what a document that breaks one is told."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.errors import InfrastructureError, InvalidSkillError
from skillbox_core.skills import validation
from skillbox_core.skills.archive import inspect_archive
from skillbox_core.skills.manifest import Manifest, parse_manifest
from skillbox_core.skills.schema import schema_faults
from skillbox_core.skills.validation import find_breach, find_schema_problem

BASE = "name: a\nversion: 1.10.0\ndescription: d\nlang: python\n"


def skill(head: str) -> Manifest:
    return parse_manifest(f"---\n{BASE}{head}\n---\n".encode())


def breach(schema: Any, document: Any) -> str | None:
    return find_breach(json.dumps(schema), json.dumps(document))


def test_scalars_are_json_inside_a_schema_and_text_outside() -> None:
    manifest = skill(
        "metadata: {minimum: 0, on: true}\n"
        "input_schema:\n"
        "  type: object\n"
        "  required: [n, on]\n"
        "  additionalProperties: false\n"
        "  properties:\n"
        "    n: {type: number, minimum: 0, maximum: 1.5e3, default: -1.10}\n"
        "    on: {enum: [on, true, null, ~, '1', \"true\", 012, 1:30, 2024-01-01, 0x10, .5, Infinity, 7]}\n"
        "    1: {const: 1}\n"
        "license: 60\n"
    )
    assert manifest.metadata == {"minimum": "0", "on": "true"}
    assert (manifest.version, manifest.license) == ("1.10.0", "60")
    schema: Any = manifest.input_schema
    assert schema["additionalProperties"] is False
    assert schema["properties"]["n"] == {"type": "number", "minimum": 0, "maximum": 1500.0, "default": -1.1}
    texts = ["012", "1:30", "2024-01-01", "0x10", ".5", "Infinity"]
    assert schema["properties"]["on"]["enum"] == ["on", True, None, "~", "1", "true", *texts, 7]
    assert schema["properties"]["1"] == {"const": 1}
    assert manifest.warnings == ()


def test_json_can_be_pasted_as_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2.5, 'x\n"é', None, True]}}, "required": ["a"]}
    assert skill(f"input_schema: {json.dumps(schema)}").input_schema == schema
    assert skill(f"output_schema: {json.dumps(schema, indent=2)}\nlicense: MIT").output_schema == schema


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("input_schema: true", "input_schema must be a mapping"),
        ("input_schema: [1]", "input_schema must be a mapping"),
        ("output_schema: schema.json", "output_schema must be a mapping"),
        ("input_schema: {maximum: 1e999}", "too large"),
        ("input_schema: {maximum: " + "1" * 5000 + "}", "not valid YAML"),
        ("input_schema: {$id: x}", "has $id"),
        ("input_schema: {properties: {a: {$dynamicRef: '#a'}}}", "input_schema.properties.a has $dynamicRef"),
        ("input_schema: {$schema: 'http://json-schema.org/draft-07/schema#'}", "another dialect"),
        ("input_schema: {items: {$ref: 'http://127.0.0.1:1/x'}}", "input_schema.items refers to"),
        ("input_schema: {$ref: 'file:///etc/passwd'}", "only its own parts"),
        ("input_schema: {$ref: other.json}", "only its own parts"),
        ("input_schema: {$ref: 7}", "only its own parts"),
        ("input_schema: {$ref: '#/$defs/none'}", "no part of it"),
        ("input_schema: {$ref: '#name'}", "no part of it"),
        ("input_schema: {$ref: '#/default', default: {$ref: 'http://x'}}", "no part of it"),
    ],
)
def test_a_schema_that_does_not_stand_alone_is_refused(head: str, said: str) -> None:
    with pytest.raises(InvalidSkillError) as caught:
        skill(head)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": "x"},
        {"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {"type": "string"}}},
        {"properties": {"$ref": {"type": "string"}, "$id": {}}, "required": ["$ref"]},
        {"const": {"$ref": "http://example"}, "default": {"$id": "x"}, "enum": [{"$ref": 1}]},
        {"properties": {"next": {"$ref": "#"}}},
        {"allOf": [{"$ref": "#/allOf/1"}, {"not": {"type": "null"}}]},
    ],
)
def test_a_schema_that_stands_alone_is_taken(schema: dict[str, object]) -> None:
    assert schema_faults(schema, "input_schema") == []
    assert find_schema_problem(json.dumps(schema)) is None


def test_a_mistyped_keyword_is_a_warning() -> None:
    manifest = skill("input_schema: {properties: {a: {minimun: 0, x-unit: m, description: one, two}}, requird: [a]}")
    assert {w.split(",")[0] for w in manifest.warnings} == {
        'input_schema has "requird"',
        'input_schema.properties.a has "minimun"',
        'input_schema.properties.a has "two"',
    }


@pytest.mark.parametrize("keywords", ["x{0}: 1", "$ref: '#/{0}', x{0}: 1"], ids=["warnings", "faults"])
def test_a_small_schema_does_not_earn_megabytes_of_sentences(keywords: str) -> None:
    name = "\N{PILE OF POO}" * 40
    inner = ", ".join(f"k{number}: {{{keywords.format(number)}}}" for number in range(1500))
    deep = "".join(f"{{$defs: {{{name}{level}: " for level in range(6)) + f"{{properties: {{{inner}}}}}" + "}}" * 6
    try:
        said = " ".join(skill(f"input_schema: {deep}").warnings)
    except InvalidSkillError as error:
        said = str(error)
    assert 0 < len(said) < 50_000
    assert "more" in said


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("{type: objekt}", "type fits none of the 2 forms of anyOf"),
        ("{properties: {a: {minimum: '0'}}}", "properties.a.minimum must be of type number, not string"),
        ("{required: a}", "required must be of type array"),
        ("{pattern: '['}", "pattern must fit the format"),
        ("{pattern: '" + "(" * 3000 + "'}", "too large or too deep"),
        ("{items: [{}]}", "items must be of type"),
    ],
)
def test_intake_refuses_what_is_no_schema(schema: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("SKILL.md", f"---\n{BASE}output_schema: {schema}\n---\n")
        archive.writestr("main.py", "")
    with pytest.raises(InvalidSkillError, match="invalid skill: output_schema") as caught:
        inspect_archive(path, 10_000)
    assert said in str(caught.value)


ROWS = {
    "type": "object",
    "required": ["rows", "by"],
    "additionalProperties": False,
    "properties": {
        "rows": {"type": "array", "minItems": 1, "items": {"properties": {"age": {"type": "integer", "minimum": 0}}}},
        "by": {"enum": ["a", "b"]},
        "how": {"anyOf": [{"type": "string", "pattern": "^x"}, {"type": "null"}]},
        "one": {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
        "tree": {"properties": {"child": {"$ref": "#/properties/tree"}, "leaf": {"const": 1}}},
    },
}
GOOD = {"rows": [{"age": 1}], "by": "a"}
BREACHES: list[tuple[Any, str]] = [
    ({}, 'it lacks "rows", "by"'),
    ([], "it must be of type object, not array"),
    ({**GOOD, "more": 1, "z\n": 2}, 'it has "more", "z\\n", which is not known there'),
    ({**GOOD, "rows": [{"age": 1}, {"age": -1}]}, "rows[1].age breaks the rule minimum: 0"),
    ({**GOOD, "rows": [{"age": 1.5}]}, "rows[0].age must be of type integer, not number"),
    ({**GOOD, "rows": [{"age": True}]}, "rows[0].age must be of type integer, not boolean"),
    ({**GOOD, "rows": []}, "rows breaks the rule minItems: 1"),
    ({**GOOD, "by": "secret-value"}, 'by must be one of "a", "b"'),
    ({**GOOD, "how": "secret-value"}, "how fits none of the 2 forms of anyOf (nearest: how must"),
    ({**GOOD, "one": 1}, "one fits more than one of the forms of oneOf"),
    ({**GOOD, "tree": {"child": {"leaf": 2}}}, "tree.child.leaf must be 1"),
]


@pytest.mark.parametrize(("document", "said"), BREACHES)
def test_a_breach_names_the_place_and_the_rule_and_does_not_repeat_the_value(document: Any, said: str) -> None:
    found = breach(ROWS, document)
    assert found is not None
    assert said in found
    assert "secret-value" not in found
    assert found.isprintable()


def test_what_fits_has_no_breach_and_many_breaches_are_cut() -> None:
    assert breach(ROWS, GOOD) is None
    assert breach({}, None) is None
    found = breach({"items": {"type": "string"}}, [1] * 100_000)
    assert found is not None
    assert found.endswith("[4] must be of type string, not number; and more")


def test_the_skill_md_in_the_docs_is_valid_and_says_what_the_docs_show() -> None:
    text = (Path(__file__).parents[3] / "docs" / "skills.md").read_text("utf-8")
    manifest = parse_manifest(text.split("```markdown\n")[1].split("```")[0].encode())
    assert manifest.warnings == ()
    assert find_schema_problem(json.dumps(manifest.input_schema)) is None
    shown = text.split("```console\n")[1].split("```")[0]
    document = shown.split("--input '")[1].split("'")[0]
    found = find_breach(json.dumps(manifest.input_schema), document)
    assert found is not None
    assert f"input_schema of {manifest.name}@{manifest.version}: {found} (" in shown


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A helper rounds what it has used up to the next second.
    monkeypatch.setattr(validation, "CPU_SECONDS", 0)
    monkeypatch.setattr(validation, "MEMORY", 256 * 1024 * 1024)
    _forget_helpers()
    yield
    _forget_helpers()


def _forget_helpers() -> None:
    while validation._idle:
        validation._idle.pop().end()


LAUGHS = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(40)} | {"l40": {}}


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("schema", "document", "said"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 60 + "!", "processor time"),
        ({"propertyNames": {"pattern": "^(a|a)*$"}}, {"a" * 60 + "!": 1}, "processor time"),
        ({"$defs": LAUGHS, "$ref": "#/$defs/l0"}, 1, "processor time"),
        ({"anyOf": [{"type": "string"}] * 1000}, ["x" * 3_000_000], "memory"),
        ({"$ref": "#"}, 1, "without end"),
        ({"multipleOf": 0.5}, 10**400, "can't be checked"),
    ],
)
def test_a_schema_made_to_hang_is_stopped_and_the_next_check_answers(schema: Any, document: Any, said: str) -> None:
    assert said in (breach(schema, document) or "")
    assert breach(ROWS, GOOD) is None
    assert breach(ROWS, {}) is not None


def test_a_helper_that_somebody_ends_is_infrastructure_and_replaced() -> None:
    assert breach({}, 1) is None
    for helper in validation._idle:
        helper._process.kill()
        helper._process.wait()
    ended = len(validation._idle)
    assert ended
    for _ in range(ended):
        with pytest.raises(InfrastructureError):
            breach({}, 1)
    assert breach({}, 1) is None
