"""`skillbox deploy`: a Prefect deployment of one skill."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from shlex import quote
from typing import Any

from prefect import Flow, serve
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Schedule
from prefect.types.entrypoint import EntrypointType

from prefect_skillbox import run_skill
from prefect_skillbox.flows.deployed_files import FILES, asked_files, default_files, missing_files
from prefect_skillbox.flows.form import SETTINGS, any_input, form
from prefect_skillbox.flows.parameters import check_parameters
from prefect_skillbox.flows.run_settings import RunSettings, retry_options
from prefect_skillbox.flows.schedule import cron_schedule
from prefect_skillbox.flows.server import check_blocks, find_pool, prefect_server
from prefect_skillbox.flows.skill_flow import ENTRYPOINT, deployed_flow
from skillbox_core.base.names import DEFAULT_TENANT, split_reference
from skillbox_core.errors import InvalidRequestError, RunnerNotImplementedError
from skillbox_core.installation import Installation
from skillbox_core.models import referenced
from skillbox_core.sandbox.environment import check_env
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.entry import find_entry, find_named, has_something_to_run
from skillbox_core.skills.validation import find_breach

_HELD = ("skill", "tenant", "secrets", "installation")
"""Parameters of `run_skill` that a deployment of one skill sets for its runs, or that they don't have."""


@dataclass(frozen=True)
class Given:
    """What a deployment gives each of its runs.

    Attributes:
        input: Values that a run has when it is given no others; None for none.
        files: Names that the skill declares, each with a path or URL: what a run has when it is given no others. A
            relative path is one of the folder in which the deployment is made.
        secrets: Environment variables, each with the name of the Prefect Secret block that holds its value.
        retries: How often a skill that failed is run again, in the same flow run.
        retry_delay: Between them, such as `30s`; None for at once.
    """

    input: Any = None
    files: Sequence[tuple[str, str]] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    retries: int = 0
    retry_delay: str | None = None


def deploy(
    reference: str,
    *,
    name: str | None = None,
    pool: str | None = None,
    cron: str | None = None,
    timezone: str | None = None,
    input: Any = None,
    files: Sequence[tuple[str, str]] = (),
    secrets: Mapping[str, str] | None = None,
    retries: int = 0,
    retry_delay: str | None = None,
    tenant: str = DEFAULT_TENANT,
    serve_here: bool = False,
) -> str:
    """Makes the deployment of a skill, or puts another in the place of one.

    Args:
        reference: `name` or `name@version`, with `#entrypoint` for a call that its overlay names; a constraint is
            resolved anew at each run.
        name: Of the deployment; by default the skill's, or `name.entrypoint`. Its flow is called as the skill, with
            the tenant before it (`acme.stats`) for any but the default one.
        pool: Work pool; by default Prefect's own default pool.
        cron: Schedule.
        timezone: In which time zone the schedule is, such as `Europe/Berlin`; by default UTC.
        input, files, secrets, retries, retry_delay: What it gives each of its runs, see `Given`.
        serve_here: Run its runs in this process until it is interrupted, instead of in a work pool.

    Returns:
        What was made, in one sentence.

    Raises:
        SkillNotFoundError, InvalidRequestError: No such skill, entrypoint, pool, schedule, file or secret; says what
            there is.
        SettingsError, InfrastructureError: No server is set, or it can't be reached.
    """
    if timezone is not None and cron is None:
        raise InvalidRequestError(f"the time zone {timezone} is that of a schedule, and there is none", hint="--cron")
    schedule = cron_schedule(cron, timezone) if cron is not None else None
    given = Given(input, files, secrets or {}, retries, retry_delay)
    installation = Installation.from_settings()
    archive = _load(installation, tenant, reference)
    deployment = plan(archive, reference, given, name=name, schedule=schedule, tenant=tenant)
    with prefect_server() as client:
        check_blocks(client, given.secrets)
        if serve_here:
            serve(deployment, print_starting_message=True)
            return f"{deployment.full_name} is no longer served"
        found = find_pool(client, pool)
        deployment.work_pool_name = found.name
        if found.type == "process":
            # Its runs start in a folder of their own; this is how they find the installation.
            deployment.job_variables = {"env": {"SKILLBOX_HOME": str(installation.settings.home)}}
        deployment.apply()
    return (
        f"{deployment.full_name} is in work pool {found.name}; `prefect deployment run {deployment.full_name}` runs it"
    )


def plan(
    archive: SkillArchive,
    reference: str,
    given: Given,
    *,
    name: str | None = None,
    schedule: Schedule | None = None,
    tenant: str = DEFAULT_TENANT,
) -> RunnerDeployment:
    """The deployment of a skill, as it would be made.

    Raises:
        InvalidRequestError: What it would give its runs is not valid, the schema has a field of a reserved name, or
            it has a schedule and gives its runs less than they must have.
    """
    manifest = archive.manifest
    _, call = referenced(reference)
    named = find_named(archive, call.entrypoint) if call else None
    # Of an entrypoint's run, its own word holds, and not the skill's.
    asks = named or manifest
    title = f"{manifest.name}#{named.name}" if named else manifest.name
    check_env(dict.fromkeys(given.secrets, ""))
    retry_options(given.retries, given.retry_delay)
    asked = asked_files(asks, named.call if named else None)
    files = default_files(title, asked, given.files)
    fields = form(asks.input_schema, asked)
    settings = RunSettings(
        f"{tenant}/{reference}",
        files=bool(asked),
        secrets=given.secrets,
        retries=given.retries,
        retry_delay=given.retry_delay,
    )
    parameters: dict[str, Any] = {FILES: files} if files else {}
    flow: Flow[..., dict[str, Any]]
    if fields is None:
        parameters |= {"skill": reference, "tenant": tenant, **settings.more_retries}
        parameters |= {"secrets": dict(given.secrets)} if given.secrets else {}
        held = {name: parameters[name] for name in _HELD if name in parameters}
        parameters |= {} if given.input is None else {"input": given.input}
        others = [name for name in signature(run_skill.fn).parameters if name != "input" and name not in _HELD]
        flow, shown = run_skill, any_input(asks.input_schema, [*held, *others], asked).holding(held)
    else:
        flow, shown = deployed_flow({}), fields.holding({SETTINGS: settings.parameter})
        if SETTINGS in fields.properties:
            raise InvalidRequestError(f'an input called "{SETTINGS}" can\'t be a parameter of a deployment')
        if not isinstance(given.input, dict | None):
            raise InvalidRequestError("the input must be an object, as the skill's input_schema says")
        if fields.closed:
            # The server would refuse each run.
            known = [name for name in fields.properties if name != FILES or not asked]
            check_parameters(given.input or {}, known, f"a deployment of {title}")
        parameters = {**(given.input or {}), **parameters, SETTINGS: settings.parameter}
    if (given.input is not None or schedule) and asks.input_schema is not None:
        # What a run is given that has no input.
        document = {} if given.input is None else given.input
        if breach := find_breach(json.dumps(asks.input_schema), json.dumps(document)):
            raise InvalidRequestError(f"the input does not fit the input_schema of {title}: {breach}")
    if schedule and (missing := missing_files(asked, files)):
        raise InvalidRequestError(
            f"{title} needs the file {missing[0]}, and a run that a schedule starts has what the deployment gives it",
            hint=f"--file {quote(missing[0])}=PATH",
        )
    deployment = RunnerDeployment.from_flow(
        flow,
        # A "#" would end the address by which Prefect asks for a deployment; no name here has a dot.
        name=name or title.replace("#", "."),
        schedules=[schedule] if schedule else [],
        parameters=parameters,
        description=_plain((named and named.description) or manifest.description),
        tags=["skillbox"],
        version=manifest.version,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    # Two tenants' skills may have one name; neither's deployment takes the other's place.
    deployment.flow_name = manifest.name if tenant == DEFAULT_TENANT else f"{tenant}.{manifest.name}"
    if fields is not None:
        deployment.entrypoint = ENTRYPOINT
    deployment._parameter_openapi_schema = shown
    return deployment


def _load(installation: Installation, tenant: str, reference: str) -> SkillArchive:
    bare, _ = referenced(reference)
    name, version = split_reference(bare)
    archive = installation.registry.load(tenant, name, installation.registry.resolve(tenant, name, version))
    check_it_runs(archive, reference)
    return archive


def check_it_runs(archive: SkillArchive, reference: str) -> None:
    """Refuses what no run of a deployment could start.

    Raises:
        InvalidRequestError: There is no such entrypoint, or its script is missing.
        RunnerNotImplementedError: The skill has no entrypoint of its own; says what can be deployed instead.
    """
    call = referenced(reference)[1]
    try:
        find_entry(archive, find_named(archive, call.entrypoint).call.script if call else None)
    except RunnerNotImplementedError as error:
        if call or not has_something_to_run(archive):
            raise
        named = next(iter(archive.overlay.entrypoints), None)
        way = (
            f"deploy one: `skillbox deploy {reference}#{named}`"
            if named
            else "name a call in an overlay, and deploy that"
        )
        raise RunnerNotImplementedError(error.message, hint=way) from None


def _plain(text: str) -> str:
    """A stranger's sentence for a place that shows markdown."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~])", r"\\\1", text)
