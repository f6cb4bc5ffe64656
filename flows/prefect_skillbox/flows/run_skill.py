"""The thin flow around one skill, for deployments and for running one from the UI."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import Flow, flow
from prefect.client.schemas.objects import FlowRun, State
from pydantic import Field

from prefect_skillbox.config.secrets import secret
from prefect_skillbox.flows.deployed_files import Files, sources
from prefect_skillbox.flows.hooks import stop_skills_on
from prefect_skillbox.flows.parameters import checked
from prefect_skillbox.flows.run_names import titled
from prefect_skillbox.flows.run_settings import MAX_RETRIES, retry_options
from prefect_skillbox.tasks.skill_task import skill as skill_task
from skillbox_core.base.json_rules import JsonError, parse_json
from skillbox_core.base.names import DEFAULT_TENANT
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import RunResult
from skillbox_core.models.call import MAX_EXIT_CODE

# What Prefect's form says, and its server checks before there is a run. Skillbox has the last word in the run.
Reference = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*(@(latest|[\^~]?[0-9][0-9A-Za-z.-]*))?(#[a-z0-9]+([-_][a-z0-9]+)*)?$",
        max_length=195,
        examples=["word-count", "clean-csv@^1.0", "pdf#check"],
    ),
]
Duration = Annotated[
    str,
    Field(
        pattern=r"^([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+$",
        max_length=64,
        examples=["90s"],
    ),
]
Cores = Annotated[
    str,
    Field(
        pattern=r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)$",
        max_length=20,
        examples=["0.5"],
    ),
]
Bytes = Annotated[
    str,
    Field(
        pattern=r"^[0-9]+(Ki|Mi|Gi)?$",
        max_length=22,
        examples=["512Mi"],
    ),
]
Retries = Annotated[int, Field(ge=0, le=MAX_RETRIES)]
ExitCode = Annotated[int, Field(ge=0, le=MAX_EXIT_CODE)]
Tenant = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]


def _stop(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    stop_skills_on(flow_run.parameters.get("installation"))(flow, flow_run, state)


@checked
@flow(
    name="run-skill",
    flow_run_name=titled("{skill}"),
    persist_result=False,
    on_cancellation=[_stop],
    on_crashed=[_stop],
)
def run_skill(
    skill: Reference,
    input: Any = None,
    timeout: Duration | None = None,
    cpu: Cores | None = None,
    memory: Bytes | None = None,
    tenant: Tenant = DEFAULT_TENANT,
    secrets: dict[str, str] | None = None,
    installation: str | None = None,
    input_json: str | None = None,
    script: str | None = None,
    args: list[str | list[str]] | None = None,
    stdin: str | None = None,
    ok_exit_codes: list[ExitCode] | None = None,
    result: str | None = None,
    edit: bool = False,
    files: Files | None = None,
    retries: Retries = 0,
    retry_delay: Duration | None = None,
) -> dict[str, Any]:
    """Runs one skill.

    Args:
        skill: `name`, or `name@version` with a version or a constraint: `1.2.3`, `^1.2`, `~1.2`, `latest`;
            `name#entrypoint` for a call that its overlay names.
        input: Any JSON value.
        timeout: Such as 90s or 1h30m; instead of the skill's own.
        cpu: Cores, such as 0.5; instead of the skill's own.
        memory: Bytes, or with Ki, Mi or Gi, such as 512Mi; instead of the skill's own.
        tenant: Whose skill.
        secrets: Environment variables, each with the name of the Prefect Secret block that holds its value.
        installation: Name of a `SkillboxInstallation` block, instead of the worker's own settings.
        input_json: The input as JSON text, instead of `input`. The keys of its objects keep their order, which
            a server on Postgres changes in `input` (it keeps parameters as JSONB).
        script: One of the skill's scripts, by its path inside it, instead of the skill's own entrypoint.
        args: Its arguments, one each, in which `{input.FIELD}` and `{out}` stand for what they name; a list among
            them is left out together, where an `{input.FIELD?}` in it is not there.
        stdin: Its standard input, a template as well.
        ok_exit_codes: Its exit codes that are answers; by default 0.
        result: What its result is where it writes no output.json: `auto`, `json`, `lines`, `text` or `file:PATH`.
        edit: Its input files are copies that it may change.
        files: Its input files: a path on the worker or a URL, a list of them, or a mapping from the name inside to
            any of these. Under a pattern such as `in/*.csv`, the files of a list keep their own names.
        retries: How often it is run again where it failed.
        retry_delay: Between them, such as 30s.

    Returns:
        The RunResult as JSON values, for a flow that calls this one. Prefect keeps no result of a deployment's run;
        the output is in the record (`skillbox exec show`), and its beginning in the summary in the UI.

    Raises:
        InvalidRequestError: `input_json` is not JSON, or there is an `input` beside it; or the call, the files or
            the retries break a rule.
        ExecutionError: The skill did not succeed.
    """
    given = input if input_json is None else _parsed(input_json, input)
    task = skill_task(
        skill,
        script=script,
        args=args or (),
        stdin=stdin,
        ok_exit_codes=ok_exit_codes,
        result=result,
        edit=edit,
        tenant=tenant,
        timeout=timeout,
        cpu=cpu,
        memory=memory,
        env={name: secret(block) for name, block in (secrets or {}).items()},
        installation=installation,
        **retry_options(retries, retry_delay),
    )
    ended: RunResult = task(given, sources(files))
    return ended.model_dump(mode="json")


def _parsed(text: str, beside: Any) -> Any:
    if beside is not None:
        raise InvalidRequestError("input and input_json are both given, and only one of them can be the input")
    try:
        return parse_json(text)
    except JsonError as error:
        raise InvalidRequestError(f"input_json {error}") from None
