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

COMMANDS = {"python": "python3", "node": "node", "bash": "bash"}
SCRIPTS = "scripts"
INPUT_FILES = "in/files"
START = ".run"
LANG = "C.UTF-8"
"""Where neither the image nor the caller says one: without it, text that is not ASCII is bytes to many tools."""
CHUNK = 256 * 1024


@dataclass
class TarPlan:
    """A tar whose size is known before its first byte is made."""

    _parts: list[tuple[bytes, int, Callable[[], Iterable[bytes]]]] = field(default_factory=list)

    def add(self, path: str, size: int, mode: int, read: Callable[[], Iterable[bytes]]) -> None:
        """Adds a file of `size` bytes whose contents `read` gives when the tar is made."""
        info = tarfile.TarInfo(path)
        info.size, info.mode = size, mode
        self._parts.append((info.tobuf(tarfile.GNU_FORMAT), size, read))

    def add_bytes(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Adds a small file."""
        self.add(path, len(data), mode, lambda: (data,))

    def add_folder(self, path: str, mode: int) -> None:
        """Adds a folder, or gives one that came to be with its contents its mode."""
        info = tarfile.TarInfo(path)
        info.type, info.mode = tarfile.DIRTYPE, mode
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


def start_script(lang: str, entrypoint: str, env: Mapping[str, str], *, prepared: bool = False) -> bytes:
    """The script that becomes the skill: it sets the environment and replaces itself by the entrypoint.

    It removes its own file first, so that no secret stays on a file system.

    Args:
        prepared: The image is an environment's, whose packages and programs are to be found.
    """
    lines = [f"rm -f /sandbox/{START}", "cd /sandbox"]
    # What an image says is its own, and what the caller says comes after it.
    lines.append(f'export LANG="${{LANG:-{LANG}}}"')
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    if prepared:
        lines += environment_lines(lang)
    lines.append(f"exec {COMMANDS[lang]} {shlex.quote(f'/sandbox/{SCRIPTS}/{entrypoint}')}")
    return ("\n".join(lines) + "\n").encode("utf-8", errors="surrogatepass")


def plan_delivery(archive: SkillArchive, input_json: bytes, start: bytes, files: Sequence[StagedFile] = ()) -> TarPlan:
    """Everything a sandbox gets, in one tar, and last what starts it: a delivery that broke off starts nothing."""
    plan = TarPlan()
    plan.add_bytes("input.json", input_json)
    for file in archive.files:
        plan.add(f"{SCRIPTS}/{file.path}", file.size, file.mode, partial(archive.read, file))
    folders = {INPUT_FILES, INPUT_FILES.rpartition("/")[0]}
    for given in files:
        path = f"{INPUT_FILES}/{given.digest.path}"
        plan.add(path, given.digest.size, 0o444, partial(_read, given.spool))
        folders.update(str(parent) for parent in PurePosixPath(path).parents[:-1])
    # After their contents and from the inside out: not every tar can write into a folder that it made read-only.
    for folder in sorted(folders, key=lambda folder: folder.count("/"), reverse=True):
        plan.add_folder(folder, 0o555)
    plan.add_bytes(START, start, 0o600)
    return plan


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
