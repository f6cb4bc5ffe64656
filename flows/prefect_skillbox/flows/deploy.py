"""`skillbox deploy`: a Prefect deployment of one skill."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from shlex import quote
from typing import Any

import httpx
from prefect import Flow, serve
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import WorkPool
from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron
from prefect.settings import get_current_settings
from prefect.types.entrypoint import EntrypointType

from prefect_skillbox import run_skill
from prefect_skillbox.flows.form import SETTINGS, any_input, form
from prefect_skillbox.flows.parameters import check_parameters
from prefect_skillbox.flows.skill_flow import ENTRYPOINT, deployed_flow
from skillbox_core.base.names import DEFAULT_TENANT, split_reference
from skillbox_core.base.placeholders import File, parse
from skillbox_core.errors import InfrastructureError, InvalidRequestError, RunnerNotImplementedError, SettingsError
from skillbox_core.installation import Installation
from skillbox_core.models import Call, referenced
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.entry import find_entry, find_named, has_something_to_run
from skillbox_core.skills.manifest import Manifest
from skillbox_core.skills.overlay import EntryPoint
from skillbox_core.skills.validation import find_breach


def deploy(
    reference: str,
    *,
    name: str | None = None,
    pool: str | None = None,
    cron: str | None = None,
    input: Any = None,
    tenant: str = DEFAULT_TENANT,
    serve_here: bool = False,
) -> str:
    """Makes or updates the deployment of a skill.

    Args:
        reference: `name` or `name@version`, with `#entrypoint` for a call that its overlay names; a constraint is
            resolved anew at each run.
        name: Of the deployment; by default the skill's, or `name.entrypoint`. Its flow is called as the skill, with
            the tenant before it (`acme.stats`) for any but the default one.
        pool: Work pool; by default Prefect's own default pool.
        cron: Schedule, in UTC.
        input: Values that a run has when it is given no others.
        serve_here: Run its runs in this process until it is interrupted, instead of in a work pool.

    Returns:
        What was made, in one sentence.

    Raises:
        SkillNotFoundError, InvalidRequestError: No such skill, entrypoint, pool or schedule; says what there is.
        SettingsError, InfrastructureError: No server is set, or it can't be reached.
    """
    installation = Installation.from_settings()
    archive = _load(installation, tenant, reference)
    deployment = plan(archive, reference, name=name, cron=cron, input=input, tenant=tenant)
    with _server() as client:
        if serve_here:
            serve(deployment, print_starting_message=True)
            return f"{deployment.full_name} is no longer served"
        found = _pool(client, pool)
        deployment.work_pool_name = found.name
        if found.type == "process":
            # Its runs start in a folder of their own; this is how they find the installation.
            deployment.job_variables = {"env": {"SKILLBOX_HOME": str(installation.settings.home)}}
        deployment.apply()
    return (
        f"{deployment.full_name} is in work pool {found.name}; `prefect deployment run {deployment.full_name}` runs it"
    )


def plan(
    archive: SkillArchive, reference: str, *, name: str | None, cron: str | None, input: Any, tenant: str
) -> RunnerDeployment:
    """The deployment of a skill, as it would be made.

    Raises:
        InvalidRequestError: The schedule or the input is not valid, the schema has a field of a reserved name, or the
            skill needs a file, which a deployment can't give it.
    """
    manifest = archive.manifest
    _, call = referenced(reference)
    named = find_named(archive, call.entrypoint) if call else None
    # Of an entrypoint's run, its own word holds, and not the skill's.
    asks = named or manifest
    title = f"{manifest.name}#{named.name}" if named else manifest.name
    if needed := _files(asks, named.call if named else None):
        raise InvalidRequestError(
            f"{title} needs the file {needed[0]}, and the runs of a deployment have none",
            hint="call it in a flow of your own, with files=, and deploy that",
        )
    fields = form(asks.input_schema)
    parameters: dict[str, Any]
    flow: Flow[..., dict[str, Any]]
    if fields is None:
        others = [name for name in signature(run_skill.fn).parameters if name != "input"]
        flow, shown = run_skill, any_input(asks.input_schema, others)
        parameters = {"skill": reference, "tenant": tenant, **({} if input is None else {"input": input})}
    else:
        flow, shown = deployed_flow({}), fields
        if SETTINGS in fields.properties:
            raise InvalidRequestError(f'an input called "{SETTINGS}" can\'t be a parameter of a deployment')
        if not isinstance(input, dict | None):
            raise InvalidRequestError("the input must be an object, as the skill's input_schema says")
        if fields.closed:
            # The server would refuse each run.
            check_parameters(input or {}, fields.properties, f"a deployment of {title}")
        parameters = {**(input or {}), SETTINGS: f"{tenant}/{reference}"}
    if input is not None and asks.input_schema is not None:
        breach = find_breach(json.dumps(asks.input_schema), json.dumps(input))
        if breach:
            raise InvalidRequestError(f"the input does not fit the input_schema of {title}: {breach}")
    deployment = RunnerDeployment.from_flow(
        flow,
        # A "#" would end the address by which Prefect asks for a deployment; no name here has a dot.
        name=name or title.replace("#", "."),
        schedules=[_schedule(cron)] if cron else [],
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


def _files(asks: Manifest | EntryPoint, call: Call | None) -> list[str]:
    """The input files that each run must be given: those that are declared, and those that a call's templates name."""
    elements = [*call.args, call.stdin or ""] if call else []
    templates = [one for element in elements for one in ((element,) if isinstance(element, str) else element)]
    parts = [part for template in templates for part in parse(template)]
    return [*(file.name for file in asks.input_files if file.required), *(part.name for part in parts if isinstance(part, File) and not part.optional)]


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


def _schedule(cron: str) -> Any:
    try:
        return Cron(cron)
    except ValueError as error:
        raise InvalidRequestError(
            f'"{cron}" is not a cron schedule: {str(error).splitlines()[0]}', hint='for example "0 6 * * 1-5"'
        ) from None


@contextmanager
def _server() -> Iterator[SyncPrefectClient]:
    """A client of the Prefect server, whose troubles become errors of ours."""
    address = get_current_settings().api.url
    if not address:
        raise SettingsError(
            "there is no Prefect server to deploy to", hint="`make setup` starts one; or set PREFECT_API_URL"
        )
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.TransportError as error:
        raise InfrastructureError(
            f"the Prefect server at {address} can't be reached: {str(error) or type(error).__name__}",
            hint="PREFECT_API_URL; `make status` says what answers",
        ) from error
    except DeploymentApplyError as error:
        raise InvalidRequestError(f"the Prefect server refuses the deployment: {error}") from error


def _pool(client: SyncPrefectClient, name: str | None) -> WorkPool:
    wanted = name or get_current_settings().deployments.default_work_pool_name
    pools = sorted(pool.name for pool in client.read_work_pools())
    there = f"there is {', '.join(pools)}" if pools else "`prefect work-pool create NAME --type process` makes one"
    if not wanted:
        raise InvalidRequestError("where its runs shall be done must be said: --pool POOL, or --serve", hint=there)
    try:
        return client.read_work_pool(wanted)
    except ObjectNotFound:
        made = f"`prefect work-pool create {quote(wanted)} --type process` makes it"
        hint = f"{made}; there is {', '.join(pools)}" if pools else made
        raise InvalidRequestError(f"there is no work pool {wanted}", hint=hint) from None


def _plain(text: str) -> str:
    """A stranger's sentence for a place that shows markdown."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~])", r"\\\1", text)
