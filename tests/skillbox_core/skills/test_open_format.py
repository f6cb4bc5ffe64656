"""Skills of other clients: what their authors wrote is read, brought into form and said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.names import is_skill_name
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.manifest import Manifest, parse_manifest
from skillbox_core.skills.open_format import quote_colons, slug, split_tools


def skill(head: str) -> Manifest:
    return parse_manifest(f"---\n{head}\n---\nDo it.\n".encode())


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("PDF Processing", "pdf-processing"),
        ("pdf--processing", "pdf-processing"),
        ("Next.js", "next-js"),
        ("team:review", "team-review"),
        ("Crème Brûlée", "creme-brulee"),
        ("ｐｄｆ", "pdf"),
        ("Straße", "strasse"),
        ("数据", "skill-5440f742"),
        ("数据-analysis", "analysis-5ffb2a2b"),
        ("x" * 70, "x" * 55 + "-c71bd109"),
        ("", None),
        ("..", None),
        ("-rf", None),
        ("a/b", None),
        ("a\\b", None),
        ("%2e", None),
        ("$(id)", None),
        ("a;b", None),
        ("a\u202eb", None),
        ("a\nb", None),
        ("x" * 256, None),
    ],
)
def test_a_name_that_is_no_slug_has_one_unless_it_could_be_more_than_a_name(stated: str, kept: str | None) -> None:
    assert slug(stated) == kept


def test_names_that_differ_in_what_a_slug_can_not_keep_stay_two() -> None:
    assert slug("数据") != slug("数字")
    assert slug("a" * 70) != slug("a" * 71)
    assert slug("C++ tools") != slug("C tools")
    assert slug("a&b") != slug("a+b")


@given(st.text(max_size=300))
def test_a_slug_is_a_skills_name(stated: str) -> None:
    assert (kept := slug(stated)) is None or is_skill_name(kept)


def test_a_name_that_is_brought_into_form_is_said_and_the_other_one_kept() -> None:
    manifest = skill("name: PDF Processing\ndescription: d")
    assert (manifest.name, manifest.stated_name, manifest.has_name) == ("pdf-processing", "PDF Processing", False)
    assert 'name "PDF Processing" is kept as pdf-processing' in manifest.warnings[0]


@pytest.mark.parametrize("where", ["version: {}", "metadata: {{version: {}}}"])
@pytest.mark.parametrize(("said", "taken"), [("1.0", "1.0.0"), ("2", "2.0.0")])
def test_a_version_that_leaves_parts_out_is_padded(where: str, said: str, taken: str) -> None:
    manifest = skill("name: a\ndescription: d\n" + where.format(said))
    assert (manifest.version, manifest.has_version) == (taken, True)
    assert any(f'"{said}" is taken as {taken}' in warning for warning in manifest.warnings)


def test_metadata_may_say_any_version_and_one_that_is_none_is_not_used() -> None:
    manifest = skill("name: a\ndescription: d\nmetadata: {version: spring}")
    assert (manifest.version, manifest.has_version, manifest.metadata) == ("1.0.0", False, {"version": "spring"})
    assert "not semver" in manifest.warnings[0]


@pytest.mark.parametrize(
    ("head", "description"),
    [
        ("description: Use this skill when: the user asks", "Use this skill when: the user asks"),
        ("description: When: it's\n  about: PDFs\n\n  and more", "When: it's about: PDFs and more"),
        ("description: It ends so:", "It ends so:"),
        ("description: |\n  Note: a: b\nlicense: MIT: as is", "Note: a: b\n"),
        ("description: d\nmetadata:\n  note: a: b\n  author: me", "d"),
    ],
)
def test_an_unquoted_colon_is_text_and_is_said(head: str, description: str) -> None:
    manifest = skill(f"name: a\n{head}")
    assert manifest.description == description
    assert any("unquoted colon" in warning for warning in manifest.warnings)


def test_values_that_are_yaml_stay_as_they_are() -> None:
    for text in ('a: "x: y"', "a: [b, c]", "a: |\n  b: c: d", "a: http://x", "a:\n  b: c", "- a: b"):
        assert quote_colons(text) == (text, ())


def test_what_quotes_do_not_mend_is_refused_as_it_stands() -> None:
    with pytest.raises(InvalidSkillError, match=r"not valid YAML: mapping values are not allowed"):
        skill("name: a\ndescription: b: c\nlicense: [x")


@pytest.mark.parametrize("text", ["---\nname: a\ndescription: d---\nDo it.", "---name: a\ndescription: d\n---Do it."])
def test_front_matter_may_end_where_the_reference_library_ends_it(text: str) -> None:
    manifest = parse_manifest(text.encode())
    assert (manifest.name, manifest.description, manifest.instructions) == ("a", "d", "Do it.")
    assert "inside a line" in manifest.warnings[0]


@pytest.mark.parametrize(
    ("text", "tools", "warned"),
    [
        ("Read Bash(git add:*) Write", ("Read", "Bash(git add:*)", "Write"), False),
        ("Read, Bash(git:*, jq:*),Write", ("Read", "Bash(git:*, jq:*)", "Write"), True),
        ("Read,Write", ("Read", "Write"), True),
        ("Bash(a, b)", ("Bash(a, b)",), False),
        (") Read", (")", "Read"), False),
    ],
)
def test_tools_may_have_commas_between_them(text: str, tools: tuple[str, ...], warned: bool) -> None:
    assert split_tools(text) == tools
    manifest = skill(f"name: a\ndescription: d\nallowed-tools: '{text}'")
    assert manifest.allowed_tools == tools
    assert any("commas" in warning for warning in manifest.warnings) == warned


@pytest.mark.parametrize("line", ["license: [a]", "metadata: text", "allowed-tools: {a: b}", "compatibility: {a: b}"])
def test_a_value_of_another_kind_in_a_key_that_nothing_depends_on_is_left_out_and_said(line: str) -> None:
    (warning,) = skill(f"name: a\ndescription: d\n{line}").warnings
    assert warning.startswith(line.split(":")[0])
    assert "left out" in warning


def test_a_long_compatibility_is_said() -> None:
    assert skill("name: a\ndescription: d\ncompatibility: " + "x" * 501).warnings == (
        "compatibility is over 500 characters",
    )


def test_null_is_a_name_like_any_other() -> None:
    manifest = skill("name: null\ndescription: null\nlicense: null")
    assert (manifest.name, manifest.description, manifest.license) == ("null", "null", None)
