"""The commands at the top level, and the groups below it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from skillbox_core import __version__
from skillbox_core.cli import environments, executions, pool, skills
from skillbox_core.cli.adopting import add_adopt
from skillbox_core.cli.deploy import add_deploy
from skillbox_core.cli.exchange import add_exchange
from skillbox_core.cli.output import EXIT_FAILED, fail, note, print_json, table

app = typer.Typer(
    name="skillbox",
    help="Run versioned skills in hardened, single-use containers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
add_exchange(skills.app)
add_adopt(skills.app)
app.add_typer(skills.app, name="skill")
app.add_typer(executions.app, name="exec")
app.add_typer(environments.app, name="env")
app.add_typer(pool.app, name="pool")

Tenant = Annotated[str, typer.Option(help="Whose skills and executions.", envvar="SKILLBOX_TENANT")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


class _Run(TyperCommand):
    """`skillbox run`, which knows what an option of somebody else's may be."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `TyperCommand`."""
        # An option of our own that lacks its value is somebody else's only behind the name of a script.
        behind = len(args) > 1 and not args[1].startswith("-")
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            # By its release Typer has these from click, or from a copy of its own.
            name = getattr(error, "option_name", None)
            if name and (behind or type(error).__name__ == "NoSuchOption"):
                said = getattr(error, "message", "").rstrip(".")
                hint = f"arguments of a script go behind `--`: skillbox run NAME SCRIPT -- {name}"
                setattr(error, "message", f"{said}; {hint}")  # noqa: B010
            raise


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Run versioned skills in hardened, single-use containers."""


@app.command(cls=_Run)
def run(
    skill: Annotated[str, typer.Argument(metavar="NAME[@VERSION][#ENTRYPOINT]")],
    script: Annotated[
        str | None, typer.Argument(help="A script of the skill, instead of its own entrypoint.", metavar="SCRIPT")
    ] = None,
    args: Annotated[
        list[str] | None,
        typer.Argument(
            help="Its arguments, in which {input.FIELD}, {file:NAME}, {files} and {out} stand for what they name; one "
            "with {input.FIELD?} is left out where there is none.",
            metavar="-- ARGS",
        ),
    ] = None,
    input_: Annotated[
        str, typer.Option("--input", "-i", help="JSON, @FILE, or - for stdin.", metavar="JSON|@FILE|-")
    ] = "",
    stdin: Annotated[
        str | None, typer.Option(help="Standard input of SCRIPT, a template as its arguments are.", metavar="TEXT")
    ] = None,
    ok_exit_code: Annotated[
        list[int] | None, typer.Option(help="An exit code of SCRIPT that is an answer; can be given several times.")
    ] = None,
    result: Annotated[
        str | None, typer.Option(help="SCRIPT's result: auto, json, lines or text of what it prints, or file:PATH.")
    ] = None,
    edit: Annotated[bool, typer.Option("--edit", help="SCRIPT may change its files; they are kept.")] = False,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            "-e",
            help="A variable for the skill; NAME alone takes its value from here, so that no other user sees it in "
            "the list of processes. Can be given several times.",
            metavar="NAME[=VALUE]",
        ),
    ] = None,
    env_file: Annotated[
        list[Path] | None, typer.Option("--env-file", help="Lines of NAME=VALUE; can be given several times.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file",
            "-f",
            help="A file, folder, pattern such as 'data/*.csv' or URL for the skill; can be given several times.",
            metavar="[NAME=]PATH|URL",
        ),
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="For example 90s; instead of the skill's own.")] = None,
    cpu: Annotated[str | None, typer.Option(help="Cores, for example 0.5.")] = None,
    memory: Annotated[str | None, typer.Option(help="For example 512Mi.")] = None,
    download: Annotated[Path | None, typer.Option(help="Folder to put the skill's files in.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document on stdout.")] = False,
    version: Annotated[str, typer.Option(help="Same as NAME@VERSION: 1.2.3, ^1.2, ~1.2 or latest.")] = "",
    tenant: Tenant = "default",
) -> None:
    """Run a skill, or one of its scripts, and show its logs as they come, then its output."""
    from skillbox_core.cli.run import read_call, run_skill

    call = read_call(script, args or [], stdin, ok_exit_code or [], result, edit=edit)
    code = run_skill(
        skill, version, input_, env or [], env_file or [], file or [], call, timeout=timeout, cpu=cpu, memory=memory,
        download=download, as_json=json_, tenant=tenant,
    )  # fmt: skip
    raise typer.Exit(code)


@app.command()
def init(
    name: str,
    lang: Annotated[str, typer.Option(help="python, node or bash.")] = "python",
    folder: Annotated[Path | None, typer.Option(help="Where; by default ./NAME.")] = None,
) -> None:
    """Write a new skill that runs as it is."""
    from skillbox_core.skills.scaffold import scaffold

    target = folder or Path(name)
    for path in scaffold(target, name, lang):
        print(path)
    place, data = shlex.quote(str(target)), shlex.quote(f"@{target / 'input.json'}")
    note(f"next: skillbox skill push {place} && skillbox run {name} --input {data}")


add_deploy(app)


@app.command()
def cleanup(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove containers and close records that a killed worker left behind, and containers that waited in vain."""
    from skillbox_core.installation import Installation
    from skillbox_core.operations.orphans import cleanup_orphans

    found = cleanup_orphans(Installation.from_settings(), dry_run=dry_run)
    if json_:
        print_json([orphan.document() for orphan in found])
    elif not found:
        print("nothing to clean up")
    else:
        outcome = {True: "would go"} if dry_run else {}
        table(
            ["KIND", "NAME", "OUTCOME", "WHY"],
            [[o.what, o.name, outcome.get(True) or ("gone" if o.done else f"failed: {o.error}"), o.why] for o in found],
            whole=("NAME",),
        )
    if any(orphan.error for orphan in found):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def health() -> None:
    """Say in one line whether skills can run here; for probes."""
    from skillbox_core.operations.doctor import essential

    problems = [check for check in essential() if check.level == "FAIL"]
    if problems:
        for problem in problems:
            fail(f"{problem.part}: {problem.found}" + (f" ({problem.advice})" if problem.advice else ""))
        raise typer.Exit(4)
    print("ok")


@app.command()
def setup(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Make FOLDER/.skillbox; by default the installation found from here, or ~/.skillbox."),
    ] = None,
) -> None:
    """Make an installation: find a container engine, pull images, write .env, say what is missing."""
    from skillbox_core.cli.setup import set_up_installation

    raise typer.Exit(set_up_installation(folder))


@app.command()
def doctor(
    advisories: Annotated[
        bool, typer.Option("--advisories", help="Only list what is published against the versions found.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at each part of the installation: what was found, whether that is good, what to do."""
    from dataclasses import asdict

    from skillbox_core.cli.setup import show
    from skillbox_core.operations.doctor import examine, known_advisories

    if advisories:
        known = known_advisories()
        if json_:
            print_json([asdict(advisory) for advisory in known])
        elif known:
            table(
                ["ADVISORY", "COMPONENT", "FIXED IN", "WHAT IT GIVES", "HERE"],
                [[a.id, f"{a.component} {a.version}", ", ".join(a.fixed), a.what, a.here] for a in known],
                whole=("ADVISORY",),
                spare=("FIXED IN", "HERE"),
            )
        else:
            note("no advisories are known against the versions found")
        return
    checks = list(examine()) if json_ else show(examine())
    if json_:
        print_json([asdict(check) for check in checks])
    if any(check.level == "FAIL" for check in checks):
        raise typer.Exit(4)


@app.command()
def broker(
    engine: Annotated[str, typer.Option(help="Where the engine listens.", metavar="unix:///var/run/docker.sock")],
    listen: Annotated[str, typer.Option(help="Where workers connect.", metavar="unix:///run/skillbox/engine.sock")],
    instance: Annotated[str | None, typer.Option(help="Whose sandboxes; by default SKILLBOX_INSTANCE.")] = None,
) -> None:
    """Stand between workers and the engine's socket: only calls that Skillbox makes go through."""
    from skillbox_core.broker.serve import serve

    serve(engine, listen, instance)


@app.command()
def version() -> None:
    """Show the version."""
    print(__version__)
