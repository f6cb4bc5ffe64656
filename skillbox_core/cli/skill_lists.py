"""`skillbox skill list`, and `index`, which makes anew what it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from skillbox_core.cli.output import EXIT_INFRASTRUCTURE, fail, note, note_more, print_json, table

if TYPE_CHECKING:
    from skillbox_core.storage.registry_lists import SkillLists

Tenant = Annotated[str, typer.Option(help="Whose skills.", envvar="SKILLBOX_TENANT")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_TOLD = 50
"""Archives that are read in about two seconds: who waits for more is told."""


def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 100,
    after: Annotated[
        str | None, typer.Option(help="Only those whose name comes after this one: the next page.", metavar="NAME")
    ] = None,
    tenant: Tenant = "default",
    json_: Json = False,
) -> None:
    """List a tenant's skills with their highest version."""
    from skillbox_core.storage.opening import open_skill_lists

    registry = open_skill_lists()
    page = registry.list(tenant, limit=limit, after=after, files=json_, unread=_tell_unread)
    for name, error in page.failed:
        fail(f"{name}: {error}")
    if json_:
        skills = [shown_of(each.facts, each.files or []) | {"versions": each.versions} for each in page.skills]
        print_json({"skills": skills, "next": page.next})
    elif page.skills:
        table(
            ["NAME", "VERSION", "LANG", "DESCRIPTION"],
            [
                [f["name"], f["version"], f["lang"] if f["runnable"] else "-", f["description"]]
                for f in (each.facts for each in page.skills)
            ],
            whole=("NAME", "VERSION"),
            spare=("LANG",),
        )
    elif after is not None and not page.failed:
        note(f"no skills of tenant {tenant} come after {after} in {registry.place}")
    elif not page.failed:
        _tell_none(tenant, registry)
    if page.next and not json_:
        note_more(len(page.skills), "others", page.next)
    if page.failed:
        raise typer.Exit(EXIT_INFRASTRUCTURE)


def index(
    tenant: Tenant = "default",
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Those of each tenant.")] = False,
) -> None:
    """Read all stored versions again, for the lists; needed only where a list says what is not so."""
    from skillbox_core.storage.opening import open_skill_lists

    registry = open_skill_lists()
    tenants = registry.all_tenants() if all_tenants else (tenant,)
    if not tenants:
        note(f"no tenant has skills in {registry.place} yet")
    # Each of them, whatever has failed before.
    if sum([_index(registry, each, f"{each}/" if all_tenants else "") for each in tenants]):
        raise typer.Exit(EXIT_INFRASTRUCTURE)


def shown_of(facts: dict[str, object], files: list[str]) -> dict[str, object]:
    """What is shown of a skill, in a list and by itself."""
    return {**{key: value for key, value in facts.items() if key != "runnable"}, "files": files}


def _index(registry: SkillLists, tenant: str, prefix: str) -> int:
    """Makes a tenant's lists anew, and gives how many versions can't be read."""
    versions = registry.stored(tenant)
    failed = 0
    for done, ((name, version), error) in enumerate(zip(versions, registry.index(tenant, versions), strict=True), 1):
        if error:
            failed += 1
            fail(f"{prefix}{name}@{version}: {error}")
        if done % _TOLD == 0:
            note(f"{done} of {len(versions)} read")
    if gone := registry.drop(tenant):
        note(f"dropped from the lists of tenant {tenant}, since storage has them no more: {gone}")
    if versions:
        print(f"{len(versions) - failed} of {len(versions)} stored versions of tenant {tenant} are in the lists")
    else:
        _tell_none(tenant, registry)
    return failed


def _tell_none(tenant: str, registry: SkillLists) -> None:
    note(f"no skills for tenant {tenant} in {registry.place} yet; `skillbox skill push FOLDER` stores one")


def _tell_unread(skills: int) -> None:
    if skills >= _TOLD:
        note(f"the archives of {skills} skills are read, since the database does not know yet what they say")
