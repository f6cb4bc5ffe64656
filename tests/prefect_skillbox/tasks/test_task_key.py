"""The key of a skill task: another one for whatever differs, and the same for the same."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from prefect.cache_policies import DEFAULT, INPUTS, NO_CACHE, TASK_SOURCE
from prefect.tasks import exponential_backoff

from prefect_skillbox import secret, skill
from prefect_skillbox.tasks.skill_task import SkillTask


def constant(_context: Any, _parameters: dict[str, Any]) -> str:
    return "always"


def definitions() -> dict[str, SkillTask]:
    """Skill tasks that differ in one thing each."""

    def delays(retries: int) -> list[float]:
        return [1.0] * retries

    variants: dict[str, dict[str, Any]] = {
        "plain": {},
        "tenant": {"tenant": "acme"},
        "timeout": {"timeout": "5s"},
        "cpu": {"cpu": "1"},
        "memory": {"memory": "300Mi"},
        "env": {"env": {"A": "1"}},
        "another env": {"env": {"A": "2"}},
        "secret": {"env": {"A": secret("a")}},
        "another secret": {"env": {"A": secret("b")}},
        "installation": {"installation": "x"},
        "lenient": {"raise_on_failure": False},
        "name": {"name": "n"},
        "tags": {"tags": ["a"]},
        "more tags": {"tags": ["a", "b"]},
        "retries": {"retries": 2},
        "delays": {"retries": 2, "retry_delay_seconds": exponential_backoff(1)},
        "longer delays": {"retries": 2, "retry_delay_seconds": exponential_backoff(9)},
        "own delays": {"retries": 2, "retry_delay_seconds": delays},
        "condition": {"retry_condition_fn": lambda *_: True},
        "other condition": {"retry_condition_fn": lambda *_: False},
        "partial condition": {"retry_condition_fn": partial(constant, 1)},
        "other partial condition": {"retry_condition_fn": partial(constant, 2)},
        "inputs": {"cache_policy": INPUTS},
        "some inputs": {"cache_policy": INPUTS - "files"},
        "source": {"cache_policy": TASK_SOURCE},
        "key": {"cache_key_fn": constant},
        "expiration": {"cache_policy": INPUTS, "cache_expiration": timedelta(seconds=1)},
        "hook": {"on_completion": [constant]},
        "timeout_seconds": {"timeout_seconds": 5},
    }
    return {what: skill("x", **options) for what, options in variants.items()} | {
        "skill": skill("y"),
        "version": skill("x@1.0.0"),
        "constraint": skill("x@^1"),
    }


def test_no_two_definitions_have_one_task_key() -> None:
    keys = {what: one.task_key for what, one in definitions().items()}
    assert len(set(keys.values())) == len(keys), keys
    assert {what: one.task_key for what, one in definitions().items()} == keys


@pytest.mark.parametrize("what", definitions())
def test_options_keep_the_key_right_and_what_a_worker_serves_has_the_key_that_was_asked_for(what: str) -> None:
    one = definitions()[what]
    assert one.with_options().task_key == one.task_key
    # As Prefect's task worker does with each task that it is given.
    caches = one.cache_policy != NO_CACHE
    served = one.with_options(persist_result=True, **({} if caches else {"cache_policy": DEFAULT}))
    assert served.task_key == one.task_key
    assert served.persist_result
    assert served.cache_policy not in (None, NO_CACHE)
    assert one.with_options(retries=7).task_key != one.task_key


def test_a_hook_that_is_added_later_counts() -> None:
    plain, hooked = skill("x"), skill("x")
    hooked.on_completion(constant)
    assert hooked.task_key != plain.task_key
    assert hooked.with_options().task_key == hooked.task_key
    assert plain.on_completion_hooks == []
