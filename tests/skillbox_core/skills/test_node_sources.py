"""Where a Node skill says what it needs, and what is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.node_sources import find_node_source
from skillbox_core.skills.package import package

ASKS = '{"dependencies": {"a": "1"}, "type": "module"}'
NOTHING = '{"type": "module"}'


@pytest.mark.parametrize(
    ("files", "entrypoint", "used", "warned"),
    [
        ({}, "main.js", None, ""),
        ({"package.json": NOTHING}, "main.js", None, ""),
        ({"package.json": ASKS}, "main.js", "package.json", ""),
        ({"scripts/package.json": ASKS}, "main.js", None, ""),
        ({"scripts/package.json": ASKS}, "scripts/main.js", "scripts/package.json", ""),
        ({"package.json": NOTHING, "scripts/package.json": ASKS}, "scripts/main.js", "scripts/package.json", ""),
        (
            {"package.json": ASKS, "scripts/package.json": ASKS},
            "scripts/main.js",
            "package.json",
            "scripts/package.json is passed over: package.json says which packages the skill needs",
        ),
        (
            {"package.json": ASKS, "scripts/package.json": NOTHING},
            "scripts/main.js",
            "package.json",
            "",
        ),
        (
            {"package-lock.json": "{}"},
            "main.js",
            None,
            "package-lock.json is passed over: there is no package.json beside it",
        ),
        (
            {"package.json": ASKS, "yarn.lock": ""},
            "main.js",
            "package.json",
            "yarn.lock is passed over: of locks only package-lock.json is read",
        ),
    ],
)
def test_the_first_that_asks_for_packages_is_used(
    files: dict[str, str], entrypoint: str, used: str | None, warned: str
) -> None:
    found = find_node_source(files.get, entrypoint)
    assert (found.source.path if found.source else None) == used
    assert found.warnings == ((warned,) if warned else ())


def test_its_digest_changes_with_what_is_asked_for_and_with_nothing_else() -> None:
    def digest(text: str) -> str:
        source = find_node_source({"package.json": text}.get, "main.js").source
        assert source is not None
        return source.digest

    assert digest(ASKS) == digest('{"name": "x", "dependencies": {"a": "1"}, "scripts": {"test": "jest"}}')
    assert digest(ASKS) != digest('{"dependencies": {"a": "2"}}')


@pytest.mark.parametrize(
    ("script", "file", "says"),
    [
        ("main.js", "requirements.txt", "requirements.txt is passed over: the skill is run by node"),
        ("main.py", "package-lock.json", "package-lock.json is passed over: the skill is run by python"),
        ("main.sh", "uv.lock", "uv.lock is passed over: the skill is run by bash"),
    ],
)
def test_what_another_language_would_need_is_warned_of(tmp_path: Path, script: str, file: str, says: str) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    for name, text in {"SKILL.md": "---\nname: s\ndescription: d\n---\n", script: "", file: "x"}.items():
        (folder / name).write_text(text)
    assert says in package(folder, tmp_path / "s.zip", 10**6, prepare=False).warnings


DEEP = '{"a": ' * 500 + '"1"' + "}" * 500
DEEP_ROOT = f'{{"dependencies": {{"a": "1"}}, "overrides": {DEEP}}}'
DEEP_LOCK = f'{{"packages": {{"node_modules/a": {DEEP}}}}}'


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"package.json": DEEP_ROOT},
            r"package\.json can't be read: it is nes",
        ),
        (
            {"package.json": ASKS, "package-lock.json": DEEP_LOCK},
            r"package-lock\.json can't be read: it is nested more than 100 levels deep",
        ),
        (
            {"package.json": '{"dependencies": {"a": "1", "a": "2"}}'},
            r"package\.json can't be read: it has .* duplicate key",
        ),
        ({"package.json": "[1]"}, r"package\.json can't be read: it is not an object"),
        ({"package.json": "{"}, r"package\.json can't be read: it is not JSON"),
    ],
)
def test_what_is_no_such_file_is_refused(files: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidSkillError, match=says):
        find_node_source(files.get, "main.js")
