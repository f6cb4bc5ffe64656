"""Whether an image has the commands that a skill's overlay requires: asked in a sandbox, once for each image."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from skillbox_core.errors import InvalidSkillError, NoAnswerError, OutputError
from skillbox_core.sandbox.builtin import plan_script, run_script
from skillbox_core.sandbox.engine import Engine, Image
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.policy import SANDBOX
from skillbox_core.settings import Settings
from skillbox_core.storage.environment_records import EnvironmentRecords

_COMMAND = "sh"

Ask = Callable[[Image, Sequence[str]], Collection[str]]


def check_commands(
    commands: Sequence[str],
    image: str,
    engine: Engine,
    records: EnvironmentRecords,
    settings: Settings,
    ask: Ask | None = None,
) -> None:
    """Refuses an image that lacks a command.

    Args:
        commands: Names by the rule of an overlay's `requires`.
        image: After aliases.
        ask: Which of some commands an image has; by default asked in a sandbox.

    Raises:
        InvalidSkillError: Names the commands that it lacks.
        InfrastructureError: It can't be asked; calling again is safe.
    """
    if not commands:
        return
    found = ready_image(engine, image)
    # What it lacks is asked again: whoever reads that it lacks something should not read what was.
    asked = [command for command in commands if not records.has_command(found.id, command)]
    if not asked:
        return
    has = (ask or _ask_in_sandbox(engine, settings))(found, asked)
    for command in asked:
        if command in has:
            records.keep_command(found.id, image, command)
    if lacks := [command for command in asked if command not in has]:
        raise InvalidSkillError(
            f"image {image} has no {', '.join(lacks)}, which the skill's overlay requires",
            hint="`make tools-image` makes one with common tools, or name another: image: in the overlay",
        )


def question(commands: Sequence[str]) -> str:
    """The script that asks. Pure.

    Args:
        commands: Names by the rule of an overlay's `requires`, which leaves nothing that a shell or JSON would read,
            and no option.
    """
    tests = [f'command -v {command} >/dev/null 2>&1 && has="${{has}}{command} "' for command in commands]
    return "\n".join(["has=", *tests, f'printf \'"%s"\' "$has" > {SANDBOX}/out/output.json', ""])


def read_answer(answer: Any) -> frozenset[str]:
    """The commands that an image says it has. The image may say anything. Pure."""
    return frozenset(answer.split()) if isinstance(answer, str) else frozenset()


def _ask_in_sandbox(engine: Engine, settings: Settings) -> Ask:
    def ask(image: Image, commands: Sequence[str]) -> Collection[str]:
        with tempfile.TemporaryDirectory(prefix="skillbox-ask-") as folder:
            try:
                output, _ = run_script(
                    engine,
                    plan_script(_COMMAND, question(commands)),
                    image_id=image.id,
                    instance=settings.instance,
                    runtime=settings.runtime,
                    users=settings.sandbox_users,
                    folder=Path(folder),
                )
            except (NoAnswerError, OutputError) as error:
                raise InvalidSkillError(f"the image was asked which commands it has: {error.message}") from error
        return read_answer(json.loads(output.document or "null"))

    return ask
