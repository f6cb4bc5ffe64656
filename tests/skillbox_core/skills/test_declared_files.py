"""What a skill says of the files it needs, and what a run without them is told."""

from __future__ import annotations

import pytest

from skillbox_core.errors import InvalidRequestError, InvalidSkillError
from skillbox_core.skills.declared_files import check_given
from skillbox_core.skills.manifest import parse_manifest


def manifest(line: str) -> tuple[str, ...]:
    return parse_manifest(f"---\nname: s\ndescription: d\n{line}\n---\n".encode()).input_files


@pytest.mark.parametrize(
    ("line", "declared"),
    [
        ("input_files: [orders.csv]", ("orders.csv",)),
        ('input_files:\n  - orders.csv\n  - "*.png"', ("orders.csv", "*.png")),
        ("input_files:", ()),
        ("lang: python", ()),
    ],
)
def test_a_skill_says_which_files_it_needs(line: str, declared: tuple[str, ...]) -> None:
    assert manifest(line) == declared


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("input_files: orders.csv", "must be a list of names"),
        ("input_files: []", "must be a list of names"),
        ("input_files: [{name: x}]", "must be a list of names"),
        ("input_files: [../x]", r"has '\.\./x'"),
        ("input_files: [/etc/passwd]", "has '/etc/passwd'"),
        (f"input_files: [{', '.join('a' * 3 for _ in range(101))}]", "has more than 100"),
    ],
)
def test_a_declaration_that_nothing_could_fit_is_refused(line: str, said: str) -> None:
    with pytest.raises(InvalidSkillError, match=f"input_files {said}"):
        manifest(line)


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ([], []),
        (["a.csv"], ["b.csv", "a.csv"]),
        (["*.csv"], ["a.csv"]),
        (["*.csv"], ["in/a.csv"]),
        (["in/*"], ["in/x"]),
    ],
)
def test_a_run_with_what_is_needed_goes_on(declared: list[str], given: list[str]) -> None:
    check_given("s", declared, given)


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
        check_given("s", declared, given)
