"""`skillbox skill export` and `skillbox skill import`: skills for sites that no index of packages answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skillbox_core.cli.output import note
from skillbox_core.cli.skill_lists import Tenant

if TYPE_CHECKING:
    from skillbox_core.operations.exchange_file import ExportedTree


def add_exchange(app: typer.Typer) -> None:
    """Adds both to the commands on skills."""
    app.command("export")(export)
    app.command("import")(import_)


def export(
    skill: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    with_environment: Annotated[
        bool, typer.Option("--with-environment", help="With its Python packages, as they are made ready here.")
    ] = False,
    tenant: Tenant = "default",
) -> None:
    """Write a version into one file, for a site without an index of packages."""
    from skillbox_core.base.names import split_reference
    from skillbox_core.installation import Installation
    from skillbox_core.operations.exchange import export_skill

    installation = Installation.from_settings()
    name, version = split_reference(skill)
    version = installation.registry.resolve(tenant, name, version)
    done = export_skill(installation, tenant, name, version, file, with_environment=with_environment)
    _tell(done.trees)
    if done.left_out:
        note(f"{name} needs Python packages, and they are not in the file: --with-environment adds them")
    print(file)


def import_(file: Path, tenant: Tenant = "default") -> None:
    """Store the skill of such a file, and its packages. Take it only from somebody whose packages you would run."""
    from skillbox_core.installation import Installation
    from skillbox_core.operations.exchange import import_skill

    done = import_skill(Installation.from_settings(), tenant, file)
    manifest = done.pushed.archive.manifest
    _tell(done.trees)
    if done.lacks:
        note(f"{manifest.name} needs Python packages, and the file has none: its first run asks the index for them")
    print(f"{manifest.name}@{manifest.version} {'stored' if done.pushed.new else 'is there already'}")


def _tell(trees: tuple[ExportedTree, ...]) -> None:
    from skillbox_core.base.quantities import format_bytes

    for one in trees:
        note(f"{one.tree.digest}, {format_bytes(one.tree.size)}, for Python {one.interpreter.text}")
