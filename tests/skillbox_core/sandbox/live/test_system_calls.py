"""The system call filter from inside: what programs need works, and no other way into the kernel is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillbox_core import Status
from tests.conftest import Run

PROGRAMS = Path(__file__).parent / "programs"

ABIS = """
import ctypes, json, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
def fate(action):
    if (child := os.fork()) == 0:
        action(); os._exit(0)
    status = os.waitpid(child, 0)[1]
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "lived"
def i386():
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(b"\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3")  # getpid by the gate of 32-bit programs
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
machine = os.uname().machine
found = {"i386": fate(i386), "x32": fate(lambda: libc.syscall(0x40000000 | 39))} if machine == "x86_64" else {}
json.dump(found, open("/sandbox/out/output.json", "w"))
"""


@pytest.mark.parametrize(
    ("lang", "file", "parts"), [("python", "works.py", 9), ("node", "works.js", 5), ("bash", "works.sh", 6)]
)
def test_what_programs_need_works(run: Run, lang: str, file: str, parts: int) -> None:
    result = run((PROGRAMS / file).read_text(), lang=lang, cpu="2", timeout="60s")
    assert result.status is Status.SUCCESS, result
    assert len(result.output) == parts, result.output


def test_the_abis_of_other_machines_are_deadly(run: Run) -> None:
    found = run(ABIS).output
    if not found:
        pytest.skip("this machine has no second ABI")
    assert found == {"i386": "signal 31", "x32": "signal 31"}
