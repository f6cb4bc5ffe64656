"""The grammar of a call's templates: what each placeholder gives, and what is no template."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.placeholders import (
    MAX_ARGUMENT,
    File,
    Files,
    Given,
    Input,
    Out,
    Part,
    expand_arguments,
    expand_text,
    parse,
)
from skillbox_core.errors import InvalidRequestError

FILES = ("a.csv", "data/b c.txt", "data/deep/c.txt")
INPUT = {
    "name": "Ada",
    "count": 7,
    "big": 2**70,
    "ratio": 0.5,
    "on": True,
    "off": False,
    "none": None,
    "empty": "",
    "dash": "-rf",
    "minus": -5,
    "nul": "a\0b",
    "braces": "{input.name}",
    "list": ["x", {"y": 1}, ["z"]],
    "0": "a key of digits",
    "é ": {"a b": "blank"},
}
GIVEN = Given(INPUT, FILES, "/in", "/out")


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{{}}", ("{}",)),
        ("{{input.x}}", ("{input.x}",)),
        ("{{{input}}}", ("{", Input(()), "}")),
        ("a{input.b.c}d{out}", ("a", Input(("b", "c")), "d", Out())),
        ("{file:a b/c.txt}", (File("a b/c.txt"),)),
        ("{file:a:b}", (File("a:b"),)),
        ("{file:files}{out}", (File("files"), Out())),
        ("{files}", (Files(),)),
        ("{input.a b.é}", (Input(("a b", "é")),)),
        ("$HOME `id` %s %(x)s ${{X}}", ("$HOME `id` %s %(x)s ${X}",)),
    ],
)
def test_a_template_is_texts_and_placeholders(template: str, parts: tuple[Part, ...]) -> None:
    assert parse(template) == parts


@pytest.mark.parametrize(
    "template",
    [
        *("{", "}", "a{b", "a}b", "{input", "input}", "{{}", "{}}", "{{{", "{in{put}}", "{input.a{out}}"),
        *("{}", "{0}", "{input.}", "{input..a}", "{.input}", "{inputs}", "{input!r}", "{input:>9}", "{input[0]}"),
        *("{file}", "{file:}", "{files:a}", "{ out }", "{out.x}", "{env:HOME}", "{secret}", "{Input}"),
        *("x{files}", "{files}x", "{files}{files}", "--f={files}"),
    ],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(InvalidRequestError, match="template"):
        parse(template)


@pytest.mark.parametrize(
    ("templates", "arguments"),
    [
        ([], []),
        (["--strict", ""], ["--strict", ""]),
        (["{input.name}", "{input.count}", "{input.big}"], ["Ada", "7", str(2**70)]),
        (["{input.ratio}", "{input.on}", "{input.off}"], ["0.5", "true", "false"]),
        (["{input.list}", "{input.list.1}", "{input.list.1.y}", "{input.list.2.0}"],
         ['["x",{"y":1},["z"]]', '{"y":1}', "1", "z"]),
        (["{input.0}", "{input.é .a b}"], ["a key of digits", "blank"]),
        (["{input.empty}"], [""]),
        (["{input.braces}"], ["{input.name}"]),
        (["{file:a.csv}", "--in={file:data/b c.txt}"], ["/in/a.csv", "--in=/in/data/b c.txt"]),
        (["{file:data}", "{file:data/deep/}"], ["/in/data", "/in/data/deep/"]),
        (["{files}", "-o", "{out}/r.json"],
         ["/in/a.csv", "/in/data/b c.txt", "/in/data/deep/c.txt", "-o", "/out/r.json"]),
        (["--title={input.dash}", "-n{input.minus}", "+{input.dash}"], ["--title=-rf", "-n-5", "+-rf"]),
        (["--", "{input.dash}", "{input.minus}"], ["--", "-rf", "-5"]),
        (["-x", "--", "{input.empty}{input.dash}"], ["-x", "--", "-rf"]),
        (["a" * MAX_ARGUMENT], ["a" * MAX_ARGUMENT]),
    ],
)  # fmt: skip
def test_arguments_are_what_their_templates_stand_for(templates: list[str], arguments: list[str]) -> None:
    assert list(expand_arguments(templates, GIVEN)) == arguments


@pytest.mark.parametrize(
    ("templates", "why"),
    [
        (["{input.missing}"], 'no "missing"'),
        (["{input.name.0}"], 'no "0"'),
        (["{input.list.3}"], 'no "3"'),
        (["{input.list.-1}"], 'no "-1"'),
        (["{input.list.y}"], 'no "y"'),
        (["{input.list.²}"], "no "),
        (["{input.list.00000000001}"], "no "),
        (["{input.none}"], "null"),
        (["{input.nul}"], "NUL"),
        (["{file:b.csv}"], "not among the input files"),
        (["{file:a.csv/}"], "not among the input files"),
        (["{file:dat}"], "not among the input files"),
        (["{file:../etc/passwd}"], "not among the input files"),
        (["{file:data/../a.csv}"], "not among the input files"),
        (["{file:.}"], "not among the input files"),
        (["{input.dash}"], "begins with '-'"),
        (["{input.minus}"], "begins with '-'"),
        (["{input.dash}", "--"], "begins with '-'"),
        (["{input.empty}{input.dash}"], "begins with '-'"),
        (["x--", "{input.dash}"], "begins with '-'"),
        (["--{input.empty}", "{input.dash}"], "begins with '-'"),
        (["a" * (MAX_ARGUMENT + 1)], "of one"),
        (["é" * 65_536], "of one"),
        (["a" * 120_000] * 5, "of all"),
        ([""] * 60_000, "of all"),
    ],
)
def test_what_a_template_can_not_stand_for_is_an_error(templates: list[str], why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        expand_arguments(templates, GIVEN)


def test_standard_input_is_one_text_within_its_limit() -> None:
    assert expand_text("{input.dash} {input.nul}{{{input.list.1}}}\n", GIVEN, 100) == '-rf a\0b{{"y":1}}\n'
    assert expand_text("é" * 50, GIVEN, 100) == "é" * 50
    with pytest.raises(InvalidRequestError, match="limit of 100 bytes"):
        expand_text("{input.name}" + "é" * 50, GIVEN, 100)
    with pytest.raises(InvalidRequestError, match="several arguments"):
        expand_text("{files}", GIVEN, 100)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(st.text(max_size=40))
def test_any_text_is_a_template_or_refused_and_no_template_looks_further_than_itself(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    assert "".join(map(str, parse(escaped))) == text
    try:
        parts = parse(text)
    except InvalidRequestError:
        return
    assert all(isinstance(part, (str, Input, File, Files, Out)) for part in parts)


@given(VALUES)
def test_a_value_comes_out_whole_or_is_refused(value: Any) -> None:
    given = Given({"v": value}, (), "/in", "/out")
    text = expand_text("<{input.v}>", given, 100_000)[1:-1]
    if isinstance(value, str):
        assert text == value
    else:
        assert json.loads(text) == value
    behind = expand_text("{input.v}", given, 100_000)
    if "\0" in behind or behind.startswith("-"):
        with pytest.raises(InvalidRequestError):
            expand_arguments(["{input.v}"], given)
    else:
        assert expand_arguments(["a", "{input.v}"], given) == ("a", behind)


@given(st.lists(TEXTS.filter(lambda text: "\0" not in text), max_size=5))
def test_one_template_is_one_argument_whatever_is_in_it(values: list[str]) -> None:
    given = Given(values, (), "/in", "/out")
    templates = [f"={{input.{number}}}" for number in range(len(values))]
    assert expand_arguments(templates, given) == tuple(f"={value}" for value in values)
