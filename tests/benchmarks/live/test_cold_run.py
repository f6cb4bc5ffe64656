"""The cold part on a real engine, without the packages from an index: all that it promises to say is there."""

from __future__ import annotations

import uuid

import pytest

from skillbox_core import Runner
from tests.benchmarks import cold
from tests.benchmarks.ground import Scale, check_left, containers
from tests.benchmarks.names import COMMAND, DOCKER_RUN, ORIGINAL, SKILLBOX, UNTIL_GONE
from tests.benchmarks.report import Part
from tests.benchmarks.watch import ORDER, REST


def test_a_cold_run_is_measured_beside_its_peers_with_all_its_parts() -> None:
    part = Part("cold")
    cold.measure(Scale(2), part, with_peers=False)
    assert part.failures == []
    figures = {figure.name: figure for figure in part.figures}
    own = (SKILLBOX, COMMAND, DOCKER_RUN, ORIGINAL)
    assert all(figures[name].turns == 2 for name in own)
    assert {ratio.name for ratio in part.ratios} == {
        f"{ours}{end} / {other}"
        for ours, other in ((SKILLBOX, DOCKER_RUN), (SKILLBOX, ORIGINAL), (COMMAND, DOCKER_RUN))
        for end in ("", UNTIL_GONE)
    }
    for name in (*ORDER, REST):
        assert {f"of it: {name}", f"after it: {name}"} & figures.keys(), f"nothing is said of {name}"
    parts = sum(figure.value for name, figure in figures.items() if name.startswith("of it: "))
    assert parts == pytest.approx(figures[SKILLBOX].value, rel=0.1)


def test_a_container_that_is_left_fails_its_part_and_is_removed(runner: Runner) -> None:
    part, installation = Part("cold"), runner.installation
    image = installation.engine.image(installation.settings.image_aliases["python:3.12-slim"])
    assert image is not None
    installation.engine.create(
        f"skillbox-bench-{uuid.uuid4().hex[:12]}",
        {
            "Image": image.id,
            "Cmd": ["true"],
            "Labels": {"skillbox.instance": installation.settings.instance},
        },
    )
    check_left(part, installation, within=0.1)
    assert part.failures == ["a container was left for 0.1 s after its run"]
    assert containers(installation) == []
