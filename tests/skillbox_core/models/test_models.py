from __future__ import annotations

import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from skillbox_core import models
from skillbox_core.errors import InfrastructureError, SkillboxError
from skillbox_core.models import Diagnosis, ExecutionError, RunRequest, RunResult, Usage
from skillbox_core.run.canonical import canonical_input
from skillbox_core.status import Category, Reason, Status

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def tree(cls: type[SkillboxError]) -> list[type[SkillboxError]]:
    return [cls, *(c for sub in cls.__subclasses__() for c in tree(sub))]


def wire(model: RunRequest | RunResult) -> Any:
    return json.loads(model.model_dump_json())


def test_a_request_without_an_environment_has_three_keys() -> None:
    assert wire(RunRequest(skill="s")) == {"skill": "s", "version": "", "input": None}


def test_a_request_with_an_environment_carries_it() -> None:
    request = RunRequest(skill="s", version="latest", input={"a": [1]}, env={"K": "v"})
    assert wire(request) == {"skill": "s", "version": "latest", "input": {"a": [1]}, "env": {"K": "v"}}


@pytest.mark.parametrize("part", [{"exclude": {"env"}}, {"include": {"skill"}}, {"exclude_unset": True}])
def test_a_part_of_a_request_can_be_dumped(part: dict[str, Any]) -> None:
    assert RunRequest(skill="s", env={"A": "1"}).model_dump(**part)["skill"] == "s"
    assert "env" not in RunRequest(skill="s").model_dump(**part)


def test_a_request_with_a_null_environment_is_read() -> None:
    assert RunRequest.model_validate_json('{"skill":"s","env":null}').env == {}


@pytest.mark.parametrize("extra", ["tenant", "tenant_id", "timeout", "user"])
def test_a_tenant_is_never_taken_from_the_request(extra: str) -> None:
    with pytest.raises(ValidationError):
        RunRequest.model_validate({"skill": "s", extra: "x"})
    read = RunRequest.model_validate_json(f'{{"skill": "s", "{extra}": "x"}}')
    assert read == RunRequest(skill="s")


def test_a_request_is_read_from_json_value_for_value_with_its_keys_in_their_order() -> None:
    text = '{"b":[1e5,-0.0,1e22],"a":{"z":123456789012345678901234567890,"y":null,"x":1.0,"w":1}}'
    read = RunRequest.model_validate_json(f'{{"skill": "s", "input": {text}}}')
    assert canonical_input(read.input, 1000) == text.replace("1e5", "100000.0").replace("1e22", "1e+22")


def test_all_fields_of_a_result_are_there_for_who_takes_it_apart() -> None:
    assert set(dict(full())) == set(RunResult.model_fields)
    assert dict(full())["logs"] == "hello\n"


def test_an_output_that_says_null_is_told_from_none() -> None:
    null, none = (RunResult(execution_id="x", status=Status.SUCCESS, **given) for given in ({"output": None}, {}))
    assert (null.output, null.has_output, "output" in wire(null)) == (None, True, True)
    assert (none.output, none.has_output, "output" in wire(none)) == (None, False, False)
    for copy in (
        pickle.loads(pickle.dumps(null)),
        null.model_copy(update={"logs": "x"}),
        RunResult.model_validate_json(null.model_dump_json()),
    ):
        assert copy.has_output


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (models.ExecutionFailedError, Status.FAILED),
        (models.ExecutionTimeoutError, Status.TIMEOUT),
        (models.ExecutionCancelledError, Status.CANCELLED),
    ],
)
def test_an_error_made_by_hand_carries_a_result_that_says_so(kind: type[ExecutionError], status: Status) -> None:
    error = kind("out of luck")
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert (one.result.status, one.result.error, one.result.output) == (status, "out of luck", None)


def test_a_requests_environment_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(RunRequest(skill="s", env={"K": "hunter2"}))


@pytest.mark.parametrize(
    "wrong", [{"env": [("K", "hunter2")]}, {"environment": {"K": "hunter2"}}, {"input": 1, "skill": {"K": "hunter2"}}]
)
def test_an_error_about_a_request_does_not_show_what_is_in_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        RunRequest.model_validate({"skill": "s", **wrong})
    assert "hunter2" not in str(caught.value)


@given(JSON)
def test_a_request_survives_its_json(value: Any) -> None:
    request = RunRequest(skill="s", input=value)
    assert RunRequest.model_validate_json(request.model_dump_json()) == request


def test_an_empty_result_has_the_originals_keys() -> None:
    result = RunResult(execution_id="0" * 32, status=Status.SUCCESS)
    assert wire(result) == {
        "execution_id": "0" * 32,
        "status": "success",
        "duration_ms": 0,
        "error": None,
    }


def full() -> RunResult:
    return RunResult(
        execution_id="1" * 32,
        status=Status.FAILED,
        output={"a": 1},
        files_url="https://store/x",
        files_list=("a", "b/c"),
        logs="hello\n",
        duration_ms=12,
        error="exit code 3",
        reason=Reason.EXIT,
        usage=Usage(3, 1024, 0.5),
        diagnosis=Diagnosis(Category.EXIT, "exit code 3", "last lines", "try again"),
        skill="s",
        version="1.0.0",
        tenant="t",
    )


def test_a_full_result_has_no_reason_diagnosis_usage_or_tenant_in_its_json() -> None:
    assert wire(full()) == {
        "execution_id": "1" * 32,
        "status": "failed",
        "output": {"a": 1},
        "files_url": "https://store/x",
        "files_list": ["a", "b/c"],
        "logs": "hello\n",
        "duration_ms": 12,
        "error": "exit code 3",
    }
    assert set(full().model_dump()) == set(wire(full()))


@pytest.mark.parametrize("output", [0, False, [], {}, "", None])
def test_an_output_that_is_falsy_is_still_an_output(output: Any) -> None:
    assert wire(RunResult(execution_id="x", status=Status.SUCCESS, output=output))["output"] == output


@given(JSON)
def test_a_results_output_survives_its_json(value: Any) -> None:
    result = RunResult(execution_id="x", status=Status.SUCCESS, output=value)
    assert RunResult.model_validate_json(result.model_dump_json()).output == value


def test_a_result_survives_pickling_whole() -> None:
    copy = pickle.loads(pickle.dumps(full()))
    assert copy == full()
    assert (copy.reason, copy.usage, copy.tenant) == (Reason.EXIT, Usage(3, 1024, 0.5), "t")


def test_a_success_raises_nothing() -> None:
    result = RunResult(execution_id="x", status=Status.SUCCESS)
    assert result.ok
    assert result.raise_for_status() is result


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.FAILED, models.ExecutionFailedError),
        (Status.TIMEOUT, models.ExecutionTimeoutError),
        (Status.CANCELLED, models.ExecutionCancelledError),
        (Status.RUNNING, ExecutionError),
    ],
)
def test_anything_else_raises_an_error_that_carries_the_result_through_pickling(
    status: Status, kind: type[ExecutionError]
) -> None:
    result = full().model_copy(update={"status": status, "error": None})
    with pytest.raises(kind) as caught:
        result.raise_for_status()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is type(caught.value)
    assert copy.result == result
    assert copy.result.usage == result.usage
    assert str(copy) == str(caught.value) == f"the execution ended as {status.value} (try again)"


def test_a_timeout_is_a_builtin_timeout_too() -> None:
    with pytest.raises(TimeoutError):
        full().model_copy(update={"status": Status.TIMEOUT}).raise_for_status()


@pytest.mark.parametrize("kind", tree(SkillboxError))
def test_every_error_survives_pickling_with_its_hint(kind: type[SkillboxError]) -> None:
    error = kind("a message", hint="a way out")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.message, copy.hint, str(copy)) == ("a message", "a way out", "a message (a way out)")
    assert str(kind("a message")) == "a message"


@pytest.mark.parametrize("kind", tree(SkillboxError))
def test_only_infrastructure_may_be_worth_another_try(kind: type[SkillboxError]) -> None:
    assert isinstance(kind.reason, Reason)
    assert not kind.retryable or issubclass(kind, InfrastructureError)


def test_the_contracts_words_are_stable() -> None:
    assert {s.value for s in Status} == {"running", "success", "failed", "timeout", "cancelled"}
    assert {r.value for r in Reason} == {"exit", "oom", "disk", "pids", "output", "policy", "input", "infrastructure"}
    assert math.isclose(Usage(cpu_seconds=0.1).cpu_seconds or 0, 0.1)
