"""Very many lines, and the few records that Prefect's server gets of them."""

from __future__ import annotations

import pytest
from prefect import flow

from prefect_skillbox import skill
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen

pytestmark = pytest.mark.once


def test_ten_thousand_lines_a_second_arrive_whole_and_the_server_gets_few_records(make_skill: MakeSkill) -> None:
    noisy = skill(
        make_skill(
            "import sys\nfor i in range(10000): print(f'<{i}>', 'x' * 60, file=(sys.stdout, sys.stderr)[i % 3 == 0])\n"
            "open('/sandbox/out/output.json', 'w').write('{}')"
        )
    )

    @flow
    def noise() -> None:
        noisy({})

    run = seen.run_id(noise(return_state=True))

    def numbers(found: list[seen.Log], level: int) -> list[int]:
        lines = [line for one in found if one.level == level for line in one.message.split("\n")]
        return [int(line[1:].split(">")[0]) for line in lines if line.startswith("<")]

    found = seen.logs(run, lambda found: sum(len(numbers(found, level)) for level in (20, 30)) == 10_000)
    assert numbers(found, 20) == [number for number in range(10_000) if number % 3]
    assert numbers(found, 30) == list(range(0, 10_000, 3))
    assert len(found) < 400
