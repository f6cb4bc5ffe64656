from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.errors import InvalidSkillError, SkillboxError
from skillbox_core.skills import frontmatter
from skillbox_core.skills.manifest import Manifest, parse_manifest

BASE = "name: a\ndescription: d\n"


def skill(head: str, body: str = "Do it.\n") -> Manifest:
    return parse_manifest(f"---\n{head}\n---\n{body}".encode())


def test_what_a_run_needs_is_read() -> None:
    manifest = skill(
        "name: word-count\nversion: 1.2.3-rc.1\ndescription: Counts.\nlang: bash\nimage: bash:5\n"
        "timeout: 1h30m\nresources:\n  cpu: 0.5\n  memory: 256Mi\n"
    )
    assert (manifest.name, manifest.version, manifest.lang, manifest.image) == (
        "word-count",
        "1.2.3-rc.1",
        "bash",
        "bash:5",
    )
    assert (manifest.timeout, manifest.resources.cpu, manifest.resources.memory) == ("1h30m", "0.5", "256Mi")
    assert manifest.instructions == "Do it."
    assert manifest.warnings == ()


def test_the_agent_skills_dialect_is_read() -> None:
    manifest = skill(
        BASE
        + "license: MIT\ncompatibility: any\nallowed-tools: Read Bash(git:*)\n"
        + 'metadata:\n  author: me\n  version: "1.0"\n'
    )
    assert (manifest.license, manifest.compatibility) == ("MIT", "any")
    assert manifest.allowed_tools == ("Read", "Bash(git:*)")
    assert manifest.metadata == {"author": "me", "version": "1.0"}
    assert manifest.version == "1.0.0"
    assert manifest.lang is None
    assert any("1.0.0" in warning for warning in manifest.warnings)


def test_the_version_has_a_default_and_its_own_field_goes_first() -> None:
    assert (skill(BASE).version, skill(BASE).has_version) == ("1.0.0", False)
    assert skill(BASE + "version: 3.0.0").has_version
    assert skill(BASE + "version: 3.0.0\nmetadata:\n  version: 2.0.0").version == "3.0.0"


@pytest.mark.parametrize("text", ["\ufeff---\r\n{}---\r\nB", "\n\n \n---\n{}---\nB", "--- \n{}---\t\nB\n\n"])
def test_a_byte_order_mark_blank_lines_and_crlf_are_fine(text: str) -> None:
    manifest = parse_manifest(text.format(BASE).encode())
    assert (manifest.name, manifest.instructions) == ("a", "B")


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(InvalidSkillError) as caught:
        skill("version: '1.x'\nlang: ruby\ntimeout: -1s\nresources:\n  cpu: nan\n  memory: 17179869184Gi\nimage: [a]")
    message = str(caught.value)
    assert message.startswith('invalid skill: name is required; version "1.x" must be semver')
    for word in ("description is required", "lang", "timeout", "resources.cpu", "resources.memory", "image"):
        assert word in message


@pytest.mark.parametrize(
    ("said", "modules"),
    [
        ("", None),
        ("warm:\n", None),
        ("warm: none\n", ()),
        ("warm: []\n", ()),
        ("warm: [xml.dom, pandas, xml.dom]\n", ("xml.dom", "pandas")),
        ("warm:\n  - _a1\n", ("_a1",)),
        ("warm: ['@scope/a-b', lodash/fp, 'node:fs']\n", ("@scope/a-b", "lodash/fp", "node:fs")),
    ],
)
def test_it_says_what_is_imported_before_there_is_a_job(said: str, modules: tuple[str, ...] | None) -> None:
    manifest = skill(BASE + said)
    assert (manifest.warm, manifest.warnings) == (modules, ())


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("pandas", '"pandas" is not a list; write warm: [pandas]'),
        ("./x", '"./x" is no module name; write warm: none, or a list of modules such as warm: [pandas]'),
        ("{a: b}", "a mapping is no list; write warm: none, or a list of modules such as warm: [pandas]"),
        *[
            (f"[{name}]", f'"{said}" is no module name')
            for name, said in [
                ("1a", "1a"), ("a--b", "a--b"), ("../a", "../a"), ("./x", "./x"), ("a/", "a/"), ("'a b'", "a b"),
                ("a.", "a."), (".a", ".a"), ("é", "\\xe9"), ("'a\n'", "a "), ("''", ""),
                ("os; import sys", "os; import sys"),
            ]
        ],
        ("[json, 1a, 2b]", 'warm: "1a" is no module name; warm: "2b" is no module name'),
        ("[[a]]", "what is not text is no module name"),
        (f"[{'a' * 129}]", f'"{"a" * 80}" is no module name of at most 128 characters'),
        (f"[{', '.join(f'm{n}' for n in range(33))}]", "33 modules are too many; at most 32 can be named"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_modules_is_a_fault(value: str, fault: str) -> None:
    with pytest.raises(InvalidSkillError) as caught:
        skill(f"{BASE}warm: {value}\n")
    assert f"warm: {fault.removeprefix('warm: ')}" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["1:30", "012", "on", "1.10", "2024-01-01", "1e3", "0x10", "true", ".inf", "no", "=", "1_000"]
)
def test_scalars_stay_the_text_they_are(text: str) -> None:
    manifest = skill(f"{BASE}metadata:\n  v: {text}\nother: {text}\n")
    assert manifest.metadata["v"] == text
    assert manifest.extra == {"other": text}


def test_unknown_keys_are_kept_and_warned_about() -> None:
    manifest = skill(BASE + "user: root\nnetwork: {mode: host}\nresources:\n  gpu: 1\n")
    assert manifest.extra == {"user": "root", "network": {"mode": "host"}}
    assert {w.split()[0] for w in manifest.warnings} == {"user", "network", "resources.gpu"}


@pytest.mark.parametrize(
    "head",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "a: &a\n  b: *a",
        "<<: *x",
        "a: !!python/object/apply:os.system [id]",
        "a: !!binary aGk=",
        "a: !custom x",
        "a: !!str x",
        "a: &anchor x",
        "a: b\n...\nc: d",
        "a: b\n--- \u2028\nc: d",
        "a: 1\na: 2",
        "? [a]\n: b",
        "- a",
        "text",
        "a: [",
        "a: 'x",
        "\tb: c",
        "a: \x01",
        "[" * 2000,
        "[" * 30000 + "]" * 30000,
        "a: " * 2000,
        "{a: " * 20000,
        "- " * 2000,
        "? " * 20000,
        "x" * 70_000,
        "%YAML 1." + "1" * 5000 + "\na: b",
        'a: "\\UFFFFFFFF"',
        'a: "\\U00110000"',
        "%YAML 9.9\na: b",
        "%TAG ! %FF",
    ],
)
def test_more_yaml_than_front_matter_needs_is_refused_quickly(head: str) -> None:
    start = time.perf_counter()
    with pytest.raises(InvalidSkillError) as caught:
        skill(head)
    assert time.perf_counter() - start < 3
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("escape", ["\\ud800", "\\0"])
def test_escapes_that_no_record_could_hold_are_refused(escape: str) -> None:
    with pytest.raises(InvalidSkillError):
        skill(f'name: a\ndescription: "x{escape}y"')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no front matter",
        b"---\nname: a\n",
        b"x\n---\nname: a\n---\n",
        b"---\nname: \xff\n---\n",
        b"---\nname: a\0\n---\n",
        b"---\nname: a\n---\n" + b"x" * 2**20,
    ],
)
def test_what_is_no_skill_md_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidSkillError):
        parse_manifest(data)


@pytest.mark.parametrize("name", ["..", "a/b", "%2e", "-rf", "$(id)", "a;b", "x" * 10_000, "'a\\b'", "'a\u202e'"])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidSkillError, match="name"):
        skill(f"name: {name}\ndescription: d")


@pytest.mark.parametrize("version", ["latest", "..", "1.x", "v1.0.0", "1.0.0/x", "$(id)", "9" * 5000])
def test_a_version_that_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidSkillError, match="version"):
        skill(f"{BASE}version: {version}")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("timeout: 1e9h", "timeout"),
        ("timeout: -1s", "timeout"),
        ("timeout: 0", "timeout"),
        ("timeout: 1:30", "timeout"),
        ("resources: {cpu: inf}", "resources.cpu"),
        ("resources: {cpu: 1e400}", "resources.cpu"),
        ("resources: {memory: 1G}", "resources.memory"),
        ("resources: {scratch: -1}", "resources.scratch"),
        ("resources: big", "resources"),
        ("image: 'a b'", "image"),
        ("lang: Python", "lang"),
    ],
)
def test_a_wrong_value_is_refused_with_the_fields_name(line: str, field: str) -> None:
    with pytest.raises(InvalidSkillError) as caught:
        skill(BASE + line)
    assert field in str(caught.value)


@given(st.text(max_size=200))
def test_any_front_matter_is_read_or_refused(text: str) -> None:
    try:
        frontmatter.read(text)
    except SkillboxError as error:
        message = str(error)
        assert message.isprintable()


@given(st.binary(max_size=200) | st.text("abn:-[]{}&*!|>'\"\\#%?,~ \n\t0U", max_size=200).map(lambda s: s.encode()))
def test_any_bytes_are_a_manifest_or_refused(data: bytes) -> None:
    for candidate in (data, b"---\n" + BASE.encode() + data + b"\n---\n"):
        try:
            parse_manifest(candidate)
        except SkillboxError as error:
            message = str(error)
            assert message.isprintable()


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"[A-Za-z0-9.:/_-]{1,20}", fullmatch=True)
    )
)
def test_quoted_text_is_read_back_exactly(pairs: dict[str, str]) -> None:
    assert frontmatter.read("\n".join(f'"{k}": "{v}"' for k, v in pairs.items())) == (pairs, ())


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"])
def test_what_no_longer_ends_a_line_in_yaml_is_a_character(separator: str) -> None:
    text = f"a: b{separator}c\ne: {separator}0\ue000"
    assert frontmatter.read(text) == ({"a": f"b{separator}c", "e": f"{separator}0\ue000"}, ())
