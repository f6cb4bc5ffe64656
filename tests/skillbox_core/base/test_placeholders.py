"""A call's templates: their grammar, and what each placeholder stands for."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.expansion import MAX_ARGUMENT, Given, expand_arguments, expand_text
from skillbox_core.base.placeholders import Element, File, Files, If, Input, Out, Part, check_group, parse
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
    "words": ["a b", "", "{out}"],
    "options": ["-v", "x"],
    "holes": ["a", None],
    "nothing": [],
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
        ("{input?}{input.a.0?}", (Input((), optional=True), Input(("a", "0"), optional=True))),
        ("{input...}", (Input((), each=True),)),
        ("-w{input.a...}!", ("-w", Input(("a",), each=True), "!")),
        ("{input.a...?}", (Input(("a",), optional=True, each=True),)),
        ("{file:a?b?}", (File("a?b", optional=True),)),
        ("{if input.a.b}--x", (If(("a", "b")), "--x")),
        ("--in={files}", ("--in=", Files())),
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
        *("{files}{files}", "{files}{input.a...}", "{input.a...}{input.a...?}", "{files?}", "{out?}", "{files...}"),
        *("{input.a?...}", "{input.a??}", "{input.a?.b}", "{input?.a}", "{?input.a}", "{input.a....}", "{...input}"),
        *("{input. ..}", "{file?:a}", "{file:?}", "{input.a ?", "{input.a...?...}"),
        *("--x{if input.a}", "{if input.a}{if input.b}x", "{if input.a}", "{if  file:a}x", "{if input.a?}x", "{if}x"),
        *(
            "{if not input.a}x",
            "{if input.a == 1}x",
            "{if input.a=1}x",
            "{ifinput.a}x",
            "{if input.a...}x",
            "{if files}x",
            "{else}x",
        ),
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


@pytest.mark.parametrize(
    ("elements", "arguments"),
    [
        # There, or left out.
        (["{input.name?}", "--n={input.count?}"], ["Ada", "--n=7"]),
        (["{input.missing?}", "--n={input.missing?}", "{input.name.0?}", "{input.list.9?}"], []),
        (["{input.none?}", "--n={input.none?}"], []),
        (["--e={input.empty?}", "--e={input.off?}"], ["--e=", "--e=false"]),
        (["{input.name}{input.missing?}", "{input.missing?}{out}"], []),
        (["{file:a.csv?}", "{file:b.csv?}", "--in={file:data?}", "--in={file:dat?}"], ["/in/a.csv", "--in=/in/data"]),
        (["{file:../etc/passwd?}", "{file:data/../a.csv?}"], []),
        # Switches.
        (["{if input.on}--strict", "{if input.off}--strict"], ["--strict"]),
        (["{if input.missing}-x", "{if input.none}-x", "{if input.list.9}-x"], []),
        (["{if input.on}--n={input.count}", "{if input.off}--n={input.count}"], ["--n=7"]),
        (["{if input.on}{input.name}", "{if input.off}{input.dash}"], ["Ada"]),
        # An argument for each.
        (["{input.words...}", "--w={input.words...}", "<{input.nothing...}>"],
         ["a b", "", "{out}", "--w=a b", "--w=", "--w={out}"]),
        (["{input.list...}"], ["x", '{"y":1}', '["z"]']),
        (["{input.words...?}", "{input.missing...?}", "{input.none...?}"], ["a b", "", "{out}"]),
        (["--in={files}"], ["--in=/in/a.csv", "--in=/in/data/b c.txt", "--in=/in/data/deep/c.txt"]),
        (["{if input.on}-w{input.words...}{input.count}", "{if input.off}{files}"], ["-wa b7", "-w7", "-w{out}7"]),
        (["--", "{input.options...}"], ["--", "-v", "x"]),
        (["--o={input.options...}"], ["--o=-v", "--o=x"]),
        # Groups.
        ([("--title", "{input.name?}"), "x"], ["--title", "Ada", "x"]),
        ([("--title", "{input.missing?}"), "x"], ["x"]),
        ([("{input.name?}", "{input.missing?}")], []),
        ([("{if input.on}-n", "3"), ("-n", "{if input.off}3")], ["-n", "3"]),
        ([("--words", "{input.words...}"), ("--words", "{input.nothing...}")], ["--words", "a b", "", "{out}"]),
        ([("--in", "{files}")], ["--in", "/in/a.csv", "/in/data/b c.txt", "/in/data/deep/c.txt"]),
        ([("--", "{input.dash?}"), "{input.dash}"], ["--", "-rf", "-rf"]),
    ],
)  # fmt: skip
def test_an_argument_may_be_left_out_and_stand_for_several(elements: list[Element], arguments: list[str]) -> None:
    assert list(expand_arguments(elements, GIVEN)) == arguments


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        # What is not marked must be there, also where something else leaves its argument out.
        (["{input.missing}{input.missing?}"], 'no "missing"'),
        (["{input.missing?}{input.missing}"], 'no "missing"'),
        (["{input.missing?}{file:b.csv}"], "not among the input files"),
        (["{if input.off}{input.missing}"], 'no "missing"'),
        (["{if input.off}{input.none}"], "null"),
        ([("{input.missing?}", "{input.missing}")], 'no "missing"'),
        ([("{if input.off}-n", "{input.missing...}")], 'no "missing"'),
        # Switches are true or false.
        (["{if input.name}-x"], "neither true nor false"),
        (["{if input.empty}-x"], "neither true nor false"),
        (["{if input.count}-x"], "neither true nor false"),
        (["{if input.nothing}-x"], "neither true nor false"),
        # Lists are lists, and have no holes.
        (["{input.missing...}"], 'no "missing"'),
        (["{input.none...}"], "null"),
        (["{input.name...}"], "no list"),
        (["{input.name...?}"], "no list"),
        (["{input.off...?}"], "no list"),
        (["{input...}"], "no list"),
        (["{input.holes...}"], r"{input.holes.1} is null"),
        # A value is no option, wherever it comes from.
        (["{input.dash?}"], "begins with '-'"),
        (["{if input.on}{input.dash}"], "begins with '-'"),
        (["{input.options...}"], "begins with '-'"),
        (["{input.empty?}-x"], "begins with '-'"),
        ([("--title", "{input.dash?}")], "begins with '-'"),
        ([("--", "{input.missing?}"), "{input.dash}"], "begins with '-'"),
        (["{if input.on}--", "{input.dash}"], "begins with '-'"),
        ([("{input.dash?}", "--")], "begins with '-'"),
        (["{input.nul?}"], "NUL"),
    ],
)
def test_what_may_be_left_out_is_held_to_the_same_rules(elements: list[Element], why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        expand_arguments(elements, GIVEN)


@pytest.mark.parametrize(
    "elements",
    [
        ["a" * 60_000 + "{input.x...}"],
        [("-x",) + ("{input.x...}",) * 900],
        ["{input.x...}"] * 100,
        ["{input.long}" * 1_000],
        ["{input.x...}" + "{input.long}" * 1_000],
        [("-x", *["{input.long}" * 1_000] * 9, "{input.x...}")],
    ],
)
def test_what_multiplies_is_stopped_at_the_limit_and_before_it_is_made(elements: list[Element]) -> None:
    given = Given({"x": ["y"] * 60_000, "long": "z" * 100_000}, (), "/in", "/out")
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequestError, match="over the limit"):
            expand_arguments(elements, given)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024**2


def test_what_is_left_out_counts_for_no_limit() -> None:
    given = Given({"x": "y" * 100_000}, (), "/in", "/out")
    assert expand_arguments([("{input.x}" * 20, "{input.no?}"), "{input.x}{input.no?}"] * 9, given) == ()


@pytest.mark.parametrize("group", [("--title", "{input.title}"), ("--title",), ("{file:a}", "{out}")])
def test_a_group_that_is_never_left_out_is_refused(group: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequestError, match="never left out"):
        check_group(group)


@pytest.mark.parametrize(
    "group", [("{input.a?}",), ("-x", "{file:a?}"), ("-x", "{files}"), ("-x", "{input...}"), ("{if input.a}-x", "y")]
)
def test_a_group_that_may_be_left_out_is_one(group: tuple[str, ...]) -> None:
    check_group(group)


def test_standard_input_is_one_text_within_its_limit() -> None:
    assert expand_text("{input.dash} {input.nul}{{{input.list.1}}}\n", GIVEN, 100) == '-rf a\0b{{"y":1}}\n'
    assert expand_text("é" * 50, GIVEN, 100) == "é" * 50
    with pytest.raises(InvalidRequestError, match="limit of 100 bytes"):
        expand_text("{input.name}" + "é" * 50, GIVEN, 100)
    with pytest.raises(InvalidRequestError, match="several arguments"):
        expand_text("{files}", GIVEN, 100)
    with pytest.raises(InvalidRequestError, match="several arguments"):
        expand_text("{input.words...}", GIVEN, 100)


def test_standard_input_may_be_left_out() -> None:
    assert expand_text("{input.name?}", GIVEN, 100) == "Ada"
    assert expand_text("{input.empty?}", GIVEN, 100) == ""
    assert expand_text("a{input.missing?}", GIVEN, 100) is None
    assert expand_text("{if input.on}a", GIVEN, 100) == "a"
    assert expand_text("{if input.off}a", GIVEN, 100) is None
    with pytest.raises(InvalidRequestError, match="missing"):
        expand_text("{input.missing?}{input.missing}", GIVEN, 100)


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
    assert all(isinstance(part, (str, Input, File, Files, Out, If)) for part in parts)


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


@given(st.lists(TEXTS.filter(lambda text: "\0" not in text), max_size=5))
def test_each_item_is_one_argument_whatever_is_in_it(values: list[str]) -> None:
    given = Given(values, (), "/in", "/out")
    assert expand_arguments(["={input...}"], given) == tuple(f"={value}" for value in values)
    assert expand_arguments(["--", "{input...}"], given) == ("--", *values)


@pytest.mark.parametrize(
    "template", ["{input.dash}", "{if input.on}{input.dash}", "{input.options...}", "{input.dash?}"]
)
def test_the_way_out_of_a_value_that_could_be_an_option_is_a_template(template: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        expand_arguments([template], GIVEN)
    way = str(refused.value.hint).split('"')[1]
    assert all("=-" in argument for argument in expand_arguments([way], GIVEN)[:1])


@pytest.mark.parametrize("template", ["{file:why?}", "{input.ok?}", "{input.deep.ok?}"])
def test_what_is_called_with_a_question_mark_is_not_taken_for_missing(template: str) -> None:
    given = Given({"ok?": 1, "deep": {"ok?": 1}}, ("why?",), "/in", "/out")
    with pytest.raises(InvalidRequestError, match="has no placeholder"):
        expand_arguments([template], given)


def test_a_template_that_names_thousands_of_files_is_looked_at_in_a_moment() -> None:
    given = Given({}, tuple(f"{number}/a" for number in range(10_000)), "/in", "/out")
    looked: list[int] = []

    class Counted(tuple[str, ...]):
        def __iter__(self) -> Iterator[str]:
            looked.append(1)
            return super().__iter__()

    assert expand_arguments(["{file:zz?}" * 20_000], replace(given, files=Counted(given.files))) == ()
    assert len(looked) <= 3, "names are gone through once, and not for each part"
