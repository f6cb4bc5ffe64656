"""A call of a script says what it says, or which of its fields breaks which rule."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from skillbox_core.base.versions import Constraint
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Call, RunOptions, RunRequest
from skillbox_core.run.canonical import request_digest

CALL = Call(script="scripts/x.py", args=["--strict", "{input.a}"], stdin="{input}", ok_exit_codes={1, 0})


def digest(call: Call | None) -> str:
    return request_digest(RunRequest(skill="s"), Constraint.parse(""), "{}", RunOptions(call=call))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"script": ""}, "script"),
        ({"script": "/etc/x.py"}, "script"),
        ({"script": "../x.py"}, "script"),
        ({"script": "a/../../x.py"}, "script"),
        ({"script": "a\nb.py"}, "script"),
        ({"args": "--strict"}, "one text"),
        ({"args": ["{nothing}"]}, "no placeholder"),
        ({"args": ["a\0"]}, "NUL"),
        ({"args": ["\udc80"]}, "not valid Unicode"),
        ({"args": ["{files}{files}"]}, "several arguments"),
        ({"args": [1]}, "neither a text nor a group"),
        ({"args": [None]}, "neither a text nor a group"),
        ({"args": [[]]}, "neither a text nor a group"),
        ({"args": [["-x", ["{input.a?}"]]]}, "neither a text nor a group"),
        ({"args": [["-x", 1]]}, "neither a text nor a group"),
        ({"args": [{"if": "input.a"}]}, "neither a text nor a group"),
        ({"args": [["-x", "{input.a}"]]}, "never left out"),
        ({"args": [["-x", "{nothing?}"]]}, "no placeholder"),
        ({"args": [["-x", "\0{files}"]]}, "NUL"),
        ({"args": [["{input.a?}"] * 501, ["{input.a?}"] * 500]}, "1001 of .* the limit is 1000"),
        ({"args": ["a"] * 1001}, "the limit is 1000"),
        ({"args": ["a" * 200_000] * 3}, "the limit is 1000 of 524288"),
        ({"stdin": "{"}, "lone {"),
        ({"stdin": "{files}"}, "several arguments"),
        ({"stdin": "{input.a...}"}, "several arguments"),
        ({"stdin": "\udc80"}, "not valid Unicode"),
        ({"stdin": "a" * 600_000}, "the limit is 524288"),
        ({"ok_exit_codes": []}, "ok_exit_codes"),
        ({"ok_exit_codes": [126]}, "ok_exit_codes"),
        ({"ok_exit_codes": [137, 0]}, "ok_exit_codes"),
        ({"ok_exit_codes": [-1]}, "ok_exit_codes"),
        ({"ok_exit_codes": [True]}, "ok_exit_codes"),
        ({"ok_exit_codes": ["1"]}, "ok_exit_codes"),
        ({"ok_exit_codes": "01"}, "ok_exit_codes"),
        ({"result": "JSON"}, "not known"),
        ({"result": "file"}, "not known"),
        ({"result": "file:"}, "not known"),
        ({"result": "file:../input.json"}, "result"),
        ({"result": "file:/etc/passwd"}, "result"),
    ],
)
def test_a_field_that_breaks_its_rule_is_said_at_once(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        Call(**{"script": "x.py", **fields})


def test_a_field_that_there_is_none_of_is_a_typing_mistake() -> None:
    with pytest.raises(ValidationError):
        Call(script="x.py", argv=["a"])  # type: ignore[call-arg]


def test_a_call_is_the_same_after_its_record_and_in_another_process() -> None:
    assert Call.model_validate_json(CALL.model_dump_json()) == CALL
    assert pickle.loads(pickle.dumps(CALL)) == CALL
    assert CALL.text == (
        '{"script": "scripts/x.py", "args": ["--strict", "{input.a}"], "stdin": "{input}", "ok_exit_codes": [0, 1]}'
    )


def test_a_call_is_shown_without_what_is_as_usual() -> None:
    assert Call.model_validate_json(Call(script="x.py").model_dump_json()).text == '{"script": "x.py"}'


def test_a_group_is_the_same_after_its_record_and_in_another_process() -> None:
    call = Call(script="x.py", args=["-v", ["--title", "{input.title?}"], "{input.words...?}"])
    assert call.args == ("-v", ("--title", "{input.title?}"), "{input.words...?}")
    assert Call.model_validate_json(call.model_dump_json()) == call
    assert pickle.loads(pickle.dumps(call)) == call
    assert call.text == '{"script": "x.py", "args": ["-v", ["--title", "{input.title?}"], "{input.words...?}"]}'


def test_one_exit_code_may_stand_alone() -> None:
    assert Call(script="x", ok_exit_codes=1).ok_exit_codes == {1}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"script": "scripts/y.py"},
        {"args": ["--strict {input.a}"]},
        {"args": ["{input.a}", "--strict"]},
        {"args": ["--strict", "{input.a?}"]},
        {"args": [["--strict", "{input.a?}"]]},
        {"args": ["{if input.a}--strict", "{input.a}"]},
        {"stdin": None},
        {"stdin": ""},
        {"ok_exit_codes": [0]},
        {"result": "text"},
        {"edit": True},
    ],
)
def test_requests_that_differ_in_their_call_are_not_the_same(change: dict[str, Any]) -> None:
    other = Call(**{**CALL.model_dump(), **change})
    assert len({digest(CALL), digest(other), digest(None)}) == 3


def test_the_same_call_is_the_same_request() -> None:
    assert digest(CALL) == digest(Call(**{**CALL.model_dump(), "ok_exit_codes": [1, 0, 1]}))


def test_a_call_without_groups_has_the_digest_that_it_had_before_there_were_any() -> None:
    assert digest(CALL) == "3b94d5b621b228274aded9617352c290ed12c19ebd56f5d92fd5a401c91eea2b"


def test_a_request_without_a_call_has_the_digest_that_it_had_before_there_were_calls() -> None:
    assert digest(None) == "224f587854a4e33680175c6e3c01d314b3a2f8ed29391c2b9018dc7778bb3f79"
