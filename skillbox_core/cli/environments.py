"""`skillbox env ...`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from skillbox_core.base.text import harmless
from skillbox_core.cli.output import note, print_json, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skillbox_core.base.progress import Progress
    from skillbox_core.operations.environments import Environment, SkillEnvironment
    from skillbox_core.sandbox.pruning import StoredEnvironment
    from skillbox_core.skills.environment_lock import Lock

app = typer.Typer(help="Look at prepared packages of skills.", no_args_is_help=True, rich_markup_mode=None)

_DIGITS = len("sha256:") + 12
"""Of a digest in a table; `show` takes as many."""

Tenant = Annotated[str, typer.Option(help="Whose skills.", envvar="SKILLBOX_TENANT")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(json_: Json = False) -> None:
    """List the environments of this engine, and those that the store and the database know."""
    from skillbox_core.base.quantities import format_bytes
    from skillbox_core.installation import Installation
    from skillbox_core.operations.environments import list_environments

    installation = Installation.from_settings()
    found = list_environments(installation)
    names = installation.environments.records.images()
    if json_:
        print_json([one.document(names) for one in found])
        return
    if not found:
        note(
            "no environments yet; a skill that asks for packages gets one at its first run, or by `skillbox env build`"
        )
        return
    table(
        ["DIGEST", "SIZE", "PYTHON", "BASE", "LAST USE HERE", "STORED"],
        [
            [
                one.digest[:_DIGITS],
                format_bytes(one.size) if one.size is not None else "-",
                ", ".join(one.interpreters) or "-",
                ", ".join(_base(image, names) for image in one.images) or "-",
                _utc(one.used),
                "yes" if one.stored else "no",
            ]
            for one in found
        ],
        whole=("DIGEST",),
        spare=("STORED", "PYTHON"),
    )
    here = sum(image.size for one in found for image in one.images)
    most = installation.settings.max_environments_size
    note(f"{format_bytes(here)} of {format_bytes(most)} (SKILLBOX_MAX_ENVIRONMENTS_SIZE) on this engine")


@app.command()
def show(
    what: Annotated[str, typer.Argument(metavar="NAME[@VERSION]|DIGEST", help="A skill, or sha256: and digits.")],
    tenant: Tenant = "default",
    json_: Json = False,
) -> None:
    """Show the packages of a skill or an environment: from where, for which Python, how large, and where they are."""
    from skillbox_core.base.names import split_reference
    from skillbox_core.installation import Installation
    from skillbox_core.operations import environments
    from skillbox_core.skills.node_lock import node_lock_of

    installation = Installation.from_settings()
    names = installation.environments.records.images()
    if what.startswith("sha256:"):
        one = environments.find_environment(environments.list_environments(installation), what)
        users = environments.skills_with(environments.latest_skills(installation, tenant), one)
        lock = users[0][1] if users else None
        skills = [f"{archive.manifest.name}@{archive.manifest.version}" for archive, _ in users]
        if json_:
            print_json({**one.document(names), "skills": skills, "packages": environments.packages(lock)})
            return
        _print_environment(one, names)
        _line("skills", ", ".join(skills) or f"no skill of tenant {tenant} in its highest version")
        _print_packages(lock)
        return
    name, version = split_reference(what)
    archive = installation.registry.load(tenant, name, installation.registry.resolve(tenant, name, version))
    if node := node_lock_of(archive):
        note(f"{archive.manifest.name} has {node.count} Node packages; here are those of Python")
    found = environments.environment_of(installation, archive)
    if json_:
        print_json(found.document(names))
        return
    _print_skill(found, names)


@app.command()
def build(
    skills: Annotated[list[str], typer.Argument(metavar="NAME[@VERSION]...")],
    tenant: Tenant = "default",
) -> None:
    """Make the environments of skills ready on this engine, as their first run would."""
    from skillbox_core.base.names import split_reference
    from skillbox_core.installation import Installation
    from skillbox_core.run.loading import ready_tree
    from skillbox_core.sandbox.allowlist import image_of

    def say(progress: Progress) -> None:
        note(progress.text)

    installation = Installation.from_settings()
    for skill in skills:
        name, version = split_reference(skill)
        version = installation.registry.resolve(tenant, name, version)
        # A skill of scripts has one environment for all of them, and nothing that runs by itself.
        archive = installation.registry.load(tenant, name, version)
        image = image_of(installation.settings, archive, archive.lang)
        tree = ready_tree(installation, archive, image, say)
        ready = f"{tree.digest} is ready on {image}" if tree else "needs no packages"
        print(harmless(f"{name}@{version} {ready}"))


@app.command()
def prune(
    max_size: Annotated[
        str | None,
        typer.Option(
            help="What all of them may take, for example 2Gi, or 0; by default SKILLBOX_MAX_ENVIRONMENTS_SIZE.",
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Remove environments from this engine, those first that were not used for longest; none that a container uses."""
    from skillbox_core.base.quantities import format_bytes, parse_memory_limit
    from skillbox_core.installation import Installation
    from skillbox_core.operations import environments

    installation = Installation.from_settings()
    most = installation.settings.max_environments_size
    if max_size is not None:
        most = 0 if max_size.strip() == "0" else parse_memory_limit(max_size, "--max-size")
    done = environments.prune(installation, most)
    if json_:
        print_json(
            {
                "removed": [_image(one) for one in done.removed],
                "kept": [{**_image(one), "why": why} for one, why in done.kept],
                "left": done.left,
            }
        )
        return
    for one in done.removed:
        print(f"{one.tree[:_DIGITS]} removed, {format_bytes(one.size)}, last used {_utc(one.used)}")
    for one, why in done.kept:
        print(f"{one.tree[:_DIGITS]} stays, {format_bytes(one.size)}: {why}")
    if not done.removed and not done.kept:
        print("nothing to remove")
    note(f"{format_bytes(done.left)} of {format_bytes(most)} on this engine")


def _image(one: StoredEnvironment) -> dict[str, object]:
    return {"digest": one.tree, "image": one.name, "base": one.base, "size": one.size}


def _print_skill(found: SkillEnvironment, names: Mapping[str, str]) -> None:
    _line("skill", found.skill)
    if found.lock is None or not found.lock.pins:
        note(f"{found.skill} asks for no Python packages")
        return
    _line("source", found.lock.path)
    reach = ", newer Pythons and other machines" if found.lock.universal else " and nothing else"
    _line("locked for", f"{found.lock.python}{reach}")
    python = f"Python {found.python.text}" if found.python else "not asked for its Python yet"
    _line("image", f"{found.image}, {python}")
    for one in found.environments:
        _print_environment(one, names)
    if not found.environments:
        note(f"not made yet: its first run makes it, or `skillbox env build {found.skill}`")
    _print_packages(found.lock)


def _print_environment(one: Environment, names: Mapping[str, str]) -> None:
    from skillbox_core.base.quantities import format_bytes

    _line("environment", one.digest)
    _line("python", ", ".join(one.interpreters) or "unknown: this database does not have it")
    _line("size", format_bytes(one.size) if one.size is not None else "unknown")
    _line("in the store", "yes" if one.stored else "no")
    here = [f"on {_base(image, names)}, last used {_utc(image.used)}" for image in one.images]
    _line("on the engine", "; ".join(here) or "no")


def _print_packages(lock: Lock | None) -> None:
    for pin in lock.pins if lock else ():
        print(harmless(f"  {pin.exact}{' ; ' + pin.marker if pin.marker else ''}"))


def _line(key: str, value: str) -> None:
    print(harmless(f"{key + ':':<15}{value}"))


def _base(image: StoredEnvironment, names: Mapping[str, str]) -> str:
    return names.get(image.base) or image.base.removeprefix("sha256:")[:12]


def _utc(moment: float | None) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%SZ}" if moment is not None else "-"
