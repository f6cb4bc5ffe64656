"""`skillbox pool ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skillbox_core.cli.executions import age
from skillbox_core.cli.output import EXIT_FAILED, fail, note, print_json, table

if TYPE_CHECKING:
    from datetime import datetime

    from skillbox_core.operations.pool import Drained, Entry, Pool

app = typer.Typer(help="Look at containers that wait for a job.", no_args_is_help=True, rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(json_: Json = False) -> None:
    """List the containers that wait on this engine for a job, and how many may."""
    from skillbox_core.installation import Installation
    from skillbox_core.operations.pool import look
    from skillbox_core.storage.tables import now

    pool = look(Installation.from_settings())
    if json_:
        print_json(pool.document())
        return
    if pool.entries:
        moment = now()
        table(
            ["NAME", "STATE", "IMAGE", "READY FOR", "MEMORY", "SCRATCH", "CPU", "SINCE", "ENDS IN", "PLACE", "WHY"],
            [_row(entry, moment) for entry in pool.entries],
            whole=("NAME",),
            spare=("PLACE", "SCRATCH", "CPU", "MEMORY", "SINCE"),
        )
    note(_places(pool))


@app.command()
def drain(
    image: Annotated[
        str | None,
        typer.Option(
            help="Only those made from this image: its name, or sha256: and digits of its id.",
            metavar="NAME|sha256:...",
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Remove the containers that wait on this engine for a job; runs that have taken one go on.

    The next runs make new ones, unless SKILLBOX_POOL_MAX is 0 by then.
    """
    from skillbox_core.installation import Installation
    from skillbox_core.operations import pool

    done = pool.drain(Installation.from_settings(), image)
    if json_:
        print_json(done.document())
    else:
        print(_removed(done, image))
        for name in done.taken:
            note(f"{name} stays: a run has taken it meanwhile")
        for name, error in done.failed:
            fail(f"{name} is taken by nobody any more, and could not be removed: {error}")
    if done.failed:
        raise typer.Exit(EXIT_FAILED)


def _removed(done: Drained, image: str | None) -> str:
    of_image = f" of {image}" if image else ""
    if count := len(done.removed):
        return f"{count} waiting container{'' if count == 1 else 's'}{of_image} removed"
    there = ", ".join(f"{count} of {name}" for name, count in sorted(done.others.items()))
    return f"nothing to remove{of_image}{f'; what waits: {there}' if there else ''}"


def _row(entry: Entry, moment: datetime) -> list[str]:
    from skillbox_core.base.quantities import format_bytes

    return [
        entry.name,
        entry.state.value,
        entry.image_name,
        entry.ready_for or "-",
        format_bytes(entry.memory) if entry.memory is not None else "-",
        format_bytes(entry.scratch) if entry.scratch is not None else "-",
        entry.cpu or "-",
        age(moment - entry.made_at),
        age(entry.ends_at - moment) if entry.ends_at else "-",
        str(entry.place) if entry.place is not None else "-",
        entry.why,
    ]


def _places(pool: Pool) -> str:
    if not pool.most:
        left = "; these end by themselves, or by `skillbox pool drain`" if pool.entries else ""
        return f"no run makes a container that waits: SKILLBOX_POOL_MAX is 0{left}"
    held = sum(entry.place is not None for entry in pool.entries)
    if pool.places < pool.most:
        by = "SKILLBOX_POOL_MAX is" if pool.chosen else "by default"
        why = f"a quarter of the engine's memory, for containers of the usual size; {by} {pool.most}"
    else:
        why = pool.bound
    return f"{held} of {pool.places} places on {pool.engine} ({why})"
