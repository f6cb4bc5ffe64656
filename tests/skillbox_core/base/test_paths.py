"""Names of files: what people write in any language passes; what misleads, hides or leads out does not."""

from __future__ import annotations

import pytest

from skillbox_core.base.paths import path_key, path_problem, seen_path
from skillbox_core.base.text import harmless


@pytest.mark.parametrize(
    "name",
    [
        "می\u200cخواهم.csv",  # Persian, with a zero-width non-joiner
        "क्\u200dष.txt",  # Hindi, with a zero-width joiner
        "\U0001f469\u200d\U0001f4bb.png",  # an emoji of two
        "\u2764\ufe0f.png",  # a heart in colour
        "سورة \u06dd 1.txt",  # a format character that is seen
        "a:b.csv",
        "12:30.log",
        "a:",
        "Case.txt",
        "e\u0301.txt",
        "*.csv",
    ],
)
def test_ordinary_names_of_any_language_pass(name: str) -> None:
    assert path_problem(name) is None
    assert path_problem(f"folder/{name}") is None
    assert harmless(name) == name, "and are shown as they are"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a\u202etxt.exe", "invisible"),
        ("a\u2066b", "invisible"),
        ("a\u200eb", "invisible"),
        ("a\u200bb", "invisible"),
        ("\ufeffa", "invisible"),
        ("a\u00adb", "invisible"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("\u200d", "invisible characters only"),
        ("a/\u200c\u200d/b", "invisible characters only"),
        ("\ufe0f", "invisible characters only"),
        ("\u3164", "invisible characters only"),
        ("C:\\x", "absolute"),
        ("c:/x", "absolute"),
        ("/x", "absolute"),
        ("a\\b", "backslash"),
    ],
)
def test_what_hides_or_leads_out_does_not(name: str, why: str) -> None:
    assert why in (path_problem(name) or "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("main.py", "main\u200d.py"),
        ("a\u200cb", "ab"),
        ("\u2764.png", "\u2764\ufe0f.png"),
        ("ab", "a\u034fb"),
        ("\u00e9", "e\u0301"),
        ("e\u200d\u0301", "\u00e9"),
    ],
)
def test_two_names_that_nobody_can_tell_apart_are_one(one: str, other: str) -> None:
    assert seen_path(one) == seen_path(other)
    assert path_key(one) == path_key(other)


def test_case_tells_names_apart_in_a_sandbox_and_not_on_every_machine() -> None:
    assert seen_path("Case.txt") != seen_path("case.txt")
    assert path_key("Case.txt") == path_key("case.txt")
