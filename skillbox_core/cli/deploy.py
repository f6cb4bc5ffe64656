"""`skillbox deploy`: hands a skill to the scheduler that is installed beside the core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from skillbox_core.errors import InvalidRequestError, SettingsError

Tenant = Annotated[str, typer.Option(help="Whose skill.", envvar="SKILLBOX_TENANT")]

GROUP = "skillbox.schedulers"
"""Entry points of this group name a function with the arguments of `prefect_skillbox.flows.deploy.deploy`."""


def add_deploy(app: typer.Typer) -> None:
    """Makes `deploy` one of the commands."""
    app.command()(deploy)


def deploy(
    skill: Annotated[str, typer.Argument(metavar="NAME[@VERSION][#ENTRYPOINT]")],
    pool: Annotated[str | None, typer.Option(help="Work pool for its runs.")] = None,
    cron: Annotated[str | None, typer.Option(help="Schedule, for example '0 6 * * 1-5'; in UTC.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Time zone of the schedule, for example Europe/Berlin.", metavar="ZONE")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the deployment; by default the skill's, or SKILL.ENTRYPOINT.")
    ] = None,
    input_: Annotated[
        str, typer.Option("--input", "-i", help="What its runs are given when nothing else is.", metavar="JSON|@FILE|-")
    ] = "",
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file",
            "-f",
            help="What its runs are given for an input file that the skill declares, when nothing else is: a path "
            "on the worker (from this folder, if it is not absolute) or a URL, which all see who see the deployment, "
            "with a token that is in it. Can be given several times.",
            metavar="NAME=PATH|URL",
        ),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            help="A variable for the skill, and the Prefect Secret block of its value. Can be given several times.",
            metavar="ENV=BLOCK",
        ),
    ] = None,
    retries: Annotated[int, typer.Option(help="How often a run tries the skill again after a failure.")] = 0,
    retry_delay: Annotated[str | None, typer.Option(help="How long it waits before, for example 30s.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Do its runs here until interrupted, without a pool.")] = False,
    tenant: Tenant = "default",
) -> None:
    """Make a Prefect deployment of a skill, with the skill's own inputs as its form."""
    from skillbox_core.cli.run import read_input

    if serve and pool:
        raise InvalidRequestError("--serve does the runs here, --pool elsewhere; only one of them can be")
    print(
        scheduler()(
            skill,
            name=name,
            pool=pool,
            cron=cron,
            timezone=timezone,
            input=read_input(input_),
            files=read_files(file or []),
            secrets=read_secrets(secret or []),
            retries=retries,
            retry_delay=retry_delay,
            tenant=tenant,
            serve_here=serve,
        )
    )


def scheduler() -> Callable[..., str]:
    """The installed scheduler's function that makes a deployment.

    Raises:
        SettingsError: There is none, or it can't be loaded.
    """
    from importlib import metadata

    found = sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name)
    if not found:
        raise SettingsError("no scheduler is installed beside Skillbox", hint="install prefect-skillbox")
    try:
        make: Callable[..., str] = found[0].load()
    except ImportError as error:
        raise SettingsError(
            f"the scheduler {found[0].name} can't be loaded: {error}", hint=f"is {found[0].name} installed?"
        ) from error
    return make


def read_files(values: Sequence[str]) -> list[tuple[str, str]]:
    """The values of `--file`: names that a skill declares, each with a path or URL.

    Raises:
        InvalidRequestError: One has no name: a deployment has a field for each.
    """
    found = []
    for value in values:
        name, sign, place = value.partition("=")
        if not sign or not name or "://" in name:
            raise InvalidRequestError(
                f"--file {value} does not say which of the skill's files it is", hint="--file NAME=PATH or NAME=URL"
            )
        found.append((name, place))
    return found


def read_secrets(values: Sequence[str]) -> dict[str, str]:
    """The values of `--secret`: variables, each with the name of a block.

    Raises:
        InvalidRequestError: One is no such pair, or a variable is given twice. Shows no word that may be a secret.
    """
    found: dict[str, str] = {}
    for number, value in enumerate(values, 1):
        variable, sign, block = value.partition("=")
        if not sign or not variable or not block:
            raise InvalidRequestError(
                f"--secret number {number} is not ENV=BLOCK",
                hint="BLOCK is the name of a Prefect Secret block; a value is never taken here",
            )
        if variable in found:
            raise InvalidRequestError(f"--secret gives {variable} twice")
        found[variable] = block
    return found
