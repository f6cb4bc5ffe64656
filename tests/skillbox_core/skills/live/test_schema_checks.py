"""A skill's schemas in a run: the input is checked before there is a container, the output after."""

from __future__ import annotations

from skillbox_core import Reason, Runner, Status
from tests.conftest import Run

ECHO = "import shutil; shutil.copy('/sandbox/input.json', '/sandbox/out/output.json')"
AGE = "{type: object, required: [age], properties: {age: {type: integer, minimum: 0}}}"


def test_what_fits_both_schemas_succeeds(run: Run) -> None:
    result = run(ECHO, {"age": 1}, front=f"input_schema: {AGE}\noutput_schema: {AGE}")
    assert (result.status, result.output) == (Status.SUCCESS, {"age": 1}), result


def test_an_input_that_does_not_fit_is_refused_before_there_is_a_container(run: Run, runner: Runner) -> None:
    result = run(ECHO, {"age": -1}, front=f"input_schema: {AGE}")
    assert (result.status, result.reason) == (Status.FAILED, Reason.INPUT)
    assert "does not fit the input_schema" in (result.error or "")
    assert "age breaks the rule minimum: 0" in (result.error or "")
    assert runner.installation.executions.get("default", result.execution_id).deadline_at is None, (
        "nothing was launched"
    )


def test_no_input_is_an_empty_object(run: Run) -> None:
    assert 'it lacks "age"' in (run(ECHO, front=f"input_schema: {AGE}").error or "")
    assert run(ECHO, front="input_schema: {type: object}").ok


def test_an_output_that_does_not_fit_is_a_failure_and_stays_readable(run: Run) -> None:
    result = run(ECHO, {"age": "old"}, front=f"output_schema: {AGE}")
    assert (result.status, result.reason) == (Status.FAILED, Reason.OUTPUT)
    assert "age must be of type integer, not string" in (result.error or "")
    assert result.output == {"age": "old"}


def test_a_skill_that_failed_by_itself_is_judged_by_that(run: Run) -> None:
    result = run(ECHO + "; raise SystemExit(3)", {"age": "old"}, front=f"output_schema: {AGE}")
    assert (result.status, result.reason) == (Status.FAILED, Reason.EXIT)
