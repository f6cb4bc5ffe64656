"""Files for a skill: what people write, under which names they lie inside, and what is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import RunOptions, RunRequest, RunResult, Status, errors
from skillbox_core.base.versions import Constraint
from skillbox_core.cli.run import read_file
from skillbox_core.errors import InvalidRequestError, SkillboxError
from skillbox_core.inputs.remote import mark_of
from skillbox_core.inputs.sources import check_inputs, files_from, inner_path, input_files, shown_url, url_name
from skillbox_core.models import ExecutionError, InputFile, PlannedFile, Source, result
from skillbox_core.run.canonical import request_digest

ID = "0123456789abcdef" * 2
RESULT = RunResult(
    execution_id=ID, status=Status.SUCCESS, skill="split", files_list=("a.csv", "groups/b.csv"), output={"n": 1}
)
FAILED = RunResult(execution_id=ID, status=Status.FAILED, files_list=("a.csv",))
HERE = str(Path.cwd())


def run(member: str = "", name: str = "") -> InputFile:
    return InputFile(Source.RUN, ID, member, name)


def path(at: str, name: str = "") -> InputFile:
    return InputFile(Source.PATH, at, name=name)


def url(at: str, name: str = "") -> InputFile:
    return InputFile(Source.URL, at, name=name)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, []),
        ([], []),
        (RESULT, [run()]),
        (ExecutionError.of(FAILED), [run()]),
        (files_from(RESULT, "a.csv"), [run("a.csv")]),
        (files_from(RESULT, "a.csv", "groups/b.csv"), [run("a.csv"), run("groups/b.csv")]),
        (files_from(ExecutionError.of(FAILED), "a.csv"), [run("a.csv")]),
        ("x.csv", [path(f"{HERE}/x.csv")]),
        (Path("/data/../data/x.csv"), [path("/data/x.csv")]),
        ("file:///data/a%20b.csv", [path("/data/a b.csv")]),
        ("~x.csv", [path(f"{HERE}/~x.csv")]),
        ("s3://bucket/x.csv", [url("s3://bucket/x.csv")]),
        ("https://host/x.csv?sig=1", [url("https://host/x.csv?sig=1")]),
        (["/a", RESULT, ["/b"]], [path("/a"), run(), path("/b")]),
        ({"t.csv": "/a"}, [path("/a", "t.csv")]),
        ({"t.csv": files_from(RESULT, "a.csv")}, [run("a.csv", "t.csv")]),
        ({"t": RESULT}, [run(name="t")]),
        ({"t": ["/a"]}, [path("/a", "t/")]),
        ({"t": files_from(RESULT, "a.csv", "groups/b.csv")}, [run("a.csv", "t/"), run("groups/b.csv", "t/")]),
        ({"t": {"u.csv": "/a"}}, [path("/a", "t/u.csv")]),
        ({"t": {"u": ["/a", {"v": "/b"}]}}, [path("/a", "t/u/"), path("/b", "t/u/v")]),
        ([{"t.csv": "/a"}, "/b"], [path("/a", "t.csv"), path("/b")]),
    ],
)
def test_what_people_write_becomes_one_value_for_each_source(written: Any, meant: list[InputFile]) -> None:
    assert input_files(written) == tuple(meant)
    assert pickle.loads(pickle.dumps(RunOptions(files=input_files(written)))).files == tuple(meant)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (3, "a int"),
        (b"bytes", "a bytes"),
        (ValueError("of another task"), "a ValueError"),
        ({"t": object()}, "a object"),
        ({1: "/a"}, "must be text"),
        ("a\0b", "NUL"),
        ("", "named by an empty text"),
        ("file://", "named by an empty text"),
        (read_file(""), "named by an empty text"),
        (read_file("data="), "named by an empty text"),
        (files_from(RESULT, "c.csv"), "left no file 'c.csv' (its files: a.csv, groups/b.csv)"),
        (files_from("/a", "c.csv"), "takes the result of a skill, not a str"),
    ],
)
def test_what_is_no_source_of_files_is_named(written: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        input_files(written)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "inside"), [("", "own.csv"), ("t.csv", "t.csv"), ("t/", "t/own.csv"), ("t/u.csv", "t/u.csv")]
)
def test_a_name_replaces_the_own_one_and_a_folder_keeps_it(name: str, inside: str) -> None:
    assert inner_path(path("/own.csv", name), "own.csv") == inside


def planned(*paths: str, size: int = 1) -> list[PlannedFile]:
    return [PlannedFile(name, path(f"/{number}"), size) for number, name in enumerate(paths)]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (planned("../x"), "'..' part"),
        (planned("/etc/passwd"), "absolute"),
        (planned("a//b"), "empty"),
        (planned(""), "empty"),
        (planned("a\\b"), "backslash"),
        (planned("a\nb"), "control"),
        (planned("x" * 256), "over 255 bytes"),
        (planned("/".join("x" * 17)), "levels deep"),
        (planned("a", "a"), "'a' and 'a' would be in each other's place"),
        (planned("A.csv", "a.csv"), "in each other's place"),
        (planned("a", "a/b"), "in each other's place"),
        (planned("a/b", "a"), "in each other's place"),
        (planned("a", "b", size=6000), "limit of 9.8Ki (SKILLBOX_MAX_INPUT_FILES_SIZE)"),
        (planned(*(str(number) for number in range(10_001)), size=0), "more than 10000"),
        (planned(*(f"{number}/x" for number in range(5_001)), size=0), "more than 10000"),
    ],
)
def test_names_that_break_a_rule_or_are_taken_and_too_much_are_refused(files: list[PlannedFile], said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_inputs(files, 10_000)
    assert said in str(caught.value)


def test_the_limit_is_kept_before_the_rest_is_looked_at() -> None:
    def endless() -> Any:
        yield from planned(*map(str, range(11)), size=10)
        raise AssertionError("it went on")

    with pytest.raises(InvalidRequestError, match="limit"):
        check_inputs(endless(), 100)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://host/a/b%20c.csv?sig=x", "b c.csv"),
        ("s3://bucket/key", "key"),
        ("https://host/a/", "a"),
        ("https://host", ""),
        ("https://host/..%2f..%2fetc", "etc"),
    ],
)
def test_the_own_name_of_a_url_is_the_last_part_of_its_path(address: str, name: str) -> None:
    assert url_name(address) == name


def test_a_url_is_shown_without_its_secrets() -> None:
    address = "https://user:word@host/x.csv?X-Amz-Signature=secret#frag"
    assert shown_url(address) == "https://host/x.csv"
    assert "secret" not in repr(RunOptions(files=input_files(address)))


def test_what_a_store_says_of_an_object_tells_its_contents_apart() -> None:
    said = {"name": "x", "ETag": '"abc"', "LastModified": "2026-11-24", "size": 3, "type": "file", "url": "y"}
    assert mark_of(said) == 'etag="abc" lastmodified=2026-11-24'
    assert mark_of({**said, "ETag": '"abd"'}) != mark_of(said)


@pytest.mark.parametrize("said", [{}, {"size": 3}, {"ETag": '""', "size": 3}, {"Last-Modified": " ", "mtime": None}])
def test_a_store_that_says_nothing_of_the_contents_does_not_make_them_known(said: dict[str, Any]) -> None:
    file = PlannedFile("x.csv", url("https://host/x.csv"), said.get("size"), mark=mark_of(said))
    assert not file.known
    assert replace(file, mark="etag=1").known
    assert replace(file, sha256="1" * 64).known


def test_the_files_are_part_of_what_makes_two_requests_the_same() -> None:
    def digest(*files: PlannedFile) -> str:
        return request_digest(RunRequest(skill="x"), Constraint.parse("1.0.0"), "{}", RunOptions(), files)

    one = PlannedFile("a.csv", path("/a"), 1, sha256="1" * 64)
    assert digest(one) == digest(PlannedFile("a.csv", run("b.csv"), 1, sha256="1" * 64)), "its content counts"
    marked = PlannedFile("a.csv", url("s3://b/k"), 1, mark="etag=1")
    other = PlannedFile("a.csv", url("s3://b/k"), 1, mark="etag=2")
    assert len({digest(), digest(one), digest(marked), digest(other)}) == 4
    assert digest(PlannedFile("b.csv", path("/a"), 1, sha256="1" * 64)) != digest(one), "its name counts"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x.csv", "x.csv"),
        ("t.csv=x.csv", {"t.csv": "x.csv"}),
        ("t.csv=https://host/x?a=b", {"t.csv": "https://host/x?a=b"}),
        ("https://host/x?a=b", "https://host/x?a=b"),
        ("is=there", "is=there"),
    ],
)
def test_a_file_on_the_command_line_may_have_a_name_in_front(
    text: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "is=there").touch()
    monkeypatch.chdir(tmp_path)
    assert read_file(text) == value


@pytest.mark.parametrize(
    "kind",
    sorted(
        {
            k
            for home in (errors, result)
            for k in vars(home).values()
            if isinstance(k, type) and issubclass(k, Exception)
        },
        key=lambda kind: kind.__name__,
    ),
    ids=lambda kind: kind.__name__,
)
def test_every_error_survives_pickling_with_what_it_carries(kind: type[SkillboxError]) -> None:
    carried = {"result": RESULT} if issubclass(kind, ExecutionError) else {}
    error = kind("what", hint="way out", **carried)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.message, again.hint, vars(again)) == (kind, "what", "way out", vars(error))
