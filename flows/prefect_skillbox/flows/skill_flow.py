"""The flow of a deployment that is one skill: its parameters are the skill's own inputs.

Prefect binds a run's parameters to the signature of the flow's function, and only the deployment knows their
names. So the flow is made when it is loaded, for the run that it is loaded for.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import Any

from prefect import Flow
from prefect.runtime import flow_run

from prefect_skillbox.config.secrets import secret
from prefect_skillbox.flows.deployed_files import FILES, sources
from prefect_skillbox.flows.form import SETTINGS
from prefect_skillbox.flows.hooks import stop_skills
from prefect_skillbox.flows.parameters import can_be_parameter, check_parameters
from prefect_skillbox.flows.run_names import titled
from prefect_skillbox.flows.run_settings import RunSettings, retry_options
from prefect_skillbox.tasks.mapping import literally
from prefect_skillbox.tasks.skill_task import skill
from skillbox_core.models import RunResult

ENTRYPOINT = f"{__name__}.deployed_skill"


def __getattr__(name: str) -> Any:
    if name == "deployed_skill":
        return deployed_flow(flow_run.parameters)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _DeployedFlow(Flow[..., dict[str, Any]]):
    """Has the parameters that it is given. Only a name that no function can have is refused before the skill is."""

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """See `prefect.Flow.validate_parameters`."""
        check_parameters(parameters, filter(can_be_parameter, parameters), "the deployment")
        return parameters


def deployed_flow(parameters: Mapping[str, Any]) -> Flow[..., dict[str, Any]]:
    """The flow for a run with these parameters.

    The one called `prefect_skillbox.flows.form.SETTINGS` says which skill to run, and how (`RunSettings`); where it
    says so, `files` are the skill's input files; the others are its input. What is wrong with them the deployment's
    form says before there is a run, and the skill's own schema in it.
    """
    settings = RunSettings.of(parameters.get(SETTINGS))
    tenant, reference = settings.reference

    def deployed_skill(**parameters: Any) -> dict[str, Any]:
        # The UI sends null for a field that was left empty.
        given = {name: value for name, value in parameters.items() if name != SETTINGS and value is not None}
        files = sources(given.pop(FILES, None), anywhere=False) if settings.files else None
        task = skill(
            reference,
            tenant=tenant,
            env={name: secret(block) for name, block in settings.secrets.items()},
            **retry_options(settings.retries, settings.retry_delay),
        )
        result: RunResult = task(given, files)
        return result.model_dump(mode="json")

    names = filter(can_be_parameter, parameters)
    signature = Signature([Parameter(name, Parameter.KEYWORD_ONLY) for name in names])
    deployed_skill.__signature__ = signature  # type: ignore[attr-defined]
    made = _DeployedFlow(
        deployed_skill,
        name="deployed-skill",
        flow_run_name=titled(literally(reference)) if reference else None,
        # Else Prefect makes a model of the signature, in which some names are reserved.
        validate_parameters=False,
        persist_result=False,
        on_cancellation=[stop_skills],
        on_crashed=[stop_skills],
    )
    made.should_validate_parameters = True
    return made
