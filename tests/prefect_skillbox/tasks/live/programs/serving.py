"""Skills in the background: as a program it serves them; imported, it is what asks for them.

The names of the skills come from the environment, as both sides have it.
"""

from __future__ import annotations

import os

from prefect.cache_policies import INPUTS
from prefect.task_worker import serve

from prefect_skillbox import skill

ONE, OTHER, FAILING = os.environ["TEST_SKILLS"].split(",")


def again(task: object, run: object, state: object) -> bool:
    return False


TASKS = {
    "one": skill(ONE),
    "other": skill(OTHER),
    "with a variable": skill(ONE, env={"WHO": "variable"}),
    "with another one": skill(ONE, env={"WHO": "another"}),
    "an entrypoint": skill(f"{ONE}#first"),
    "another entrypoint": skill(f"{ONE}#second"),
    "with options": skill(ONE).with_options(name="named", retries=1, retry_condition_fn=again, tags=["x"]),
    "cached": skill(ONE, cache_policy=INPUTS),
    "failing": skill(FAILING, raise_on_failure=False),
}


@TASKS["with a variable"].on_completion
def _done(task: object, run: object, state: object) -> None:
    """A hook that is added after the task was made."""


if __name__ == "__main__":
    serve(*TASKS.values())
