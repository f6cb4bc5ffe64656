"""What a skill says of the files it needs, and what a run without them is told."""

from __future__ import annotations

import pytest

from skillbox_core.errors import InvalidRequestError, InvalidSkillError
from skillbox_core.models import DeclaredFile
from skillbox_core.skills.declared_files import check_given, missing_output
from skillbox_core.skills.manifest import Manifest, parse_manifest
from skillbox_core.skills.overlay import parse_overlay

PARQUET = "application/vnd.apache.parquet"


def manifest(line: str) -> Manifest:
    return parse_manifest(f"---\nname: s\ndescription: d\n{line}\n---\n".encode())


def named(*names: str) -> list[DeclaredFile]:
    return [DeclaredFile(name) for name in names]


@pytest.mark.parametrize(
    ("line", "declared"),
    [
        ("input_files: [orders.csv]", named("orders.csv")),
        ('input_files:\n  - orders.csv\n  - "*.png"', named("orders.csv", "*.png")),
        ("input_files:", []),
        ("lang: python", []),
        ("input_files: [{name: a.csv}, b.csv]", named("a.csv", "b.csv")),
        ("input_files: [{name: true}]", named("true")),
        ("input_files: [{name: a.csv, required: true, media_type:, description: ~}]", named("a.csv")),
        (
            f"input_files:\n- {{name: '*.parquet', media_type: {PARQUET.title()}, required: false, description: 'D'}}",
            [DeclaredFile("*.parquet", required=False, media_type=PARQUET, description="D")],
        ),
    ],
)
def test_a_skill_says_which_files_it_takes_and_leaves(line: str, declared: list[DeclaredFile]) -> None:
    assert manifest(line).input_files == tuple(declared)
    assert manifest(line.replace("input_files", "output_files")).output_files == tuple(declared)


def test_an_entrypoint_of_an_overlay_says_it_alike() -> None:
    text = b"""entrypoints:
  check:
    script: a.py
    input_files: [a.csv, {name: b.csv, required: false}]
    output_files: [{name: c.png, media_type: image/png}]
"""
    entrypoint = parse_overlay(text).entrypoints["check"]
    assert entrypoint.input_files == (DeclaredFile("a.csv"), DeclaredFile("b.csv", required=False))
    assert entrypoint.output_files == (DeclaredFile("c.png", media_type="image/png"),)
    with pytest.raises(
        InvalidSkillError, match=r"entrypoints\.check\.output_files\[0\]\.nmae is not known; did you mean"
    ):
        parse_overlay(text.replace(b"{name: c.png", b"{nmae: c.png"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("input_files: orders.csv", "must be a list of names"),
        ("input_files: []", "must be a list of names"),
        ("input_files: [[x]]", "must be a list of names"),
        ("input_files: {name: x}", "must be a list of names"),
        ("input_files: [a, '']", "must be a list of names"),
        ("input_files: [{media_type: text/csv}]", r"\[0\] needs a name, such as orders\.csv"),
        ("input_files: [{name: ''}]", r"\[0\] needs a name, such as orders\.csv"),
        ("input_files: [{name: [a]}]", r"\[0\]\.name must be a single value$"),
        ("input_files: [a, {name: b, requird: true}]", r"\[1\]\.requird is not known; did you mean required\?"),
        ("input_files: [{name: b, x: 1}]", r"\[0\]\.x is not known; there are name, media_type, required, descript"),
        ("input_files: [{name: b, required: no}]", r'\[0\]\.required "no" must be true or false'),
        ("input_files: [{name: b, required: {a: b}}]", r"\[0\]\.required must be a single value"),
        (
            "input_files: [{name: b, media_type: csv}]",
            r'\[0\]\.media_type "csv" must be TYPE/SUBTYPE, such as text/csv',
        ),
        ("input_files: [{name: b, media_type: 'text/csv; charset=x'}]", r"\[0\]\.media_type .* must be TYPE/SUBTYPE"),
        (f"input_files: [{{name: b, description: {'d' * 1025}}}]", r"\[0\]\.description is over 1024 characters"),
        ("input_files: [{name: ../x}]", r"has '\.\./x'"),
        ("input_files: [../x]", r"has '\.\./x'"),
        ("input_files: ['*a*b*c*d*']", r"has '\*a\*b\*c\*d\*': a pattern has more than 4 \*"),
        (
            "input_files: [{name: '*a?b*'}]",
            r"has '\*a\?b\*': a pattern has \? or \[\.\.\.\] between two \*, where only",
        ),
        ("input_files: [/etc/passwd]", "has '/etc/passwd'"),
        (f"input_files: [{', '.join('a' * 3 for _ in range(101))}]", "has more than 100"),
    ],
)
def test_a_declaration_that_nothing_could_fit_is_refused(line: str, said: str) -> None:
    for key in ("input_files", "output_files"):
        with pytest.raises(InvalidSkillError, match=f"{key} ?{said}"):
            manifest(line.replace("input_files", key))


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidSkillError) as caught:
        manifest("input_files: [{name: ../x, required: 1}, {required: true}]\noutput_files: [{name: a, media_type: b}]")
    assert [said.split(" ")[0] for said in caught.value.message.removeprefix("invalid skill: ").split("; ")] == [
        "input_files",
        "input_files[0].required",
        "input_files[1]",
        "output_files[0].media_type",
    ]


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ([], []),
        (["a.csv"], ["b.csv", "a.csv"]),
        (["*.csv"], ["a.csv"]),
        (["*.csv"], ["in/a.csv"]),
        (["in/*"], ["in/x"]),
        (["a[1].csv"], ["a[1].csv"]),
    ],
)
def test_a_run_with_what_is_needed_goes_on(declared: list[str], given: list[str]) -> None:
    check_given("s", named(*declared), given)
    assert missing_output(named(*declared), given, []) is None


def test_what_is_optional_may_be_missing() -> None:
    optional = [DeclaredFile("a.csv", required=False)]
    check_given("s", optional, [])
    assert missing_output(optional, [], [("a.csv", "a symbolic link")]) is None


@pytest.mark.parametrize(
    ("declared", "given", "said"),
    [
        (["a.csv"], [], r"s needs the file a\.csv, and it was given none \(files=\{\"a\.csv\": \.\.\.\} in a flow"),
        (["a.csv", "*.png"], ["a.csv"], r"needs the file \*\.png, and it was given a\.csv"),
        (["A.csv"], ["a.csv"], r"needs the file A\.csv"),
        (["x"], ["1", "2", "3", "4"], "it was given 1, 2, 3 and more"),
    ],
)
def test_a_run_without_a_file_is_told_which_one_is_missing(declared: list[str], given: list[str], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        check_given("s", named(*declared), given)


@pytest.mark.parametrize(
    ("declared", "left", "left_out", "said"),
    [
        (["a.csv"], [], [], "the skill left no file a.csv, which output_files requires; it left none"),
        (["b", "*.png"], ["b"], [], "the skill left no file *.png, which output_files requires; it left b"),
        (["x"], ["1", "2", "3", "4"], [], "left no file x, which output_files requires; it left 1, 2, 3 and more"),
        (
            ["*.csv"],
            ["b"],
            [("c", "d"), ("a.csv", "a symbolic link")],
            "*.csv, which output_files requires, was left out: a s",
        ),
    ],
)
def test_what_a_skill_did_not_leave_is_named(
    declared: list[str], left: list[str], left_out: list[tuple[str, str]], said: str
) -> None:
    assert said in (missing_output(named(*declared), left, left_out) or "")
