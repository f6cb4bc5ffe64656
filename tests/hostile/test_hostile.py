"""Every hostile case against the real engine, one test each; `make hostile` runs the same cases as a table."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from skillbox_core import Runner, Settings
from tests.hostile.bench import Bench
from tests.hostile.cases import INSIDE, Case, load_cases, sandboxed

_INSIDE = bool(os.environ.get(INSIDE))
CASES = sandboxed(load_cases()) if _INSIDE else load_cases()


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, installation: Settings
) -> Iterator[Bench]:
    """A home of its own on the installation's engine, so that nothing else changes it meanwhile."""
    parameters = (item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec"))
    chosen = [case for case in parameters if isinstance(case, Case)]
    settings = installation.model_copy(update={"home": tmp_path_factory.mktemp("hostile")})
    with Bench(Runner.from_settings(settings), together=chosen, inside=_INSIDE) as bench:
        yield bench


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_the_promise_holds(case: Case, bench: Bench) -> None:
    outcome = bench.run(case)
    if outcome.skipped:
        pytest.skip(outcome.said)
    assert outcome.held, f"{case.promise}\n{outcome.said}\n" + "\n".join(outcome.faults)
