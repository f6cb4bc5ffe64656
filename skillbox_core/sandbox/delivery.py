"""What goes into a sandbox: the skill, its input and a generated start script, as one tar.

Its size is known before its first byte is made, and it never lies whole in memory.
"""

from __future__ import annotations

import shlex
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from skillbox_core.sandbox.tarstream import BLOCK
from skillbox_core.skills.archive import SkillArchive

COMMANDS = {"python": "python3", "node": "node", "bash": "bash"}
SCRIPTS = "scripts"
START = ".run"


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


def start_script(lang: str, entrypoint: str, env: Mapping[str, str]) -> bytes:
    """The script that becomes the skill: it sets the environment and replaces itself by the entrypoint.

    It removes its own file first, so that no secret stays on a file system.
    """
    lines = [f"rm -f /sandbox/{START}", "cd /sandbox"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines.append(f"exec {COMMANDS[lang]} {shlex.quote(f'/sandbox/{SCRIPTS}/{entrypoint}')}")
    return ("\n".join(lines) + "\n").encode("utf-8", errors="surrogatepass")


def plan_delivery(archive: SkillArchive, input_json: bytes, start: bytes) -> TarPlan:
    """Everything a sandbox gets, in one tar."""
    plan = TarPlan()
    plan.add_bytes(START, start, 0o600)
    plan.add_bytes("input.json", input_json)
    for file in archive.files:
        plan.add(f"{SCRIPTS}/{file.path}", file.size, file.mode, partial(archive.read, file))
    return plan
