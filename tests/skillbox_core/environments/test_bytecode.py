"""Bytecode that comes back from a sandbox is a stranger's."""

from __future__ import annotations

import io

import pytest

from skillbox_core.environments.bytecode import batches, compiled_path, read_compiled, sources
from skillbox_core.environments.tree import Member
from skillbox_core.errors import OutputError

BATCH = [Member("lib/python3.11/site-packages/a.py", b"1"), Member("lib/python3.11/site-packages/p/__init__.py", b"2")]
MAGIC = b"\xa7\r\r\n"
GOOD = MAGIC + b"\1\0\0\0" + b"hashhash" + b"code"


def framed(*parts: bytes) -> io.BytesIO:
    return io.BytesIO(b"".join(len(part).to_bytes(8, "big") + part for part in parts))


def test_what_comes_back_has_the_names_that_python_looks_for() -> None:
    found = read_compiled(framed(GOOD, GOOD), BATCH, "3.11", MAGIC)
    assert [member.path for member in found] == [
        "lib/python3.11/site-packages/__pycache__/a.cpython-311.pyc",
        "lib/python3.11/site-packages/p/__pycache__/__init__.cpython-311.pyc",
    ]
    assert compiled_path("lib/x.py", "3.9") == "lib/__pycache__/x.cpython-39.pyc"


def test_what_does_not_compile_is_left_out() -> None:
    assert [member.path for member in read_compiled(framed(b"", GOOD), BATCH, "3.11", MAGIC)] == [
        "lib/python3.11/site-packages/p/__pycache__/__init__.cpython-311.pyc"
    ]


@pytest.mark.parametrize(
    "data",
    [
        framed(GOOD),
        framed(GOOD, GOOD, GOOD),
        framed(GOOD, b"short"),
        framed(GOOD, b"XXXX" + GOOD[4:]),
        framed(GOOD, MAGIC + b"\0\0\0\0" + GOOD[8:]),
        io.BytesIO(b"\xff" * 8 + b"x"),
        io.BytesIO(b""),
    ],
)
def test_what_is_no_bytecode_is_refused(data: io.BytesIO) -> None:
    with pytest.raises(OutputError, match=r"bytecode|more than was asked"):
        read_compiled(data, BATCH, "3.11", MAGIC)


def test_only_modules_are_compiled_in_batches_of_a_size() -> None:
    members = [Member(f"lib/{name}", b"x" * 10) for name in ("c.py", "a.py", "b.py", "d.txt")] + [
        Member("bin/x.py", b"")
    ]
    found = sources(members)
    assert [member.path for member in found] == ["lib/a.py", "lib/b.py", "lib/c.py"]
    assert [len(batch) for batch in batches(found, 25)] == [2, 1]
    assert [len(batch) for batch in batches(found, 1)] == [1, 1, 1]
