"""The deployments of prefect.yaml without a work pool: this process does their runs until it is interrupted.

.venv/bin/python deployments/serve.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

ROOT = Path(__file__).resolve().parents[1]
MAX_RUNS = 4


def served() -> list[RunnerDeployment]:
    """What is served: the same as prefect.yaml deploys to a work pool."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from examples.plain import penguins
    from prefect_skillbox import cleanup_orphans, run_skill

    return [
        RunnerDeployment.from_flow(
            run_skill,
            "run-skill",
            tags=["skillbox"],
            entrypoint_type=EntrypointType.MODULE_PATH,
        ),
        RunnerDeployment.from_flow(
            cleanup_orphans,
            "cleanup-orphans",
            tags=["skillbox"],
            schedules=[Cron("*/5 * * * *", timezone="UTC", slug="every-5-minutes")],
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            entrypoint_type=EntrypointType.MODULE_PATH,
        ),
        RunnerDeployment.from_flow(
            penguins,
            "penguins",
            tags=["skillbox", "example"],
            schedules=[Cron("0 6 * * 1-5", timezone="UTC", slug="weekdays")],
        ),
    ]


if __name__ == "__main__":
    # Runs are started in this folder too; there they find the example and the installation.
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    deployments = served()

    from prefect import serve

    serve(*deployments, limit=MAX_RUNS)
