from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.versions import Constraint, Version, check_version
from skillbox_core.errors import InvalidRequestError

VERSIONS = st.from_regex(
    r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){2}(-[0-9a-z]{1,3}(\.[0-9a-z]{1,3})?)?", fullmatch=True
)


@pytest.mark.parametrize(
    "text",
    [
        "latest",
        "1",
        "1.0",
        "1.0.0.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0-a..b",
        "1.0.0+b",
        " 1.0.0",
        "1.0.0\n",
        "١.0.0",
    ],
)
def test_what_is_no_semantic_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="semantic version"):
        check_version(text)


def test_versions_are_ordered_as_semver_says() -> None:
    texts = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
    ]
    texts += ["1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0-0", "2.0.0"]
    versions = [check_version(text) for text in texts]
    for lower, higher in itertools.combinations(versions, 2):
        assert lower < higher
        assert not higher <= lower


@given(
    st.from_regex(
        r"(0|[1-9][0-9]{0,3})(\.(0|[1-9][0-9]{0,3})){2}(-[0-9A-Za-z-]{1,5}(\.[0-9A-Za-z-]{1,5}){0,2})?",
        fullmatch=True,
    )
)
def test_a_version_is_written_as_it_was_read(text: str) -> None:
    version = Version.parse(text)
    assert version is None or str(version) == text


TAKEN = [
    # constraint, taken, refused: the examples of npm's and Cargo's own pages, and their edges
    ("1.2.3", "1.2.3", "1.2.4 1.2.2 1.2.3-rc.1"),
    ("1.2.3-rc.1", "1.2.3-rc.1", "1.2.3 1.2.3-rc.2"),
    ("^1.2.3", "1.2.3 1.2.4 1.9.0", "1.2.2 2.0.0 2.0.0-rc.1 1.3.0-rc.1 0.9.9"),
    ("^1.2", "1.2.0 1.3.0", "1.1.9 2.0.0 1.2.0-rc.1"),
    ("^1", "1.0.0 1.99.0", "0.9.0 2.0.0"),
    ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0 1.0.0"),
    ("^0.2", "0.2.0 0.2.9", "0.1.9 0.3.0"),
    ("^0.0.3", "0.0.3", "0.0.2 0.0.4"),
    ("^0.0.0", "0.0.0", "0.0.1"),
    ("^0.0", "0.0.0 0.0.9", "0.1.0"),
    ("^0", "0.0.0 0.9.9", "1.0.0"),
    ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
    ("~1.2", "1.2.0 1.2.9", "1.1.9 1.3.0"),
    ("~1", "1.0.0 1.9.9", "2.0.0"),
    ("~0", "0.0.0 0.9.9", "1.0.0"),
    ("^1.2.0-rc.1", "1.2.0-rc.1 1.2.0-rc.2 1.2.0 1.3.0", "1.2.0-beta 1.3.0-rc.1 2.0.0-rc.1 2.0.0"),
    ("~1.2.0-rc.1", "1.2.0-rc.1 1.2.1", "1.2.1-rc.1 1.3.0"),
]


@pytest.mark.parametrize(("text", "taken", "refused"), TAKEN)
def test_a_constraint_takes_what_npm_and_cargo_would_take(text: str, taken: str, refused: str) -> None:
    constraint = Constraint.parse(text)
    assert [v for v in taken.split() if not constraint.takes(check_version(v))] == []
    assert [v for v in refused.split() if constraint.takes(check_version(v))] == []


@pytest.mark.parametrize(
    ("text", "there", "best"),
    [
        ("", "1.9.0 1.10.0 2.0.0-rc.1", "1.10.0"),
        ("latest", "1.9.0 1.10.0 2.0.0-rc.1", "1.10.0"),
        ("latest", "1.0.0-rc.1 1.0.0-rc.2", "1.0.0-rc.2"),
        ("^1.2", "1.2.0 1.10.0 1.9.0 2.0.0", "1.10.0"),
        ("^1.2.0-rc.1", "1.2.0-rc.1 1.2.0-rc.2", "1.2.0-rc.2"),
        ("~3", "1.2.0", None),
        ("latest", "", None),
    ],
)
def test_the_best_of_those_taken_is_the_highest(text: str, there: str, best: str | None) -> None:
    found = Constraint.parse(text).best(check_version(v) for v in there.split())
    assert (str(found) if found else None) == best


@pytest.mark.parametrize(
    "text",
    [
        ">=1", "1.x", "1.2", "1", "*", "^", "~", "^1.2-rc.1", "^01.2", "^1.2.3.4", "=1.2.3", "v1.2.3", "^v1", "~>1.2",
        "1.2.3 || 2", "^1.2.0-01", "Latest", " latest", "^1.2 ", "^1\n", "^" + "9" * 100, "../1.0.0", "^1.2.0+b",
    ],
)  # fmt: skip
def test_a_mistyped_constraint_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"\^1\.2") as caught:
        Constraint.parse(text)
    assert str(caught.value).isprintable()


@given(VERSIONS, VERSIONS, st.sampled_from("^~"))
def test_a_range_holds_its_lower_end_and_a_caret_holds_what_a_tilde_does(low: str, other: str, sign: str) -> None:
    lowest, candidate = Version.parse(low), Version.parse(other)
    if lowest is None or candidate is None:
        return
    assert Constraint.parse(sign + low).takes(lowest)
    if lowest.release[0] and Constraint.parse("~" + low).takes(candidate):
        assert Constraint.parse("^" + low).takes(candidate)
    assert not Constraint.parse(sign + low).takes(candidate) or candidate >= lowest
