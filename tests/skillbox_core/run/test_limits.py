"""Whose word counts for a run's limits, and what is over them."""

from __future__ import annotations

import pytest

from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import RunOptions
from skillbox_core.run.limits import resolve_limits
from skillbox_core.settings import Settings
from skillbox_core.skills.manifest import Manifest, Resources


def manifest(timeout: str | None = None, **resources: str) -> Manifest:
    return Manifest("s", "1.0.0", "d", timeout=timeout, resources=Resources(**resources))


def test_the_callers_word_goes_before_the_skills_and_that_before_the_default() -> None:
    settings = Settings()
    assert resolve_limits(settings, manifest(), RunOptions()).timeout == 120
    assert resolve_limits(settings, manifest("30s"), RunOptions()).timeout == 30
    assert resolve_limits(settings, manifest("30s"), RunOptions(timeout="5s")).timeout == 5
    limits = resolve_limits(settings, manifest(cpu="2", memory="1Gi", scratch="64Mi"), RunOptions(cpu="1"))
    assert (limits.cpu_quota, limits.memory, limits.scratch) == (100_000, 2**30, 64 * 2**20)


@pytest.mark.parametrize(
    ("skill", "options", "words"),
    [
        (manifest("11m"), RunOptions(), ["timeout", "11m", "10m", "SKILLBOX_MAX_TIMEOUT"]),
        (manifest(), RunOptions(timeout="1h"), ["timeout", "1h", "10m"]),
        (manifest(cpu="64"), RunOptions(), ["cpu", "64", "limit of 4", "SKILLBOX_MAX_CPU"]),
        (manifest(memory="99Gi"), RunOptions(), ["memory", "99Gi", "4Gi", "SKILLBOX_MAX_MEMORY"]),
        (manifest(scratch="2Gi"), RunOptions(), ["scratch", "2Gi", "1Gi", "SKILLBOX_MAX_SCRATCH"]),
        (manifest(), RunOptions(memory="1Mi"), ["memory", "1Mi", "16Mi"]),
        (manifest(memory="17179869184Gi"), RunOptions(), ["memory"]),
        (manifest(cpu="nan"), RunOptions(), ["cpu"]),
    ],
)
def test_over_the_cap_is_an_error_with_the_limit_and_the_way_out(
    skill: Manifest, options: RunOptions, words: list[str]
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        resolve_limits(Settings(), skill, options)
    for word in words:
        assert word in str(caught.value)
