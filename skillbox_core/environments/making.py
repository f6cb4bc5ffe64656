"""From a lock to a tree: uv fetches and unpacks the wheels, and nothing of them runs."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from packaging.utils import canonicalize_name

from skillbox_core.environments import uv
from skillbox_core.environments.layout import lay_out
from skillbox_core.environments.platforms import check_reach
from skillbox_core.environments.tree import Member, check_members, write_tree
from skillbox_core.models import Interpreter, Tree
from skillbox_core.skills.environment_lock import Lock

Compile = Callable[[Sequence[Member]], list[Member]]
"""Makes the bytecode of the members that are Python source; see `environments.bytecode`."""


def make_tree(
    lock: Lock, interpreter: Interpreter, target: Path, *, max_size: int, max_files: int, compile: Compile
) -> Tree:
    """Makes the tree of a lock for an interpreter.

    Args:
        target: Where the uncompressed tar will be.
        max_size: Bytes of it.
        max_files: How many files, with their bytecode.
        compile: Makes bytecode.

    Raises:
        InvalidSkillError: The lock does not reach the interpreter, a wheel is missing, or there is too much of it.
        IndexUnavailableError: The index can't be reached.
    """
    check_reach(lock, interpreter)
    with tempfile.TemporaryDirectory(prefix="skillbox-tree-") as temporary:
        folder = Path(temporary)

        def install(name: str, pins: str) -> Path:
            (folder / f"{name}.txt").write_text(pins, "ascii")
            arguments = ["--target", str(folder / name), "--require-hashes", "--no-deps", "--link-mode", "hardlink"]
            uv.run_uv(
                ("pip", "install"),
                [*arguments, *uv.for_interpreter(interpreter), "--requirements", f"{name}.txt"],
                folder,
                path=lock.path,
                interpreter=interpreter,
                timeout=uv.INSTALL_TIMEOUT,
                max_size=max_size,
            )
            (folder / name).mkdir(exist_ok=True)
            return folder / name

        @cache
        def again(info: str) -> Path:
            # Once for each package, however many files it has in common with others; a wheel may name any number that
            # it does not have.
            name = canonicalize_name(info.partition("-")[0])
            pins = "".join(pin.text for pin in lock.pins if pin.name == name)
            return install(f"alone-{name}", pins) if pins else folder / "nothing"

        unpacked = install("unpacked", lock.body)
        members = lay_out(unpacked, interpreter.minor, sys.executable, again, max_files)
        check_members(members, max_size, max_files)
        members += compile(members)
        check_members(members, max_size, max_files)
        return write_tree(members, target)
