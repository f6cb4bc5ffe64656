"""Prefect automations for skills: `python -m prefect_skillbox.flows.automations` creates or updates them.

One marks the runs of dead workers as crashed, so that they hold no limit for ever; the other is an example of
reacting to Skillbox's own events (`prefect_skillbox.observe.events`).
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, PauseDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

import prefect_skillbox.config.installation  # noqa: F401 - first of all, so that the installation's server is the one that is asked

HEARTBEAT = "prefect.flow-run.heartbeat"
MISSED = 3
"""Heartbeats that fail to come before a worker is taken for dead: one may be late, two may be lost."""
HEARTBEAT_SECONDS = 180
"""How often a flow run sends one, unless PREFECT_FLOWS_HEARTBEAT_FREQUENCY says otherwise (30 at least)."""

_QUIET_BY_RIGHT = ("Completed", "Failed", "TimedOut", "Cancelled", "Crashed", "Suspended", "AwaitingRetry")
"""States after which no heartbeat is owed. One that has another name and is final can't be left for Crashed."""


def dead_workers(within: timedelta = timedelta(seconds=MISSED * HEARTBEAT_SECONDS)) -> AutomationCore:
    """Marks a flow run as crashed when its heartbeats stop without its having ended.

    Args:
        within: How long to wait for a heartbeat; at least three times what lies between two.
    """
    return AutomationCore(
        name="skillbox: runs of dead workers are crashed",
        description=f"A flow run without a heartbeat for {within.total_seconds():g} s has lost its process.",
        enabled=True,
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            after={HEARTBEAT},
            expect={HEARTBEAT, *(f"prefect.flow-run.{state}" for state in _QUIET_BY_RIGHT)},
            posture=Posture.Proactive,
            threshold=1,
            within=within,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                message=f"Its worker is dead: no heartbeat for {within.total_seconds():g} s.",
            )
        ],
    )


def memory_hogs() -> AutomationCore:
    """Pauses a deployment whose skill runs out of memory three times within an hour."""
    return AutomationCore(
        name="skillbox: deployments that run out of memory are paused",
        description="Three times within an hour the same skill of the same tenant ran out of memory.",
        enabled=True,
        trigger=EventTrigger(
            match={"prefect.resource.id": "skillbox.execution.*"},
            for_each={"skillbox.tenant", "skillbox.skill"},
            expect={"skillbox.execution.oom"},
            posture=Posture.Reactive,
            threshold=3,
            within=timedelta(hours=1),
        ),
        # That of the last of the three; one that ran without a deployment has nothing to be paused.
        actions=[PauseDeployment(source="inferred", deployment_id=None)],
    )


def apply(automation: AutomationCore) -> str:
    """Creates an automation, or changes the one of this name, which stays off if it is off; says which."""
    with get_client(sync_client=True) as client:
        there = client.read_automations_by_name(automation.name)
        if not there:
            client.create_automation(automation)
            return "created"
        # The client's own update leaves out what has its default, the type of an action among it: another action then.
        client.request(
            "PUT",
            "/automations/{id}",
            json={**automation.model_dump(mode="json", exclude={"owner_resource"}), "enabled": there[0].enabled},
            path_params={"id": there[0].id},
        )
        return "updated"


def main(arguments: list[str] | None = None) -> int:
    """Applies both."""
    parser = argparse.ArgumentParser(prog="python -m prefect_skillbox.flows.automations", description=__doc__)
    parser.add_argument(
        "--dead-after",
        type=float,
        default=MISSED * HEARTBEAT_SECONDS,
        metavar="SECONDS",
        help="without a heartbeat, a worker is dead (%(default)g)",
    )
    given = parser.parse_args(arguments)
    for automation in (dead_workers(timedelta(seconds=given.dead_after)), memory_hogs()):
        print(f"{apply(automation)}: {automation.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
