"""What goes into a sandbox: the skill, its input, its input files and a generated start script, as one tar.

Its size is known before its first byte is made, and it never lies whole in memory.
"""

from __future__ import annotations

import shlex
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from skillbox_core.models import StagedFile
from skillbox_core.sandbox.site_packages import environment_lines
from skillbox_core.sandbox.tarstream import BLOCK
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.overlay import OVERLAY

COMMANDS = {"python": "python3", "node": "node", "bash": "bash"}
SCRIPTS = "scripts"
INPUT_FILES = "in/files"
OUTPUT_FILES = "out/files"
START = ".run"
STDIN = ".stdin"
STDOUT = ".stdout"
"""Where it is there, the supervisor keeps in it what is printed; see supervisor.sh."""
PIPE = ".pipe"
JOB = ".job"
"""What an interpreter that waits is told; see `skillbox_core.sandbox.warming`."""
RESULT = ".result"
"""Where it is there, the supervisor keeps the file that it names; see supervisor.sh."""
LANG = "C.UTF-8"
"""Where neither the image nor the caller says one: without it, text that is not ASCII is bytes to many tools."""
CHUNK = 256 * 1024
_MTIME = 315_619_200
"""Of all that is delivered: 2 January 1980. One for all keeps runs alike; a zip has no time before 1980 in any time
zone, and a script that packs its input with Python's `zipfile` fails on an earlier one.
"""


@dataclass
class TarPlan:
    """A tar whose size is known before its first byte is made."""

    _parts: list[tuple[bytes, int, Callable[[], Iterable[bytes]]]] = field(default_factory=list)

    def add(self, path: str, size: int, mode: int, read: Callable[[], Iterable[bytes]]) -> None:
        """Adds a file of `size` bytes whose contents `read` gives when the tar is made."""
        info = tarfile.TarInfo(path)
        info.size, info.mode, info.mtime = size, mode, _MTIME
        self._parts.append((info.tobuf(tarfile.GNU_FORMAT), size, read))

    def add_bytes(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Adds a small file."""
        self.add(path, len(data), mode, lambda: (data,))

    def add_folder(self, path: str, mode: int) -> None:
        """Adds a folder, or gives one that came to be with its contents its mode."""
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.mtime = tarfile.DIRTYPE, mode, _MTIME
        self._parts.append((info.tobuf(tarfile.GNU_FORMAT), 0, lambda: ()))

    @property
    def size(self) -> int:
        """Bytes of the whole tar."""
        return sum(len(header) + size + -size % BLOCK for header, size, _ in self._parts) + 2 * BLOCK

    def __iter__(self) -> Iterator[bytes]:
        for header, size, read in self._parts:
            yield header
            yield from read()
            yield b"\0" * (-size % BLOCK)
        yield b"\0" * 2 * BLOCK


@dataclass(frozen=True)
class Invocation:
    """How a script is called in a sandbox: a call whose templates are expanded.

    Attributes:
        args: Its arguments.
        stdin: Its standard input; None for none.
        result_file: The file that it may leave in its working directory, to be kept as one in `{out}`.
        printed: Its result may be what it prints, which is kept.
        edit: Its input files lie in `{out}`, as copies that it may change.
        own_folder: It runs in the skill's own folder, not in `/sandbox`.
    """

    args: tuple[str, ...] = ()
    stdin: str | None = None
    result_file: str | None = None
    printed: bool = False
    edit: bool = False
    own_folder: bool = False

    @property
    def files_folder(self) -> str:
        """Where its input files are, below `/sandbox`."""
        return OUTPUT_FILES if self.edit else INPUT_FILES

    @property
    def working_folder(self) -> str:
        """Where it runs."""
        return f"/sandbox/{SCRIPTS}" if self.own_folder else "/sandbox"


PLAIN = Invocation()
"""That of a skill's own entrypoint."""


def start_script(
    lang: str, entrypoint: str, env: Mapping[str, str], *, prepared: bool = False, invocation: Invocation = PLAIN
) -> bytes:
    """The script that becomes the skill: it sets the environment and replaces itself by the entrypoint.

    It removes its own file first, so that no secret stays on a file system.

    Args:
        prepared: The image is an environment's, whose packages and programs are to be found.
        invocation: Its arguments are single-quoted words, in which a shell expands nothing (POSIX, 2.2.2).
    """
    lines = [f"rm -f /sandbox/{START}", f"cd {invocation.working_folder}"]
    # What an image says is its own, and what the caller says comes after it.
    lines.append(f'export LANG="${{LANG:-{LANG}}}"')
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    if prepared:
        lines += environment_lines(lang)
    if invocation.printed:
        # Both its ends are open by now.
        lines.append(f"rm -f /sandbox/{PIPE}")
    if invocation.stdin is not None:
        lines += [f"exec </sandbox/{STDIN}", f"rm -f /sandbox/{STDIN}"]
    if invocation.result_file is not None:
        # A script may count on the folder of a file that it is asked for.
        lines.append(f"mkdir -p {shlex.quote(f'./{invocation.result_file}'.rpartition('/')[0])}")
    arguments = [f"/sandbox/{SCRIPTS}/{entrypoint}", *invocation.args]
    lines.append(f"exec {COMMANDS[lang]} {' '.join(map(shlex.quote, arguments))}")
    return ("\n".join(lines) + "\n").encode("utf-8", errors="surrogatepass")


def plan_delivery(
    archive: SkillArchive,
    input_json: bytes,
    start: bytes,
    files: Sequence[StagedFile] = (),
    invocation: Invocation = PLAIN,
    job: bytes | None = None,
) -> TarPlan:
    """Everything a sandbox gets, in one tar, and last what starts it: a delivery that broke off starts nothing."""
    plan = TarPlan()
    plan.add_bytes("input.json", input_json)
    # What somebody said of the skill is no part of it.
    for file in (file for file in archive.files if file.path != OVERLAY):
        plan.add(f"{SCRIPTS}/{file.path}", file.size, file.mode, partial(archive.read, file))
    folders = {INPUT_FILES, INPUT_FILES.rpartition("/")[0]}
    for given in files:
        path = f"{invocation.files_folder}/{given.digest.path}"
        plan.add(path, given.digest.size, 0o644 if invocation.edit else 0o444, partial(_read, given.spool))
        if not invocation.edit:
            folders.update(str(parent) for parent in PurePosixPath(path).parents[:-1])
    if invocation.stdin is not None:
        plan.add_bytes(STDIN, invocation.stdin.encode(), 0o600)
    if invocation.printed:
        plan.add_bytes(STDOUT, b"", 0o600)
    if invocation.result_file is not None:
        places = (invocation.working_folder, f"/sandbox/{OUTPUT_FILES}")
        plan.add_bytes(RESULT, "".join(f"{place}/{invocation.result_file}\n" for place in places).encode(), 0o600)
    # After their contents and from the inside out: not every tar can write into a folder that it made read-only.
    for folder in sorted(folders, key=lambda folder: folder.count("/"), reverse=True):
        plan.add_folder(folder, 0o555)
    if job is not None:
        plan.add_bytes(JOB, job, 0o600)
    plan.add_bytes(START, start, 0o600)
    return plan


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
