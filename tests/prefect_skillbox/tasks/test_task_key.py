"""The key of a skill task: another one for whatever differs, and the same for the same."""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from prefect.cache_policies import DEFAULT, INPUTS, NO_CACHE, TASK_SOURCE, CachePolicy
from prefect.tasks import exponential_backoff
from pydantic import BaseModel, SecretStr

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
        "script": {"script": "x.py"},
        "another script": {"script": "y.py"},
        "arguments": {"script": "x.py", "args": ["a"]},
        "arguments in another order": {"script": "x.py", "args": ["b", "a"]},
        "more arguments": {"script": "x.py", "args": ["a", "b"]},
        "standard input": {"script": "x.py", "stdin": "a"},
        "exit codes": {"script": "x.py", "ok_exit_codes": {0, 1}},
        "more exit codes": {"script": "x.py", "ok_exit_codes": [0, 1, 2]},
        "kind of result": {"script": "x.py", "result": "text"},
        "edit": {"script": "x.py", "edit": True},
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
        "entrypoint": skill("x#check"),
        "another entrypoint": skill("x#fill"),
    }


def test_no_two_definitions_have_one_task_key() -> None:
    keys = {what: one.task_key for what, one in definitions().items()}
    assert len(set(keys.values())) == len(keys), keys
    assert {what: one.task_key for what, one in definitions().items()} == keys


class Own(CachePolicy):
    """A policy with an attribute that is no field."""

    def __init__(self, of: object) -> None:
        super().__init__()
        self.of = of


class Named(BaseModel):
    word: SecretStr

    def __call__(self, *_: object) -> None: ...


def quiet(hook: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(hook)
    def wrapper(*arguments: Any) -> Any:
        return hook(*arguments)

    return wrapper


def loud(hook: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(hook)
    def wrapper(*arguments: Any) -> Any:
        return hook(*arguments, "!")

    return wrapper


def made(source: str, module: str, tmp_path: Path) -> Any:
    """The function `hook` of a module of its own."""
    path = tmp_path.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(module, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded.hook


PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bytes": ({"on_failure": [partial(constant, b"a")]}, {"on_failure": [partial(constant, b"b")]}),
    "days": (
        {"on_failure": [partial(constant, date(2026, 1, 1))]},
        {"on_failure": [partial(constant, date(2026, 1, 2))]},
    ),
    "times": (
        {"on_failure": [partial(constant, datetime(2026, 1, 1))]},
        {"on_failure": [partial(constant, datetime(2026, 1, 2))]},
    ),
    "wrappers": ({"on_failure": [quiet(constant)]}, {"on_failure": [loud(constant)]}),
    "one line": ({"retry_condition_fn": lambda t, r, s: r < 3}, {"retry_condition_fn": lambda t, r, s: r > 3}),
    "attributes": ({"cache_policy": Own("a")}, {"cache_policy": Own("b")}),
    "secrets": ({"on_failure": [Named(word=SecretStr("a"))]}, {"on_failure": [Named(word=SecretStr("b"))]}),
    "kinds": ({"on_failure": [partial(constant, {})]}, {"on_failure": [partial(constant, [])]}),
    "sequences": ({"on_failure": [partial(constant, [1])]}, {"on_failure": [partial(constant, (1,))]}),
}


@pytest.mark.parametrize("what", PAIRS)
def test_options_that_differ_inside_make_two_keys(what: str) -> None:
    one, other = (skill("x", **options) for options in PAIRS[what])
    assert one.task_key != other.task_key
    assert one.with_options().task_key == one.task_key


def test_functions_of_one_name_in_two_modules_make_two_keys(tmp_path: Path) -> None:
    sources = {"a.hooks": "def hook(*_):\n    return 1\n", "b.hooks": "def hook(*_):\n    return 2\n"}
    hooks = [made(source, module, tmp_path) for module, source in sources.items()]
    assert len({skill("x", on_failure=[hook]).task_key for hook in hooks}) == 2


def test_tags_are_a_set_whatever_holds_them() -> None:
    assert len({skill("x", tags=tags).task_key for tags in (["a", "b"], ("b", "a"), {"a", "b"})}) == 1


def test_what_can_not_be_looked_into_counts_by_its_kind() -> None:
    class Odd:
        def __getstate__(self) -> Any:
            raise TypeError

        __slots__ = ()

        def __call__(self) -> None: ...

    assert skill("x", on_failure=[Odd()]).task_key != skill("x").task_key
    circle: list[Any] = []
    circle.append(circle)
    assert skill("x", on_failure=[partial(constant, circle)]).task_key
    dense: list[dict[int, Any]] = [{} for _ in range(12)]
    for each in dense:
        each.update(enumerate(dense))
    assert skill("x", on_failure=[partial(constant, dense)]).task_key, "in no time, however often it is met"


def test_a_key_goes_with_the_task_into_another_process() -> None:
    one = skill("x", retry_condition_fn=lambda *_: True)
    loading = "import sys, cloudpickle; print(cloudpickle.load(sys.stdin.buffer).task_key)"
    there = subprocess.run([sys.executable, "-c", loading], input=cloudpickle.dumps(one), capture_output=True)
    assert there.stdout.decode().strip() == one.task_key, there.stderr.decode()


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
