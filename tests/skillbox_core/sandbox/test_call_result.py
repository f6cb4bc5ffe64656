"""What a call gave: output.json, else the file it names, else what it printed, whole and within the limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.models import Call
from skillbox_core.sandbox.call_result import CallResult, Kept, result_of
from skillbox_core.sandbox.output import read_output
from tests.skillbox_core.sandbox.test_delivery_and_output import DOC, Member, file, folder, pieces, tar

LIMIT = 1000


def of(result: str, stdout: bytes | None = None, named: bytes | None = None, *, files: bool = False) -> CallResult:
    kept = [None if data is None else Kept(data, len(data)) for data in (stdout, named)]
    return result_of(Call(script="x.py", result=result), kept[0], kept[1], files=files, limit=LIMIT)


@pytest.mark.parametrize(
    ("result", "stdout", "document"),
    [
        ("auto", b'{"a": 1}\n', {"a": 1}),
        ("auto", b"[]", []),
        ("auto", b"null\n", None),
        ("auto", b" 7 ", 7),
        ("auto", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("auto", b"one\ntwo\n", "one\ntwo\n"),
        ("auto", b'{"a": 1}\n{"a": 2}\n', '{"a": 1}\n{"a": 2}\n'),
        ("auto", b'{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ("auto", b"NaN", "NaN"),
        ("auto", "é\0".encode(), "é\0"),
        ("json", b"[1]\n", [1]),
        ("lines", b"a\nb\n", ["a", "b"]),
        ("lines", b"a\r\nb", ["a", "b"]),
        ("lines", b"\na\n\n", ["", "a", ""]),
        ("lines", "a\u2028b\x0bc\x1cd".encode(), ["a\u2028b\x0bc\x1cd"]),
        ("text", b'{"a": 1}\n', '{"a": 1}\n'),
        ("text", b"7", "7"),
    ],
)
def test_what_was_printed_is_read_as_the_call_says(result: str, stdout: bytes, document: Any) -> None:
    found = of(result, stdout)
    assert (json.loads(found.document or ""), found.problem, found.blank) == (document, None, False)


@pytest.mark.parametrize(
    ("result", "stdout", "files", "expected"),
    [
        ("lines", b"", False, CallResult("[]", None, blank=True)),
        ("text", b"", False, CallResult('""', None, blank=True)),
        ("text", b" \n", True, CallResult('" \\n"', None, blank=True)),
        ("auto", b"\n", True, CallResult(None, None, blank=True)),
    ],
)
def test_nothing_printed_may_be_a_result(result: str, stdout: bytes, files: bool, expected: CallResult) -> None:
    assert of(result, stdout, files=files) == expected


@pytest.mark.parametrize(
    ("result", "stdout", "named", "problem"),
    [
        ("auto", b"", None, "no result"),
        ("auto", None, None, "not kept to its end"),
        ("lines", None, None, "not kept to its end"),
        ("json", b"", None, "standard output is not JSON"),
        ("json", b"done\n[1]\n", None, "standard output is not JSON"),
        ("json", b'{"a": 1, "a": 2}', None, "duplicate key"),
        ("auto", b"\xff", None, "not UTF-8"),
        ("text", b"ab\xc3", None, "not UTF-8 (byte 2)"),
        ("text", b"a" * (LIMIT + 1), None, "1001 bytes"),
        ("file:r.json", b"{}", None, "'r.json', which is to be the result, is missing"),
        ("file:r.json", None, b"\xff", "not UTF-8"),
        ("file:r.json", None, b"a" * (LIMIT + 1), "1001 bytes"),
    ],
)
def test_what_is_no_result_is_a_problem(result: str, stdout: bytes | None, named: bytes | None, problem: str) -> None:
    found = of(result, stdout, named, files=True) if result.startswith("file") else of(result, stdout, named)
    assert found.document is None
    assert problem in (found.problem or "")


@pytest.mark.parametrize(("named", "document"), [(b"[1]", [1]), (b"a,b\n", "a,b\n"), (b"", "")])
def test_a_named_file_is_the_result_whatever_was_printed(named: bytes, document: Any) -> None:
    assert json.loads(of("file:r", b"{}", named).document or "") == document


def read(members: list[Member], tmp_path: Path, result: str = "auto", limit: int = 100) -> Any:
    call = Call(script="x.py", result=result)
    spool = tmp_path / "spool"
    return read_output(pieces(tar(*members)), spool, limit=2**20, max_document=limit, call=call)


OUT = folder("out")
PRINTED = file("out/stdout", b"[1]")
NAMED = file("out/files/r.json", b'{"r": 1}')


@pytest.mark.parametrize(
    ("members", "result", "document", "problem"),
    [
        ([OUT, PRINTED], "auto", "[1]", None),
        ([OUT, PRINTED, DOC], "auto", '{"a": 1}', None),
        ([OUT, DOC, PRINTED], "text", '{"a": 1}', None),
        ([OUT, DOC, NAMED], "file:r.json", '{"a": 1}', None),
        ([OUT, PRINTED, NAMED], "file:r.json", '{"r": 1}', None),
        ([OUT, file("out/output.json", b"{"), PRINTED], "auto", None, "output.json is not JSON"),
        ([OUT, folder("out/stdout")], "auto", None, "not kept to its end"),
        ([OUT, file("out/stdout", b"x" * 101)], "auto", None, "101 bytes"),
        ([OUT, file("out/files/r.json", b"x" * 101)], "file:r.json", None, "101 bytes"),
    ],
)
def test_output_json_comes_first_then_the_named_file_then_what_was_printed(
    tmp_path: Path, members: list[Member], result: str, document: str | None, problem: str | None
) -> None:
    output = read(members, tmp_path, result)
    assert output.document == document
    assert (output.problem is None) == (problem is None)
    assert (problem or "") in (output.problem or "")


def test_the_file_of_a_result_is_kept_as_any_other_and_what_was_printed_is_no_file(tmp_path: Path) -> None:
    output = read([OUT, PRINTED, NAMED], tmp_path, "file:r.json")
    assert [(kept.path, kept.size) for kept in output.files] == [("r.json", 8)]
    assert output.skipped == ()
