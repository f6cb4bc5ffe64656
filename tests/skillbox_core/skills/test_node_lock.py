"""A lock of Node packages: the same bytes for the same packages, and read to the letter."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.node_lock import NodeLock, node_lock, node_lock_of, read_node_lock
from skillbox_core.skills.scripts import inspect_new

HASH = f"sha512-{'A' * 86}=="
ROOT = {"dependencies": {"a": "^1", "b": "npm:@x/b@2"}}
PACKAGES: dict[str, Any] = {
    "node_modules/b": {"version": "2.0.0", "name": "@x/b", "integrity": HASH, "optional": True, "os": ["linux"]},
    "node_modules/a": {"version": "1.0.0", "integrity": HASH, "bundleDependencies": ["c"]},
    "node_modules/a/node_modules/c": {"version": "3.0.0", "inBundle": True},
    "node_modules/a/node_modules/c/node_modules/d": {"version": "3.0.0", "inBundle": True},
}


def lock(packages: dict[str, Any] | None = None) -> NodeLock:
    return node_lock("package.json", "a" * 64, ROOT, PACKAGES if packages is None else packages)


def test_a_lock_is_read_back_as_it_was_written() -> None:
    assert read_node_lock(lock().text) == lock()
    assert (lock().count, lock().named) == (3, ("a@1.0.0", "@x/b@2.0.0"))


def test_its_digest_is_of_what_npm_is_given() -> None:
    turned, root = dict(reversed(PACKAGES.items())), json.loads(lock().root)
    assert node_lock("x/package.json", "b" * 64, root, turned).digest == lock().digest
    assert node_lock("x/package.json", "b" * 64, {"dependencies": {"b": "*"}}, turned).digest != lock().digest
    assert lock({"node_modules/a": PACKAGES["node_modules/a"]}).digest != lock().digest


@pytest.mark.parametrize(
    ("place", "entry"),
    [
        ("node_modules/e", {"version": "1.0.0"}),
        ("node_modules/e", {"version": "1.0.0", "integrity": "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
        ("node_modules/e", {"version": "1.0.0", "integrity": f"{HASH} sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
        ("node_modules/e", {"version": "1.0.0", "integrity": [HASH]}),
        ("node_modules/e", {"version": "1.0.0", "inBundle": True}),
        ("node_modules/b/node_modules/e", {"version": "1.0.0", "inBundle": True}),
        ("node_modules/f/node_modules/e", {"version": "1.0.0", "inBundle": True}),
        ("node_modules/a/node_modules/c", {"version": "1.0.0", "inBundle": "true"}),
    ],
)
def test_a_package_whose_bytes_are_not_said_is_refused(place: str, entry: dict[str, Any]) -> None:
    with pytest.raises(InvalidSkillError, match="by their SHA-512 only"):
        lock({**PACKAGES, place: entry})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version": "1.0.0"', '"version": "file:/evil"'),
        ('"version": "1.0.0"', '"version": "1.0.0",  "x": 1'),
        ('"version": "1.0.0"', '"resolved": "http://127.0.0.1:1/a.tgz",\n   "version": "1.0.0"'),
        ('"version": "1.0.0"', '"link": true,\n   "version": "1.0.0"'),
        ('"version": "1.0.0"', '"hasInstallScript": true,\n   "version": "1.0.0"'),
        ('"node_modules/b"', '"../b"'),
        ('"a": "^1"', '"a": "file:../evil"'),
        ('"a": "^1"', '"../a": "^1"'),
        ('"root": {', '"root": {\n  "scripts": {"preinstall": "evil"},'),
        ('"source": "package.json"', '"source": "package.json", "more": 1'),
        ('"asked": "a', '"asked": "z'),
        ("npm:@x/b@2", "github:evil/evil"),
        ("\n}\n", "\n}"),
    ],
)
def test_what_is_not_a_lock_to_the_letter_is_refused(old: str, new: str) -> None:
    assert old in lock().text
    with pytest.raises(InvalidSkillError, match=r"environment\.lock"):
        read_node_lock(lock().text.replace(old, new))


DEEP = json.loads('{"a": ' * 500 + '"1"' + "}" * 500)


@pytest.mark.parametrize(
    ("root", "packages"),
    [
        ({**ROOT, "overrides": DEEP}, PACKAGES),
        (ROOT, {"node_modules/b": {**PACKAGES["node_modules/b"], "peerDependencies": DEEP}}),
    ],
)
def test_a_lock_that_is_nested_too_deeply_to_be_walked_through_is_refused(root: Any, packages: Any) -> None:
    made = NodeLock("package.json", "a" * 64, json.dumps(root, sort_keys=True), json.dumps(packages, sort_keys=True))
    with pytest.raises(InvalidSkillError, match=r"environment\.lock is not as"):
        read_node_lock(made.text)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"root": {}}', "# Python packages"])
def test_what_is_no_lock_at_all_is_refused(text: str) -> None:
    with pytest.raises(InvalidSkillError, match=r"environment\.lock is not as"):
        read_node_lock(text)


def test_an_archive_with_what_is_no_lock_is_not_stored(tmp_path: Path) -> None:
    def made(text: str, *more: str, front: str = "") -> Path:
        with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
            archive.writestr("SKILL.md", f"---\nname: s\ndescription: d\n{front}---\n")
            for name in ("main.js", *more):
                archive.writestr(name, "")
            archive.writestr("environment.lock", text.encode("latin-1"))
        return tmp_path / "s.zip"

    assert node_lock_of(inspect_new(made(lock().text), 1_000_000)) == lock()
    assert node_lock_of(inspect_new(made(lock().text, "node_modules/a/index.js"), 1_000_000)) is None
    assert node_lock_of(inspect_new(made(lock().text, front="environment: none\n"), 1_000_000)) is None
    for text in (json.dumps({"packages": {}}), "caf\xe9"):
        with pytest.raises(InvalidSkillError, match=r"environment\.lock is not"):
            inspect_new(made(text), 1_000_000)
