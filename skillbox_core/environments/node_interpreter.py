"""Which Node an image has: asked of it in a sandbox, once for each image, and kept in the database."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from skillbox_core.base.names import shown
from skillbox_core.base.quantities import parse_memory_limit
from skillbox_core.errors import InvalidSkillError, NoAnswerError, OutputError
from skillbox_core.models import Interpreter
from skillbox_core.sandbox.builtin import plan_script, run_script
from skillbox_core.sandbox.engine import Engine, Image
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.policy import SANDBOX
from skillbox_core.settings import Settings
from skillbox_core.storage.environment_records import EnvironmentRecords

_COMMAND = "env -u NODE_OPTIONS -u NODE_PATH node"
"""Nothing that the image would load beside is run."""
_MEMORY = 128 * 1024**2
_MACHINES = {"x64": "x86_64", "arm64": "aarch64"}
_NONE = "`environment: none` in SKILL.md prepares nothing, where the image has what is needed"

# Node tells its glibc only in a report, which would else look at the network.
_SCRIPT = f"""
const fs = require("fs");
process.report.excludeNetwork = true;
const glibc = process.report.getReport().header.glibcVersionRuntime;
let libc = glibc ? "glibc " + glibc : "";
if (!libc) {{
  const loader = fs.readdirSync("/lib").find((name) => /^ld-musl-.*\\.so\\.1$/.test(name));
  const said = loader ? String(require("child_process").spawnSync("/lib/" + loader).stderr) : "";
  libc = "musl " + (/Version (\\S+)/.exec(said) || ["", ""])[1];
}}
const answer = {{ version: process.versions.node, machine: process.arch, libc }};
fs.writeFileSync("{SANDBOX}/out/output.json", JSON.stringify(answer));
"""


def find_node(image: str, engine: Engine, records: EnvironmentRecords, settings: Settings) -> Interpreter:
    """The Node of an image: what is kept for it, else its own answer.

    Args:
        image: After aliases.

    Raises:
        InvalidSkillError: There is none, or there are no packages for it.
        InfrastructureError: It can't be asked.
    """
    found = ready_image(engine, image)
    kept = records.node(found.id)
    if kept is None:
        kept = _ask(engine, settings, found)
        records.keep_interpreter(found.id, image, kept)
    return kept


def _ask(engine: Engine, settings: Settings, image: Image) -> Interpreter:
    with tempfile.TemporaryDirectory(prefix="skillbox-ask-") as folder:
        try:
            output, _ = run_script(
                engine,
                plan_script(_COMMAND, _SCRIPT),
                image_id=image.id,
                instance=settings.instance,
                runtime=settings.runtime,
                users=settings.sandbox_users,
                folder=Path(folder),
                memory=min(_MEMORY, parse_memory_limit(settings.max_memory)),
            )
        except (NoAnswerError, OutputError) as error:
            raise InvalidSkillError(
                f"the image was asked which Node it has: {error.message}", hint=f"has it node? {_NONE}"
            ) from error
    return read_node(json.loads(output.document or "null"))


def read_node(answer: Any) -> Interpreter:
    """The Node that an image says it has. The image may say anything. Pure.

    Raises:
        InvalidSkillError: There are no packages for it.
    """
    fields = answer if isinstance(answer, dict) else {}
    machine = _MACHINES.get(str(fields.get("machine")), "")
    # Of musl's 1.2.5 the first two numbers are enough: npm asks for its name only.
    libc = re.sub(r"(\d+\.\d+)\.\d+\Z", r"\1", str(fields.get("libc")))
    found = Interpreter.parse(f"node {fields.get('version')} {machine} {libc}")
    if found is None:
        said = f"{fields.get('version')} {fields.get('machine')} {fields.get('libc')}"
        raise InvalidSkillError(f"there are no packages for an image with the Node {shown(said)}", hint=_NONE)
    return found
