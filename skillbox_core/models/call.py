"""A call of one of a skill's scripts, as data: which, with what, and where its answer is."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from skillbox_core.base.expansion import MAX_ARGUMENTS
from skillbox_core.base.names import SKILL_NAME_RULE, is_skill_name, shown
from skillbox_core.base.paths import path_problem
from skillbox_core.base.placeholders import Element, check_group, is_several, parse
from skillbox_core.errors import InvalidRequestError

MAX_TEMPLATES = 1_000
MAX_EXIT_CODE = 125
"""Those above are a shell's: a script that could not be started, or that a signal ended (POSIX, 2.8.2)."""

_RESULT = re.compile(r"(?:auto|json|lines|text|file:(.+))\Z", re.DOTALL)


class Call(BaseModel):
    """Which script of a skill runs, and how. Its texts are templates (`skillbox_core.base.placeholders`).

    Attributes:
        script: Path inside the skill; empty where an entrypoint says it.
        entrypoint: The name that the skill's overlay has for this call. Given alone, it stands for all that the
            overlay says.
        args: Templates, one argument each. A list of templates in it is a group: they are left out together where
            one of them stands for no argument.
        stdin: Template of standard input; None for none.
        ok_exit_codes: Exit codes, 0 to 125, that are answers.
        result: What the result is where the script writes no output.json: `json`, `lines` (a list) or `text`, of
            standard output; `auto`, JSON where standard output is that, else text; `file:PATH`, a file that it
            leaves in `{out}` or in its working directory, JSON or text as well.
        edit: Its input files are copies in `{out}`, to be changed in place; all that is there at the end is kept.

    Raises:
        InvalidRequestError: A field breaks its rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    script: str = ""
    entrypoint: str = ""
    args: tuple[Element, ...] = ()
    stdin: str | None = None
    ok_exit_codes: frozenset[int] = frozenset({0})
    result: str = "auto"
    edit: bool = False

    @field_validator("script")
    @classmethod
    def _script(cls, value: str) -> str:
        if problem := path_problem(value):
            raise InvalidRequestError(f"script {shown(value)}: {problem}", hint="its path inside the skill")
        return value

    @field_validator("entrypoint")
    @classmethod
    def _entrypoint(cls, value: str) -> str:
        if value and not is_skill_name(value):
            raise InvalidRequestError(f"entrypoint {shown(value)} is not a valid name", hint=SKILL_NAME_RULE)
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> Call:
        if not self.script and not self.entrypoint:
            raise InvalidRequestError("a call names neither a script nor an entrypoint")
        said = self.model_fields_set - {"entrypoint", "script"}
        if not self.script and said:
            raise InvalidRequestError(
                f"{min(said)} is said by the overlay for its entrypoint {self.entrypoint}",
                hint="call the script itself to say another",
            )
        return self

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What is empty says nothing; and a call that names an entrypoint alone is read back as one.
        data: dict[str, Any] = handler(self)
        if not self.script:
            return {"entrypoint": self.entrypoint}
        if not self.entrypoint:
            del data["entrypoint"]
        return data

    @field_validator("args", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise InvalidRequestError("args is one text", hint='a list has an element for each argument: ["--strict"]')
        for element in value if isinstance(value, (list, tuple)) else ():
            templates = element if isinstance(element, (list, tuple)) else [element]
            if not templates or not all(isinstance(template, str) for template in templates):
                raise InvalidRequestError(
                    f"args has {shown(str(element))}, which is neither a text nor a group, a list of texts",
                    hint='a group is left out together: ["--title", "{input.title?}"]',
                )
        return value

    @field_validator("args")
    @classmethod
    def _args(cls, value: tuple[Element, ...]) -> tuple[Element, ...]:
        templates = [template for one in value for template in ((one,) if isinstance(one, str) else one)]
        size = 0
        for template in templates:
            parse(template)
            size += _size(template)
            if "\0" in template:
                raise InvalidRequestError(f"the template {shown(template)} contains a NUL, which no argument can")
        if size > MAX_ARGUMENTS or len(templates) > MAX_TEMPLATES:
            raise InvalidRequestError(
                f"the arguments are {len(templates)} of {size} bytes, the limit is {MAX_TEMPLATES} of {MAX_ARGUMENTS}",
                hint="give it as standard input or as a file",
            )
        for group in value:
            if not isinstance(group, str):
                check_group(group)
        return value

    @field_validator("stdin")
    @classmethod
    def _stdin(cls, value: str | None) -> str | None:
        if value is None:
            return value
        if any(map(is_several, parse(value))):
            raise InvalidRequestError(
                f"standard input, {shown(value)}, has what stands for several arguments",
                hint="{file:NAME} and {input.FIELD} are one",
            )
        if (size := _size(value)) > MAX_ARGUMENTS:
            raise InvalidRequestError(
                f"the template of standard input is {size} bytes, the limit is {MAX_ARGUMENTS}",
                hint="{input} stands for the input, which may be larger",
            )
        return value

    @field_validator("ok_exit_codes", mode="before")
    @classmethod
    def _codes(cls, value: Any) -> Any:
        codes = {value} if isinstance(value, int) else value
        usual = isinstance(codes, (set, frozenset, list, tuple)) and all(type(code) is int for code in codes)
        if not usual or not codes or not all(0 <= code <= MAX_EXIT_CODE for code in codes):
            raise InvalidRequestError(
                f"ok_exit_codes {shown(str(value))} must be one or more numbers from 0 to {MAX_EXIT_CODE}",
                hint="a higher one says that the script could not be started, or that a signal ended it",
            )
        return codes

    @field_validator("result")
    @classmethod
    def _result(cls, value: str) -> str:
        found = _RESULT.match(value)
        if found is None:
            raise InvalidRequestError(
                f"result {shown(value)} is not known", hint="auto, json, lines, text, or file:PATH"
            )
        if found[1] and (problem := path_problem(found[1])):
            raise InvalidRequestError(f"result {shown(value)}: {problem}", hint="a path below {out}")
        return value

    @field_serializer("ok_exit_codes")
    def _sorted(self, value: frozenset[int]) -> list[int]:
        # One call has one text: a set has no order.
        return sorted(value)

    @property
    def text(self) -> str:
        """What of it is not as usual, on one line of ASCII, for people to read."""
        usual = Call(script="-").model_dump(mode="json")
        said = self.model_dump(mode="json").items()
        return json.dumps({name: value for name, value in said if value != usual.get(name)})

    @property
    def result_file(self) -> str | None:
        """The file that holds the result; None where that is standard output."""
        return self.result.removeprefix("file:") if self.result.startswith("file:") else None


def _size(template: str) -> int:
    try:
        return len(template.encode())
    except UnicodeEncodeError:
        raise InvalidRequestError(f"the template {shown(template)} is not valid Unicode") from None
