"""Which Python an image has: asked of it in a sandbox, once for each image, and kept in the database."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skillbox_core.base.names import shown
from skillbox_core.errors import (
    EngineError,
    ImageUnavailableError,
    InvalidSkillError,
    NoAnswerError,
    OutputError,
    SkillboxError,
)
from skillbox_core.models import Interpreter
from skillbox_core.sandbox.builtin import plan_script, run_script
from skillbox_core.sandbox.engine import Engine, Image
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.policy import SANDBOX
from skillbox_core.settings import Settings
from skillbox_core.storage.environment_records import EnvironmentRecords

COMMAND = "python3 -s -S -B"
"""Nothing that is installed in the image is run: no site-packages, no .pth files, no sitecustomize."""
MEMORY = 64 * 1024**2
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_NONE = "`environment: none` in SKILL.md prepares nothing, where the image has what is needed"

_SCRIPT = f"""
import glob, json, os, platform, struct, subprocess, sys
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
except (OSError, ValueError):
    libc = ""
if not libc:
    for loader in glob.glob("/lib/ld-musl-*.so.1"):
        said = subprocess.run([loader], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL).stderr.decode()
        libc = "musl " + said.partition("Version ")[2].split()[0]
answer = dict(
    version=".".join(map(str, sys.version_info[:3])),
    machine=platform.machine(),
    bits=8 * struct.calcsize("P"),
    libc=libc,
    implementation=sys.implementation.name,
    abiflags=sys.abiflags,
)
with open("{SANDBOX}/out/output.json", "w") as file:
    json.dump(answer, file)
"""


@dataclass(frozen=True)
class Known:
    """The Python of an image, and how it is known.

    Attributes:
        note: A sentence where it was not asked of the image itself; else empty.
    """

    interpreter: Interpreter
    note: str = ""


Ask = Callable[[Image], Interpreter]


def ask_in_sandbox(engine: Engine, settings: Settings) -> Ask:
    """The question, for images of an engine."""

    def ask(image: Image) -> Interpreter:
        with tempfile.TemporaryDirectory(prefix="skillbox-ask-") as folder:
            try:
                output, _ = run_script(
                    engine,
                    plan_script(COMMAND, _SCRIPT),
                    image_id=image.id,
                    instance=settings.instance,
                    runtime=settings.runtime,
                    users=settings.sandbox_users,
                    folder=Path(folder),
                    memory=MEMORY,
                )
            except (NoAnswerError, OutputError) as error:
                raise InvalidSkillError(
                    f"the image was asked which Python it has: {error.message}", hint=f"has it python3? {_NONE}"
                ) from error
        return read_answer(json.loads(output.document or "null"))

    return ask


def read_answer(answer: Any) -> Interpreter:
    """The interpreter that an image says it has. The image may say anything. Pure.

    Raises:
        InvalidSkillError: There are no packages for it, or it would not find them.
    """
    fields = answer if isinstance(answer, dict) else {}
    implementation = fields.get("implementation")
    if implementation != "cpython" or fields.get("abiflags") or fields.get("bits") != 64:
        said = f"{implementation} {fields.get('abiflags')} {fields.get('bits')} bit"
        raise InvalidSkillError(
            f"the image's Python is {shown(said)}, and packages are locked for the usual 64-bit CPython only",
            hint=_NONE,
        )
    machine = _MACHINES.get(str(fields.get("machine")).lower(), "")
    # Of musl's 1.2.5 the first two numbers are the ones that wheels name.
    libc = re.sub(r"(\d+\.\d+)\.\d+\Z", r"\1", str(fields.get("libc")))
    found = Interpreter.parse(f"{fields.get('version')} {machine} {libc}")
    if found is None:
        said = f"{fields.get('version')} {fields.get('machine')} {fields.get('libc')}"
        raise InvalidSkillError(f"there are no wheels for an image with {shown(said)}", hint=_NONE)
    return found


def find_interpreter(
    image: str, engine: Engine, records: EnvironmentRecords, settings: Settings, ask: Ask | None = None
) -> Known:
    """The Python of an image: what is kept for it, else its own answer; without an engine what was last known.

    Args:
        image: After aliases.
        ask: Of the image itself; by default in a sandbox.

    Raises:
        InvalidSkillError: There are no packages for its Python.
        InfrastructureError: It can't be asked, and nothing is known of it.
    """
    try:
        found = ready_image(engine, image)
        kept = records.interpreter(found.id)
        if kept is None:
            kept = (ask or ask_in_sandbox(engine, settings))(found)
            records.keep_interpreter(found.id, image, kept)
        return Known(kept)
    except (EngineError, ImageUnavailableError) as error:
        return remembered(image, records, settings, error)


def remembered(image: str, records: EnvironmentRecords, settings: Settings, why: SkillboxError) -> Known:
    """What is known of an image that can't be asked: its last answer, or what the settings say.

    Raises:
        SkillboxError: Nothing; of the kind that `why` is.
    """
    if kept := records.last_interpreter(image):
        return Known(kept, f"{image} can't be asked for its Python; it was {kept.text} when it was last asked")
    if said := Interpreter.parse(settings.environment_python):
        return Known(said, f"{image} can't be asked for its Python; it is taken for {said.text}, by the settings")
    raise type(why)(
        f"which Python {image} has is not known: {why.message}",
        hint='SKILLBOX_ENVIRONMENT_PYTHON says it where there is no engine: "3.11 x86_64 glibc 2.36"',
    ) from why
