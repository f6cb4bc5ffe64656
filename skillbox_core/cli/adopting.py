"""`skillbox skill adopt`."""

from __future__ import annotations

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from skillbox_core.base.text import harmless
from skillbox_core.cli.output import note

if TYPE_CHECKING:
    from skillbox_core.skills.adopt import Draft


def add_adopt(app: typer.Typer) -> None:
    """Adds the command to those of skills."""
    app.command()(adopt)


def adopt(
    folder: Path,
    output: Annotated[Path | None, typer.Option(help="The overlay; by default NAME.overlay.yaml.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite the file if it is there.")] = False,
) -> None:
    """Draft an overlay for somebody else's skill, by reading its scripts without running them."""
    from skillbox_core.cli.packing import archive_of
    from skillbox_core.errors import InvalidSkillError
    from skillbox_core.skills.adopt import adopt as read

    with TemporaryDirectory() as scratch:
        archive = archive_of(folder, Path(scratch), prepare=False)
        draft = read(archive)
    name = archive.manifest.name
    for path, why in draft.left_out:
        note(f"{path}: no entrypoint: {why}")
    if not draft.entrypoints:
        raise InvalidSkillError(
            f"{name} has no script that an entrypoint could be drafted for",
            hint="`skillbox run NAME SCRIPT -- ARGUMENTS` calls any script as it is",
        )
    target = output or Path(f"{name}.overlay.yaml")
    _write(target, draft.text, folder, force=force)
    _tell(draft, name, folder, target)


def _write(target: Path, text: str, folder: Path, *, force: bool) -> None:
    from skillbox_core.base.files import unwritable
    from skillbox_core.errors import InvalidRequestError

    if folder.is_dir() and target.resolve().is_relative_to(folder.resolve()):
        raise InvalidRequestError(
            f"{target} lies in the skill's folder, and would be a part of the skill",
            hint="--output may name a place elsewhere",
        )
    try:
        with target.open("w" if force else "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise InvalidRequestError(
            f"{target} already exists", hint="--output may name another, --force overwrites it"
        ) from None
    except OSError as error:
        raise unwritable(target, error) from None


def _tell(draft: Draft, name: str, folder: Path, target: Path) -> None:
    for entrypoint in draft.entrypoints:
        note(f"{entrypoint.name}: {entrypoint.script}")
        for line in entrypoint.left_out:
            note(f"  left out, {line}")
        for line in entrypoint.doubts:
            note(f"  look at this: {line}")
    first = draft.entrypoints[0]
    given = [part for file in first.input_files for part in ("--file", f"{file.replace('*', 'FILE')}=PATH")]
    given += ["--input", "{" + ", ".join(f'"{key}": ...' for key in first.required) + "}"] if first.required else []
    print(harmless(str(target)))
    note("look it through, then:")
    note(f"  skillbox skill push {shlex.quote(str(folder))} --overlay {shlex.quote(str(target))}")
    note(f"  {shlex.join(['skillbox', 'run', f'{name}#{first.name}', *given])}")
