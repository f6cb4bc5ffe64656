"""Inputs that are no JSON themselves, through a run: the record, the schema and the skill see one text."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, field_serializer

from skillbox_core import Reason, Runner, RunOptions, RunRequest, Status
from skillbox_core.errors import InvalidRequestError
from tests.conftest import MakeSkill, Run

ECHO = 'import shutil; shutil.copy("/sandbox/input.json", "/sandbox/out/output.json")'
SCHEMA = """
input_schema:
  type: object
  properties:
    price: {type: string, pattern: "^[0-9.]+$"}
    on: {type: string, format: date}
  required: [price]
"""


class Order(BaseModel):
    price: Decimal
    on: date = date(2026, 1, 2)


class Counted(BaseModel):
    n: int = 0

    @field_serializer("n")
    def _other_each_time(self, n: int) -> int:
        self.n += 1
        return self.n


def test_a_skill_its_schema_and_its_record_see_one_text(runner: Runner, run: Run) -> None:
    result = run(ECHO, Order(price=Decimal("1.50")), front=SCHEMA)
    assert result.output == {"price": "1.50", "on": "2026-01-02"}
    row = runner.installation.executions.get("default", result.execution_id)
    assert row.input == '{"price":"1.50","on":"2026-01-02"}'


def test_an_input_is_converted_once(runner: Runner, run: Run) -> None:
    result = run(ECHO, Counted())
    row = runner.installation.executions.get("default", result.execution_id)
    assert f'{{"n":{result.output["n"]}}}' == row.input


def test_a_schema_sees_what_the_skill_would(run: Run) -> None:
    result = run(ECHO, {"price": Decimal("-1")}, front=SCHEMA)
    assert (result.status, result.reason) == (Status.FAILED, Reason.INPUT)


def test_what_means_the_same_is_the_same_request(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill(ECHO)

    def asked(value: Any) -> str:
        return runner.run(RunRequest(skill=name, input=value), RunOptions(key=name)).execution_id

    assert asked(Order(price=Decimal("1"))) == asked({"price": "1", "on": date(2026, 1, 2)})
    with pytest.raises(InvalidRequestError):
        asked(Order(price=Decimal("1.0")))
