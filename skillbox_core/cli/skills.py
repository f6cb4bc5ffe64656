"""`skillbox skill ...`."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from skillbox_core.base.text import harmless
from skillbox_core.cli.output import EXIT_INFRASTRUCTURE, EXIT_INPUT, fail, note, print_json
from skillbox_core.cli.packing import archive_of, locker, read_overlay, skills_of, tell_environment, warn, warn_of_image
from skillbox_core.cli.skill_lists import Json, Tenant, index, list_, shown_of
from skillbox_core.errors import SkillboxError

if TYPE_CHECKING:
    from skillbox_core.models import DeclaredFile
    from skillbox_core.skills.archive import SkillArchive
    from skillbox_core.skills.manifest import Manifest
    from skillbox_core.skills.overlay import EntryPoint

app = typer.Typer(help="Package, store and look at skills.", no_args_is_help=True, rich_markup_mode=None)

OverlayFile = Annotated[
    Path | None,
    typer.Option("--overlay", help="A YAML file that says more of a skill, such as its entrypoints.", metavar="FILE"),
]


@app.command()
def package(
    folder: Path,
    out: Annotated[Path | None, typer.Option(help="The zip; by default NAME-VERSION.zip.")] = None,
    overlay: OverlayFile = None,
    tenant: Tenant = "default",
) -> None:
    """Make a skill archive of a folder, the same bytes each time."""
    from skillbox_core.base.files import unwritable
    from skillbox_core.errors import InvalidRequestError
    from skillbox_core.settings import load_settings
    from skillbox_core.skills.package import is_own_archive
    from skillbox_core.skills.package import package as make

    with TemporaryDirectory() as scratch:
        draft = Path(scratch) / "skill.zip"
        settings = load_settings()
        archive = make(
            folder,
            draft,
            settings.max_skill_size,
            max_entries=settings.max_skill_files,
            locker=locker(tenant),
            overlay=read_overlay(overlay),
        )
        usual = f"{archive.manifest.name}-{archive.manifest.version}.zip"
        target = out or Path(usual)
        place, inside = target.resolve(), folder.resolve()
        if place.is_relative_to(inside) and not is_own_archive(str(place.relative_to(inside)), archive.manifest.name):
            raise InvalidRequestError(
                f"{target} lies in the skill's folder, and would be a part of the skill the next time",
                hint=f"--out may name a place elsewhere, or {folder / usual}",
            )
        try:
            shutil.copyfile(draft, target)
        except OSError as error:
            raise unwritable(target, error) from None
        tell_environment(archive)
    warn(archive)
    print(target)


@app.command()
def lint(paths: list[Path], overlay: OverlayFile = None) -> None:
    """Check folders or archives by the rules of a push, without storing, fetching or running anything."""
    failed = False
    said = read_overlay(overlay, len(paths))
    for path in paths:
        try:
            with TemporaryDirectory() as scratch:
                archive = archive_of(path, Path(scratch), prepare=False, overlay=said)
        except SkillboxError as error:
            failed = True
            fail(f"{path}: {error}")
        else:
            warn(archive)
            warn_of_image(archive)
            manifest = archive.manifest
            known = f"{manifest.name}@{manifest.version}" if manifest.has_version else f"{manifest.name}, no version"
            print(harmless(f"{path}: ok, {known}"))
    if failed:
        raise typer.Exit(EXIT_INPUT)


@app.command()
def push(
    paths: list[Path],
    all_: Annotated[bool, typer.Option("--all", help="All skills of a folder that has several.")] = False,
    name: Annotated[str | None, typer.Option(help="For a skill whose own name is no skill's name here.")] = None,
    overlay: OverlayFile = None,
    tenant: Tenant = "default",
) -> None:
    """Store folders or archives as versions; pushing the same contents again is fine."""
    from skillbox_core.errors import IndexUnavailableError, InvalidRequestError
    from skillbox_core.skills.origin import find_origin
    from skillbox_core.storage.opening import open_registry

    failed, unreached = 0, False
    if all_:
        paths, clashes = skills_of(paths)
        failed = len(clashes)
        for clash in clashes:
            fail(clash)
    if name and len(paths) > 1:
        raise InvalidRequestError(f"--name {name} names one skill, and there are {len(paths)} to push")
    said = read_overlay(overlay, len(paths))
    registry = open_registry()
    for path in paths:
        try:
            with TemporaryDirectory() as scratch:
                archive = archive_of(path, Path(scratch), tenant=tenant, name=name, overlay=said)
                pushed = registry.push(tenant, archive.path, name=name, origin=find_origin(path))
                tell_environment(archive)
        except SkillboxError as error:
            if error.retryable and not isinstance(error, IndexUnavailableError):
                raise
            # Skills without packages need no index.
            unreached = unreached or error.retryable
            failed += 1
            fail(f"{path}: {error}")
            continue
        # What is warned of is known of the folder, and the archive that is stored has no word of it.
        warn(archive)
        warn_of_image(pushed.archive)
        manifest = pushed.archive.manifest
        if pushed.note:
            note(f"{manifest.name}@{manifest.version}: {pushed.note}")
        print(f"{manifest.name}@{manifest.version} {'stored' if pushed.new else 'is there already'}")
    if failed:
        raise typer.Exit(EXIT_INFRASTRUCTURE if unreached else EXIT_INPUT)


app.command("list")(list_)
app.command()(index)


@app.command()
def show(
    skill: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    tenant: Tenant = "default",
    json_: Json = False,
) -> None:
    """Show what a skill says of itself: its schemas and instructions too."""
    from skillbox_core.base.names import split_reference
    from skillbox_core.skills.listing import facts_of, files_of
    from skillbox_core.storage.opening import open_registry

    registry = open_registry()
    name, version = split_reference(skill)
    archive = registry.load(tenant, name, registry.resolve(tenant, name, version))
    row = registry.record(tenant, name, archive.manifest.version)
    summary = shown_of(facts_of(archive), files_of(archive))
    source = {"folder": row.source_folder, "commit": row.source_commit, "digest": row.contents} if row else {}
    if json_:
        about = {**summary, "source": source, **_schemas(archive), **_declared(archive.manifest)}
        print_json({**about, "entrypoints": _entrypoints(archive), "instructions": archive.manifest.instructions})
        return
    told = ", ".join(f"{key} {value}" if key != "folder" else value for key, value in source.items() if value)
    versions = ", ".join(registry.versions(tenant, name))
    for key, value in {**summary, "source": told, "versions": versions}.items():
        if value:
            print(harmless(f"{key + ':':<13}{', '.join(value) if isinstance(value, list) else value}"))
    for key in _declared(archive.manifest):
        files: tuple[DeclaredFile, ...] = getattr(archive.manifest, key)
        print(f"{key}:", *(harmless(f"  {_told(file)}") for file in files), sep="\n")
    for name, called in _entrypoints(archive).items():
        print(harmless(f"#{name + ':':<12}{json.dumps(called, ensure_ascii=True)}"))
    for key, schema in _schemas(archive).items():
        print(f"{key}:\n{json.dumps(schema, indent=2, ensure_ascii=True)}")
    print()
    print(harmless(archive.manifest.instructions))


@app.command()
def delete(skill: Annotated[str, typer.Argument(metavar="NAME@VERSION")], tenant: Tenant = "default") -> None:
    """Delete one version of a skill."""
    from skillbox_core.base.names import split_reference
    from skillbox_core.errors import InvalidRequestError
    from skillbox_core.storage.opening import open_registry

    name, version = split_reference(skill)
    if not version:
        raise InvalidRequestError(
            "which version is to be deleted must be said", hint="skillbox skill delete NAME@VERSION"
        )
    open_registry().delete(tenant, name, version)
    print(f"{name}@{version} deleted")


def _declared(asks: Manifest | EntryPoint) -> dict[str, list[dict[str, object]]]:
    """The files that a skill says it takes and leaves, what it does not say of them left out."""
    lists = {"input_files": asks.input_files, "output_files": asks.output_files}
    return {
        key: [{name: value for name, value in asdict(file).items() if value != ""} for file in files]
        for key, files in lists.items()
        if files
    }


def _told(file: DeclaredFile) -> str:
    kind = ", ".join(filter(None, (file.media_type, "" if file.required else "optional")))
    return f"{file.name}{f' ({kind})' if kind else ''}{f': {file.description}' if file.description else ''}"


def _schemas(archive: SkillArchive) -> dict[str, object]:
    manifest = archive.manifest
    schemas = {"input_schema": manifest.input_schema, "output_schema": manifest.output_schema}
    return {key: schema for key, schema in schemas.items() if schema is not None}


def _entrypoints(archive: SkillArchive) -> dict[str, dict[str, object]]:
    """What an overlay says of each of its entrypoints, what is as usual left out."""
    found = {}
    for name, entrypoint in archive.overlay.entrypoints.items():
        said: dict[str, object] = {"description": entrypoint.description, **json.loads(entrypoint.call.text)}
        said |= {"input_schema": entrypoint.input_schema, "output_schema": entrypoint.output_schema}
        said |= _declared(entrypoint)
        found[name] = {key: value for key, value in said.items() if value not in (None, "", [])}
    return found
