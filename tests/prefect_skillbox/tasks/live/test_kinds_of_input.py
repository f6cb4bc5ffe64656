"""Inputs that are no JSON themselves, in a flow: futures inside, caches, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from prefect import flow
from pydantic import BaseModel, SecretStr

from prefect_skillbox import SKILL_DIGEST, secret, skill
from skillbox_core.errors import InvalidRequestError
from tests.conftest import MakeSkill

ECHO = 'import shutil; shutil.copy("/sandbox/input.json", "/sandbox/out/output.json")'


@dataclass
class Step:
    before: Any
    on: date = date(2026, 1, 2)


class Login(BaseModel):
    password: SecretStr = SecretStr("hunter2")


def test_futures_and_results_in_a_dataclass_stand_for_their_output(make_skill: MakeSkill) -> None:
    echo = skill(make_skill(ECHO))

    @flow
    def steps() -> Any:
        first = echo.submit(Step(1))
        second = echo.submit({"steps": [Step(first)]})
        mapped = echo.map([Step(second.result()), Step(None)])
        return [result.output for result in mapped.result()]

    one = {"before": 1, "on": "2026-01-02"}
    two = {"steps": [{"before": one, "on": "2026-01-02"}]}
    assert steps() == [{"before": two, "on": "2026-01-02"}, {"before": None, "on": "2026-01-02"}]


def test_a_cache_knows_an_input_by_what_the_skill_gets(make_skill: MakeSkill) -> None:
    echo = skill(make_skill(ECHO), cache_policy=SKILL_DIGEST)

    @flow
    def calls() -> list[str | None]:
        given = [Step(1), {"before": 1, "on": date(2026, 1, 2)}, {"on": "2026-01-02", "before": 1}]
        return [echo(value, return_state=True).name for value in given]

    assert calls() == ["Completed", "Cached", "Completed"]


@pytest.mark.parametrize("value", [{"key": secret("api-key")}, [Login()], {"key": SecretStr("hunter2")}])
def test_a_secret_in_an_input_is_refused_with_the_way_out(make_skill: MakeSkill, value: Any) -> None:
    echo = skill(make_skill(ECHO))

    @flow
    def leaking() -> Any:
        return echo(value, return_state=True).result(raise_on_failure=False)

    error = leaking()
    assert isinstance(error, InvalidRequestError)
    assert "must not be in an input" in str(error)
    assert error.hint == "give it in env="
