"""Bytecode of a tree's Python source, by the image's own interpreter in a sandbox: it parses, and runs none of it.

A sandbox's root file system is read-only, so without bytecode every run would compile what it imports anew. The
sources go in as one file and the results come back as one, so that neither meets the limits on the number of files.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from skillbox_core.base.quantities import parse_memory_limit
from skillbox_core.environments.interpreter import COMMAND
from skillbox_core.environments.tree import Member
from skillbox_core.errors import InvalidSkillError, NoAnswerError, OutputError
from skillbox_core.models import Interpreter
from skillbox_core.sandbox.builtin import plan_script, run_script
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.policy import SANDBOX
from skillbox_core.sandbox.site_packages import USER_BASE
from skillbox_core.settings import Settings

BATCH = 48 * 1024**2
"""Bytes of source for one sandbox."""
MAX_SOURCE = 4 * 1024**2
"""Bytes of one file; what is larger is left to be compiled when it is imported."""
_GROWTH = 3
"""Bytecode is about as long as its source; tables of numbers are longer."""
_MEMORY = 1024**3
"""A parser needs some twenty bytes for each of its source, and some hundred for tables of numbers."""
_TIMEOUT = 300.0
_MAGIC = 16
"""Bytes before the code in a .pyc: magic number, flags, and the hash of the source."""
_UNCHECKED = (1).to_bytes(4, "little")
"""PEP 552: valid by hash, and never checked, since nothing in an image changes."""

# The hash seed is fixed, since it decides the order of sets among the constants. Refuses nothing: what does not compile
# (templates, other versions of the language) has no bytecode, as with every installer.
_SCRIPT = f"""
import importlib.util, json, marshal, warnings
warnings.simplefilter("ignore")
sources = open("{SANDBOX}/in/sources", "rb")
paths = json.loads(sources.readline())
with open("{SANDBOX}/out/files/compiled", "wb") as out:
    for path, size in paths:
        source = sources.read(size)
        try:
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
            data = marshal.dumps(marshal.loads(marshal.dumps(code)))
        except BaseException:
            data = b""
        else:
            data = importlib.util.MAGIC_NUMBER + {_UNCHECKED!r} + importlib.util.source_hash(source) + data
        out.write(len(data).to_bytes(8, "big") + data)
with open("{SANDBOX}/out/output.json", "w") as file:
    json.dump(importlib.util.MAGIC_NUMBER.hex(), file)
"""


def sources(members: Sequence[Member], largest: int = MAX_SOURCE) -> list[Member]:
    """The members that are compiled, in the order of their paths."""
    largest = min(largest, MAX_SOURCE)
    found = [member for member in members if _is_module(member.path) and member.size <= largest]
    return sorted(found, key=lambda member: member.path)


def _is_module(path: str) -> bool:
    return path.startswith("lib/") and path.endswith(".py")


def batches(members: Sequence[Member], size: int = BATCH) -> Iterator[list[Member]]:
    """The members in lists of about so many bytes: the same lists for the same members."""
    batch: list[Member] = []
    held = 0
    for member in members:
        if batch and held + member.size > size:
            yield batch
            batch, held = [], 0
        batch.append(member)
        held += member.size
    if batch:
        yield batch


def compiled_path(path: str, python: str) -> str:
    """Where Python looks for the bytecode of a module (PEP 3147)."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-{python.replace('.', '')}.pyc"


def read_compiled(file: IO[bytes], batch: Sequence[Member], python: str, magic: bytes) -> list[Member]:
    """The bytecode that came back for a batch, as members.

    Raises:
        OutputError: It is not that.
    """
    found: list[Member] = []
    for member in batch:
        size = int.from_bytes(_exactly(file, 8), "big")
        if not size:
            continue
        if not _MAGIC < size <= _GROWTH * BATCH:
            raise OutputError("the image's Python gave back no bytecode")
        data = _exactly(file, size)
        if data[:8] != magic + _UNCHECKED:
            raise OutputError("the image's Python gave back no bytecode")
        found.append(Member(compiled_path(member.path, python), data))
    if file.read(1):
        raise OutputError("the image's Python gave back more than was asked for")
    return found


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise OutputError("the image's Python gave back less bytecode than was asked for")
    return data


class Compiler:
    """Compiles members on an engine, in sandboxes of an image.

    Args:
        image_id: The image whose Python is used.
    """

    def __init__(self, engine: Engine, settings: Settings, image_id: str, interpreter: Interpreter) -> None:
        self._engine = engine
        self._settings = settings
        self._image_id = image_id
        self._python = interpreter.minor

    def __call__(self, members: Sequence[Member]) -> list[Member]:
        """The bytecode of all members that are Python source and compile.

        Raises:
            EngineError: The engine failed; calling again is safe.
            InvalidSkillError: The image does not give bytecode back.
        """
        found: list[Member] = []
        taken = {member.path for member in members}
        # A broker holds our own sandboxes to the installation's limits, too.
        largest = parse_memory_limit(self._settings.max_scratch) // (_GROWTH + 2)
        for batch in batches(sources(members, largest), min(BATCH, largest)):
            found += [member for member in self._compile(batch) if member.path not in taken]
        return found

    def _compile(self, batch: Sequence[Member]) -> list[Member]:
        listed = [[f"{USER_BASE}/{member.path}", member.size] for member in batch]
        head = json.dumps(listed).encode() + b"\n"
        total = len(head) + sum(member.size for member in batch)
        plan = plan_script(
            COMMAND, _SCRIPT, {"PYTHONHASHSEED": "0"}, before=[("in/sources", total, partial(_all, head, batch))]
        )
        scratch = 2 * 1024**2 + total + _GROWTH * max(total, 1024**2)
        with tempfile.TemporaryDirectory(prefix="skillbox-bytecode-") as folder:
            try:
                output, _ = run_script(
                    self._engine,
                    plan,
                    image_id=self._image_id,
                    instance=self._settings.instance,
                    runtime=self._settings.runtime,
                    users=self._settings.sandbox_users,
                    folder=Path(folder),
                    timeout=_TIMEOUT,
                    memory=min(_MEMORY, parse_memory_limit(self._settings.max_memory)),
                    scratch=scratch,
                )
                magic = bytes.fromhex(str(json.loads(output.document or '""')))
                if output.spool is None:
                    raise OutputError("the image's Python gave back no bytecode")
                with tarfile.open(output.spool, "r:gz") as tar:
                    file = tar.extractfile("compiled")
                    if file is None:
                        raise OutputError("the image's Python gave back no bytecode")
                    return read_compiled(file, batch, self._python, magic)
            except (NoAnswerError, OutputError, KeyError, ValueError) as error:
                raise InvalidSkillError(
                    f"the packages can't be compiled by the image's own Python: {error}",
                    hint="use an image that has them (`image:` and `environment: none` in SKILL.md)",
                ) from error


def _all(head: bytes, batch: Sequence[Member]) -> Iterator[bytes]:
    yield head
    for member in batch:
        yield from member.read()
