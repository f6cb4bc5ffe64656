"""An overlay: what it may say, and that whatever it says wrong is told at once."""

from __future__ import annotations

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Call, DeclaredFile
from skillbox_core.skills.overlay import EntryPoint, Overlay, parse_overlay
from skillbox_core.skills.run_fields import Resources

WHOLE = """
name: pdf-tools
version: 1.2
image: skillbox/tools:1
timeout: 2m
resources: {cpu: 0.5, memory: 1Gi, scratch: 64Mi}
environment: none
requires: [pdftotext, g++]
entrypoints:
  check:
    script: scripts/check.py
    args: [--strict, "{file:in.pdf}", --title, "{input.title}", null, ~, [-n, "{input.n?}"]]
    stdin: "{input}"
    ok_exit_codes: [0, 1]
    result: file:out/report.json
    edit: true
    description: Checks a form.
    input_schema: {type: object, required: [title], properties: {title: {maxLength: 10}}}
    output_schema: {const: null}
    input_files: ["*.pdf"]
  fill: {script: fill.py}
"""


def test_all_that_an_overlay_can_say_is_read() -> None:
    assert parse_overlay(WHOLE.encode()) == Overlay(
        name="pdf-tools",
        version="1.2.0",
        image="skillbox/tools:1",
        timeout="2m",
        resources=Resources("0.5", "1Gi", "64Mi"),
        environment=False,
        requires=("pdftotext", "g++"),
        entrypoints={
            "check": EntryPoint(
                "check",
                Call(
                    script="scripts/check.py",
                    args=("--strict", "{file:in.pdf}", "--title", "{input.title}", "null", "~", ("-n", "{input.n?}")),
                    stdin="{input}",
                    ok_exit_codes=frozenset({0, 1}),
                    result="file:out/report.json",
                    edit=True,
                ),
                "Checks a form.",
                {"type": "object", "required": ["title"], "properties": {"title": {"maxLength": 10}}},
                {"const": None},
                (DeclaredFile("*.pdf"),),
            ),
            "fill": EntryPoint("fill", Call(script="fill.py")),
        },
    )


CHECK = "entrypoints: {check: {script: a.py, %s}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("[]", "it must be a mapping of keys to values"),
        ("name: [", "it is not valid YAML"),
        ("a: &x 1\nb: *x", "anchors and aliases are not taken (line 1, column 4)"),
        ("name: !!str x", "YAML tags are not taken (line 1"),
        ("name: a\nname: b", "key 'name' is given twice (line 2"),
        ("name: a\n---\nname: b", "it holds more than one YAML document"),
        ("x: " * 20, "is not valid YAML"),
        ("a: " + "[" * 20 + "]" * 20, "it is more than 16 levels deep"),
        ("entrypoint: {}", "entrypoint is not known; did you mean entrypoints?"),
        ("zzz: 1", "zzz is not known; there are entrypoints, environment, image, name"),
        ("name: No Slug", 'name "No Slug" must be 1 to 64 lowercase'),
        ("version: one", 'version "one" must be semver'),
        ("image: a b", 'image "a b" is not an image reference'),
        ("timeout: soon", "timeout"),
        ("resources: {memroy: 1Gi}", "resources.memroy is not known; did you mean memory?"),
        ("resources: {memory: 1 GB}", "resources.memory"),
        ("environment: some", 'environment "some" must be none'),
        ("requires: git", "requires must be a list of texts"),
        ('requires: ["git; rm -rf /"]', 'requires has "git; rm -rf /"'),
        ("requires: [-p]", 'requires has "-p"; a command\'s name is 1 to 64 letters'),
        ("requires: [.]", "beginning with a letter, a digit or '_'"),
        ("requires: [" + ", ".join(f"c{n}" for n in range(51)) + "]", "requires has 51 commands, the limit is 50"),
        ("entrypoints: {}", "entrypoints has 0 names; there may be 1 to 100"),
        ("entrypoints: check", "entrypoints must be a mapping"),
        ("entrypoints: {" + ", ".join(f"e{n}: {{script: a}}" for n in range(101)) + "}", "entrypoints has 101 names"),
        ("entrypoints: {Check: {script: a.py}}", 'entrypoints has "Check"; a name must be'),
        ('entrypoints: {"ch\\x1b[0meck": {script: a.py}}', 'entrypoints has "ch\\x1b[0meck"'),
        ("entrypoints: {check: a.py}", "entrypoints.check must be a mapping"),
        ("entrypoints: {check: {}}", "entrypoints.check.script is required"),
        ("entrypoints: {check: {script: ../a.py}}", "entrypoints.check.script: script"),
        (CHECK % "arg: [a]", "entrypoints.check.arg is not known; did you mean args?"),
        (CHECK % "args: -v", "entrypoints.check.args must be a list of texts"),
        (CHECK % "args: [{a: b}]", "entrypoints.check.args must be a list of texts"),
        (CHECK % "args: [[[a]]]", "entrypoints.check.args must be a list of texts"),
        (CHECK % 'args: [[-v, "{input.n}"]]', "entrypoints.check.args: the group "),
        (CHECK % "args: [[]]", "entrypoints.check.args: args has "),
        (CHECK % 'args: ["{input"]', "entrypoints.check.args: "),
        (CHECK % 'stdin: "{files}"', "entrypoints.check.stdin: "),
        (CHECK % "ok_exit_codes: [126]", "entrypoints.check.ok_exit_codes: "),
        (CHECK % "ok_exit_codes: [one]", "entrypoints.check.ok_exit_codes must be a number"),
        (CHECK % "ok_exit_codes: []", "entrypoints.check.ok_exit_codes: "),
        (CHECK % "result: xml", "entrypoints.check.result: "),
        (CHECK % "edit: yes", 'entrypoints.check.edit "yes" must be true or false'),
        (CHECK % f"description: {'d' * 1025}", "entrypoints.check.description is over 1024 characters"),
        (CHECK % "input_schema: text", "entrypoints.check.input_schema must be a mapping"),
        (CHECK % "output_schema: {$ref: 'http://a'}", "entrypoints.check.output_schema refers to"),
        (CHECK % "input_files: [../a]", "entrypoints.check.input_files has"),
    ],
)
def test_what_an_overlay_says_wrong_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidSkillError) as refused:
        parse_overlay(text.encode())
    assert str(refused.value).startswith("invalid overlay: ")
    assert said in str(refused.value)


def test_all_that_is_wrong_is_said_in_one_error() -> None:
    text = "name: A\nentrypoints:\n  check: {script: /a, edit: 1, args: [a\\0]}\n  fill: {}\n"
    with pytest.raises(InvalidSkillError) as refused:
        parse_overlay(text.encode())
    for part in ("name ", "entrypoints.check.edit ", "entrypoints.fill.script "):
        assert part in str(refused.value)


@pytest.mark.parametrize(("data", "said"), [(b"name: \xff", "not UTF-8 (byte 6)"), (b"#" * 262_145, "over 256 KiB")])
def test_what_is_no_text_or_too_long_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InvalidSkillError, match="invalid overlay") as refused:
        parse_overlay(data)
    assert said in str(refused.value)
