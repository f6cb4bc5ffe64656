"""Runs a skill in one of several ways: what it prints is looked at by `test_noise`. Arguments: the way, the skill."""

import sys

from prefect import flow

from prefect_skillbox import skill
from prefect_skillbox.observe import outbox
from prefect_skillbox.observe.artifacts import Artifact, Home

_, way, name = sys.argv
works = skill(name)


@flow
def mapped() -> None:
    for future in works.map([{"n": number} for number in range(40)]):
        future.result()


@flow
def batched() -> None:
    works.batch(({"n": number} for number in range(40)), size=10).result()


@flow
def called() -> None:
    works()


def late() -> None:
    """More artifacts than are sent before the interpreter shuts down."""
    for number in range(40):
        outbox.post(Artifact("markdown", f"late-{number}", "text", "made at the end", Home.here()))


{"mapped": mapped, "batched": batched, "called": called, "outside": works, "late": late}[way]()
print("LAST LINE", file=sys.stderr)
