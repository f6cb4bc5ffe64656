"""Patterns mean what they mean to fnmatch, and no pattern of a stranger takes long."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skillbox_core.base.wildcards import matches, pattern_problem

NAMES = st.text("ab*?[]!-/\n", max_size=8)


@given(NAMES, NAMES)
def test_a_pattern_means_what_it_means_to_fnmatch(path: str, pattern: str) -> None:
    assume(pattern_problem(pattern) is None)
    assert matches(path, pattern) is fnmatchcase(path, pattern)


@pytest.mark.parametrize(
    ("pattern", "path", "there"),
    [
        ("*.csv", "in/a.csv", True),
        ("in-?/*/part-*.[ct]sv", "in-1/a/b/part-01.csv", True),
        ("*", "", True),
        ("a*a", "a", False),
        ("*ab*ba*", "aba", False),
        ("*ab*ba*", "abba", True),
        ("x[*]y*", "x*y/z", True),
        ("x[*]y*", "xzy", False),
        ("a[!b]*", "ab", False),
        ("a[", "a[", True),
        ("*[]]", "a]", True),
        ("A*", "a", False),
    ],
)
def test_what_patterns_stand_for(pattern: str, path: str, there: bool) -> None:
    assert matches(path, pattern) is there is fnmatchcase(path, pattern)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("*a*b*c*", None),
        ("**********", None),
        ("[*][*][*][*][*]", None),
        ("?[ab]*x*[!c]?", None),
        ("*a*b*c*d*", "a pattern has more than 4 *"),
        ("*a?b*", "a pattern has ? or [...] between two *, where only text can be"),
        ("*[ab]*", "a pattern has ? or [...] between two *, where only text can be"),
    ],
)
def test_what_would_take_long_is_no_pattern(pattern: str, problem: str | None) -> None:
    assert pattern_problem(pattern) == problem
