from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.names import check_execution_id, check_skill, check_tenant, split_reference
from skillbox_core.base.versions import check_version
from skillbox_core.errors import InvalidRequestError

HOSTILE = [
    *[
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "/a",
        "%2e%2e",
        "a%00",
        "a\0",
        "a\n",
        "-rf",
        "$(id)",
        "a;b",
        "a b",
        "é",
        "x" * 10_000,
    ],
    *["a..b", "a@1", "C:", "\u202ea", "a:b", "*", "~"],
]
CHECKS = [check_tenant, check_skill, check_execution_id, check_version]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("value", HOSTILE)
def test_a_name_that_could_leave_its_place_is_refused(check, value: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidRequestError) as caught:
        check(value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1200


@given(st.sampled_from([check_tenant, check_skill]), st.text(max_size=70))
def test_an_accepted_name_is_a_single_plain_path_part(check, value: str) -> None:  # type: ignore[no-untyped-def]
    try:
        accepted = check(value)
    except InvalidRequestError:
        return
    assert accepted == value
    assert value.isascii()
    assert value.replace("-", "").replace("_", "").isalnum()
    assert value[0] not in "-_"


@pytest.mark.parametrize("name", ["a", "word-count", "a_b", "a1-b2_c3", "x" * 64, "0"])
def test_good_skill_names_are_taken(name: str) -> None:
    assert check_skill(name) == name


@pytest.mark.parametrize("name", ["A", "a--b", "a-", "-a", "_a", "a_-b", "x" * 65])
def test_skill_names_follow_the_agent_skills_rule(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_skill(name)


def test_execution_ids_have_one_form() -> None:
    assert check_execution_id("0A" * 16) == "0a" * 16
    assert check_execution_id("0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a") == "0a" * 16


@pytest.mark.parametrize(
    ("reference", "parts"),
    [("a", ("a", "")), ("a@1.0.0", ("a", "1.0.0")), ("a@", ("a", "")), ("a@b@c", ("a", "b@c"))],
)
def test_a_reference_is_a_name_and_a_version(reference: str, parts: tuple[str, str]) -> None:
    assert split_reference(reference) == parts
