"""Options of Prefect's `@task` for skills: each works as for a plain task, or is refused where the skill is defined."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prefect.cache_policies import INPUTS, NO_CACHE, TASK_SOURCE, CachePolicy

from prefect_skillbox import secret, skill
from skillbox_core.errors import InvalidRequestError


def constant(_context: Any, _parameters: dict[str, Any]) -> str:
    return "always"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"retires": 2}, 'no option "retires".*did you mean retries'),
        ({"time_out": "5s"}, "did you mean timeout"),
        ({"version": "1.0.0"}, r'part of its reference: skill\("x@1.0.0"\)'),
        ({"result_storage_key": "x"}, "use cache_policy or cache_key_fn"),
        ({"result_storage_key": "x", "cache_policy": INPUTS}, "use cache_policy or cache_key_fn"),
        ({"cache_policy": INPUTS, "cache_key_fn": constant}, "give one"),
        ({"cache_policy": "INPUTS"}, "is a str, not one of prefect.cache_policies"),
        ({"cache_policy": INPUTS, "persist_result": False}, "can't be used again"),
        ({"cache_policy": INPUTS, "raise_on_failure": False}, "failures would be kept"),
        ({"cache_key_fn": constant, "raise_on_failure": False}, "failures would be kept"),
        ({"cache_expiration": timedelta(1)}, "no effect without"),
        ({"log_prints": False}, "always logged"),
        ({"result_serializer": "json"}, "loses its files' digests"),
        ({"result_serializer": "compressed/json", "cache_policy": INPUTS}, "loses its files' digests"),
    ],
)
def test_an_option_that_would_have_no_effect_or_a_wrong_one_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        skill("x", **options)
    own = {name: options.pop(name) for name in ("raise_on_failure",) if name in options}
    with pytest.raises(InvalidRequestError, match=said):
        skill("x", **own).with_options(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": "5 min"}, 'timeout.*did you mean "5m"'),
        ({"timeout": 300}, 'timeout is a int.*did you mean "300s"'),
        ({"memory": "1GB"}, 'memory.*did you mean "1Gi"'),
        ({"cpu": "half"}, 'cpu.*did you mean "0.5"'),
        ({"args": ["--strict"]}, r"args is for a script: skill\(..., script=..., args=...\)"),
        ({"stdin": ""}, "stdin is for a script"),
        ({"ok_exit_codes": {0, 1}}, "ok_exit_codes is for a script"),
        ({"result": "auto"}, "result is for a script"),
        ({"edit": True}, "edit is for a script"),
        ({"script": "../x.py"}, "script"),
        ({"script": "x.py", "args": "--strict"}, "args is one text"),
        ({"script": "x.py", "args": ["{inptu.a}"]}, "no placeholder"),
        ({"script": "x.py", "ok_exit_codes": {137}}, "ok_exit_codes"),
        ({"script": "x.py", "result": "yaml"}, "not known"),
        ({"env": {"PATH": "/bin"}}, "'PATH' may not be set"),
        ({"env": {"A B": "x"}}, "'A B' is not valid"),
        ({"env": {"LD_PRELOAD": secret("block")}}, "'LD_PRELOAD' may not be set"),
        ({"env": {"TRIES": 3}}, "TRIES is a int, not text"),
        ({"env": {"TRIES": None}}, "TRIES is a NoneType, not text"),
        ({"env": {3: "x"}}, "name of an environment variable is a int"),
        ({"env": ["A=b"]}, "env is a list"),
        ({"env": {"A": "b\0"}}, "contains a NUL"),
        ({"tenant": "a/b"}, 'tenant "a/b" is not a valid name'),
    ],
)
def test_a_wrong_value_is_refused_where_the_skill_is_defined(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        skill("x", **options)


def test_what_is_not_said_is_left_to_prefect() -> None:
    plain = skill("x", retries=None, persist_result=None, cache_policy=None, result_storage_key=None, tags=None)
    assert plain.task_key == skill("x").task_key
    assert (plain.cache_policy, plain.persist_result) == (NO_CACHE, False)


def test_what_is_said_last_holds() -> None:
    cached = skill("x", cache_policy=INPUTS, cache_expiration=timedelta(1), retries=3, description="d", name="n")
    keyed = cached.with_options(cache_key_fn=constant)
    assert keyed.cache_policy.asked == CachePolicy.from_cache_key_fn(constant)  # type: ignore[union-attr]
    assert keyed.with_options(cache_policy=TASK_SOURCE).cache_policy.asked == TASK_SOURCE  # type: ignore[union-attr]
    off = keyed.with_options(cache_policy=NO_CACHE)
    assert (off.cache_policy, off.cache_expiration, off.persist_result) == (NO_CACHE, None, False)
    assert (keyed.retries, keyed.description, keyed.name, keyed.cache_expiration) == (3, "d", "n", timedelta(1))
    assert cached.with_options(name="m", task_run_name=None).task_run_name == "m"
    configured = INPUTS.configure(key_storage="/somewhere", isolation_level="SERIALIZABLE")
    made = skill("x", cache_policy=configured).cache_policy
    assert isinstance(made, CachePolicy)
    assert (made.key_storage, made.isolation_level) == ("/somewhere", "SERIALIZABLE")


def test_what_is_said_where_the_skill_is_defined_is_not_an_option_of_the_task() -> None:
    with pytest.raises(InvalidRequestError, match="said where the skill is defined"):
        skill("x").with_options(tenant="acme")


def test_the_policy_of_another_skill_is_taken_as_it_was_asked_for_there() -> None:
    other = skill("y", cache_policy=INPUTS.configure(key_storage="/somewhere")).cache_policy
    assert isinstance(other, CachePolicy)
    made = skill("x", cache_policy=other).cache_policy
    assert (made.spec.name, made.asked, made.key_storage) == (
        "x",
        INPUTS.configure(key_storage="/somewhere"),
        "/somewhere",
    )  # type: ignore[union-attr]
    added = skill("x", cache_policy=other + TASK_SOURCE).cache_policy
    assert [type(part) for part in added.asked.policies] == [type(TASK_SOURCE), type(INPUTS)]  # type: ignore[union-attr]
