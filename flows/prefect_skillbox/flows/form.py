"""A skill's input_schema as a form: what Prefect's UI shows, and what its server checks before a run.

The server works with the form in its own process, so what it gets is a bounded copy without references and
without patterns, which a stranger could make endless. What the copy leaves out is still checked, by Skillbox
itself, when the skill runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prefect.utilities.callables import ParameterSchema
from pydantic import Field

from prefect_skillbox.flows.deployed_files import FILES, files_field
from prefect_skillbox.flows.parameters import can_be_parameter
from skillbox_core.models import DeclaredFile
from skillbox_core.skills.schema import pointed

SETTINGS = "skillbox"
"""Name of the parameter that says which skill a deployment runs. It is no part of the form: the server adds it
to what a run is given, from the deployment's own parameters. So no field of a form may be called so."""

_MAX_PARTS = 500
_KEPT = frozenset(
    {
        *("type", "title", "description", "default", "examples", "enum", "const", "format", "required"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    }
)
_ONE = frozenset({"items", "additionalProperties"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_MORE = frozenset(
    {"additionalProperties", "patternProperties", "unevaluatedProperties", "dependentSchemas", "$ref"}
    | {"anyOf", "oneOf", "allOf", "if"}
)
"""With one of these beside its properties, a schema may know more of them."""


class Form(ParameterSchema):
    """A form that may be closed: then Prefect's server refuses a run with a parameter that is not in it.

    Attributes:
        propertyNames: The fields, and the parameters that the deployment sets itself. The server adds those to what a
            run is given, and checks all together; among the properties they would be fields. `additionalProperties`
            would refuse the same, in worse words.
        patternProperties: The values of those parameters. A name here is no field in Prefect's UI.
    """

    propertyNames: dict[str, Any] = Field(default_factory=dict)
    patternProperties: dict[str, Any] = Field(default_factory=dict)

    @property
    def closed(self) -> bool:
        """Whether it refuses a parameter that is not in it."""
        return bool(self.propertyNames)

    def holding(self, parameters: Mapping[str, Any]) -> Form:
        """The form that refuses a run with other values for these, which are the deployment's own."""
        held = {f"^{re.escape(name)}$": {"const": value} for name, value in parameters.items()}
        return self.model_copy(update={"patternProperties": held})


def form(schema: Mapping[str, Any] | None, asked: Sequence[DeclaredFile] = ()) -> Form | None:
    """The fields for an input that is an object of known properties, which a Python function could take.

    None for any other, and where a property has the name of the input files' field beside them. It is closed unless
    the schema says that there may be more properties.

    Args:
        asked: The input files that a run may be given by name.
    """
    if schema is None or schema.get("type") != "object" or not schema.get("properties"):
        return None
    if not all(map(can_be_parameter, schema["properties"])) or (asked and FILES in schema["properties"]):
        return None
    copier = _Copier(schema)
    fields = {
        name: {"title": name, **copier.copy(part), "position": position}
        for position, (name, part) in enumerate(schema["properties"].items())
    }
    is_open = schema.get("additionalProperties") is not False and bool(_MORE & schema.keys())
    required = [name for name in schema.get("required", []) if name in fields]
    return _form(fields, required, asked, beside=None if is_open else [SETTINGS])


def any_input(schema: Mapping[str, Any] | None, beside: Iterable[str], asked: Sequence[DeclaredFile] = ()) -> Form:
    """One field, `input`, for a skill whose input is not an object of known properties.

    Args:
        beside: Parameters that are taken, and no fields.
        asked: The input files that a run may be given by name.
    """
    fields = {"input": {"title": "input", **_Copier(schema or {}).copy(schema), "position": 0}}
    return _form(fields, [], asked, beside)


def _form(
    fields: dict[str, Any], required: list[str], asked: Sequence[DeclaredFile], beside: Iterable[str] | None
) -> Form:
    if asked:
        fields = {**fields, FILES: {**files_field(asked), "position": len(fields)}}
        required = [*required, *[FILES] * any(one.required for one in asked)]
    # Twice in the list, a name would be no set.
    beside = beside and [name for name in beside if name not in fields]
    closed = {} if beside is None else {"propertyNames": {"enum": [*fields, *beside]}}
    # Only what is set is sent on, and without a type the UI shows no form.
    return Form(title="Parameters", type="object", properties=fields, required=required, definitions={}, **closed)


class _Copier:
    """Copies parts of one schema, at most so many altogether."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._left = _MAX_PARTS

    def copy(self, part: Any, inside: tuple[str, ...] = ()) -> Any:
        """A part with its references unfolded, down to where one would unfold itself."""
        if not isinstance(part, Mapping):
            return part if isinstance(part, bool) else {}
        self._left -= 1
        reference = part.get("$ref")
        if self._left < 0 or reference in inside:
            return {}
        if reference is not None:
            unfolded = self.copy(self._pointed(reference), (*inside, reference))
            siblings = self.copy({key: value for key, value in part.items() if key != "$ref"}, inside)
            return {**(unfolded if isinstance(unfolded, dict) else {}), **siblings}
        copied = {key: value for key, value in part.items() if key in _KEPT}
        copied |= {key: self.copy(part[key], inside) for key in _ONE & part.keys()}
        copied |= {key: [self.copy(item, inside) for item in part[key]] for key in _LISTS & part.keys()}
        if "properties" in part:
            copied["properties"] = {name: self.copy(item, inside) for name, item in part["properties"].items()}
        return copied

    def _pointed(self, reference: str) -> Any:
        place: Any = self._schema
        for token in pointed(reference):
            place = place[int(token)] if isinstance(place, list) else place[token]
        return place
