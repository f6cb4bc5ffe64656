"""Node's packages from a registry of the test's own: locked with hashes, the same tree twice, and nothing is run."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.environments import npm
from skillbox_core.environments.node_packages import make_node_lock, make_node_tree
from skillbox_core.errors import IndexUnavailableError, InvalidSkillError
from skillbox_core.models import Interpreter, Tree
from skillbox_core.skills.node_lock import NodeLock, read_node_lock
from skillbox_core.skills.node_sources import NodeSource, find_node_source
from tests.services.node_registry import NodeRegistry, node_registry

pytestmark = [pytest.mark.long, pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not here")]

NODE = Interpreter("18.20.4", "x86_64", "glibc 2.36", "node")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[NodeRegistry]:
    with node_registry() as found:
        monkeypatch.setenv("npm_config_registry", f"{found.address}/")
        yield found


def asks(lock: dict[str, Any] | None = None, **package: Any) -> NodeSource:
    files = {"package.json": json.dumps(package), "package-lock.json": json.dumps(lock) if lock else None}
    source = find_node_source(files.get, "main.js").source
    assert source is not None
    return source


def tree(lock: NodeLock, folder: Path, node: Interpreter = NODE, **limits: int) -> tuple[Tree, dict[str, Any]]:
    target = folder / "tree.tar"
    made = make_node_tree(lock, node, target, **{"max_size": 10**7, "max_files": 100, **limits})
    with tarfile.open(target) as archive:
        return made, {member.name.removeprefix("opt/skillbox/"): member for member in archive if member.isfile()}


def test_what_is_locked_has_versions_and_hashes_and_no_addresses(registry: NodeRegistry) -> None:
    registry.add("a", "1.2.0", dependencies={"@x/b": "^1"})
    registry.add("@x/b", "1.0.1", scripts={"postinstall": "touch /tmp/evil"})
    lock = make_node_lock(asks(dependencies={"a": "^1.0"}, devDependencies={"nowhere": "1"}))
    packages = json.loads(lock.packages)
    assert {place: entry["version"] for place, entry in packages.items()} == {
        "node_modules/a": "1.2.0",
        "node_modules/@x/b": "1.0.1",
    }
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert "127.0.0.1" not in lock.text
    assert read_node_lock(lock.text) == lock
    assert (lock.count, lock.named) == (2, ("a@1.2.0",))
    assert not [path for path in registry.asked if path.endswith(".tgz")], "a package was fetched to be locked"


def test_the_same_lock_gives_the_same_tree_with_nothing_of_npm_in_it(registry: NodeRegistry, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    registry.add("a", "1.0.0", {"bin/a.js": "#!/usr/bin/env node\n"}, bin={"a": "bin/a.js"}, dependencies={"b": "1"})
    registry.add("b", scripts=dict.fromkeys(("preinstall", "install", "postinstall", "prepare"), f"touch {ran}"))
    lock = make_node_lock(asks(dependencies={"a": "1"}))
    first, members = tree(lock, tmp_path)
    assert sorted(members) == [
        *("node_modules/a/bin/a.js", "node_modules/a/index.js", "node_modules/a/package.json"),
        *("node_modules/b/index.js", "node_modules/b/package.json"),
    ]
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 315532800)}
    assert {name for name, member in members.items() if member.mode != 0o644} == {"node_modules/a/bin/a.js"}
    assert tree(lock, tmp_path)[0] == first
    assert not ran.exists(), "a package's script was run"


def test_the_versions_of_the_authors_lock_hold(registry: NodeRegistry) -> None:
    registry.add("a", "1.0.0")
    given = make_node_lock(asks(dependencies={"a": "1"}))
    registry.add("a", "1.1.0")
    entries = json.loads(given.packages)
    author = {"lockfileVersion": 3, "packages": {"": {"dependencies": {"a": "1"}}, **entries}}
    assert make_node_lock(asks(author, dependencies={"a": "1"})).packages == given.packages
    with pytest.raises(InvalidSkillError, match=r"package-lock\.json does not have a@1\.1\.0 .*`npm install` mends"):
        make_node_lock(asks(author, dependencies={"a": "^1.1"}))
    del entries["node_modules/a"]["integrity"]
    author["packages"] = entries
    with pytest.raises(InvalidSkillError, match=r"a@1\.0\.0 has no hash|does not have a@1\.0\.0 with a hash"):
        make_node_lock(asks(author, dependencies={"a": "1"}))


def test_packages_for_other_platforms_are_locked_and_left_out(registry: NodeRegistry, tmp_path: Path) -> None:
    kinds: dict[str, dict[str, list[str]]] = {
        "glibc": {"os": ["linux"], "cpu": ["x64"], "libc": ["glibc"]},
        "musl": {"os": ["linux"], "cpu": ["x64"], "libc": ["musl"]},
        "arm": {"os": ["linux"], "cpu": ["arm64"], "libc": ["glibc"]},
        "mac": {"os": ["darwin"]},
    }
    for name, platform in kinds.items():
        registry.add(name, **platform)
    registry.add("native", optionalDependencies=dict.fromkeys(kinds, "1"))
    lock = make_node_lock(asks(dependencies={"native": "1"}))
    assert {f"node_modules/{name}" for name in kinds} < set(json.loads(lock.packages))
    assert lock.count == 1
    for node, wanted in (
        (NODE, "glibc"),
        (Interpreter("20.1.0", "x86_64", "musl 1.2", "node"), "musl"),
        (Interpreter("20.1.0", "aarch64", "glibc 2.36", "node"), "arm"),
    ):
        assert {name.split("/")[1] for name in tree(lock, tmp_path, node)[1]} == {"native", wanted}
    registry.add("only", os=["darwin"])
    with pytest.raises(InvalidSkillError, match=r"only@1\.0\.0 is not made for the skill's image"):
        tree(make_node_lock(asks(dependencies={"only": "1"})), tmp_path)


def test_other_bytes_than_were_locked_are_refused(registry: NodeRegistry, tmp_path: Path) -> None:
    registry.add("a")
    lock = make_node_lock(asks(dependencies={"a": "1"}))
    registry.add("a", files={"index.js": "evil"})
    with pytest.raises(InvalidSkillError, match="other files than were locked: no SHA-512 fits"):
        tree(lock, tmp_path)


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ({"no-such-one": "1"}, "the registry has no package no-such-one"),
        ({"@x/none": "1"}, "the registry has no package @x/none"),
        ({"a": "7"}, "the registry has no version a@7"),
        ({"git": "1"}, "needs another from an address"),
        ({"url": "1"}, "needs another from an address"),
        ({"unhashed": "1"}, r"unhashed@1\.0\.0 has no hash"),
        ({"old": "1", "peer": "1"}, "package.json can't be prepared: .*(resolve|conflict)"),
    ],
)
def test_what_a_registry_does_not_have_is_said(registry: NodeRegistry, package: dict[str, str], says: str) -> None:
    registry.add("a")
    registry.add("git", dependencies={"evil": "git+file:///evil"})
    registry.add("url", dependencies={"evil": "http://127.0.0.1:1/evil.tgz"})
    registry.add("unhashed", hashed=False)
    registry.add("old")
    registry.add("peer", peerDependencies={"old": "2"})
    with pytest.raises(InvalidSkillError, match=says) as raised:
        make_node_lock(asks(dependencies=package))
    assert "/tmp" not in str(raised.value)


def test_a_registry_that_is_away_is_the_infrastructures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://me:hunter2@127.0.0.1:1/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(IndexUnavailableError, match="registry of Node packages can't be reached") as raised:
        make_node_lock(asks(dependencies={"a": "1"}))
    assert raised.value.retryable
    assert "hunter2" not in str(raised.value)


def test_too_much_is_refused(registry: NodeRegistry, tmp_path: Path) -> None:
    registry.add("a", files={f"{number}.js": "" for number in range(20)})
    lock = make_node_lock(asks(dependencies={"a": "1"}))
    with pytest.raises(InvalidSkillError, match=r"22 files, .* limit is 10"):
        tree(lock, tmp_path, max_files=10)
    registry.add("large", files={"data.txt": os.urandom(1_500_000).hex()})
    lock = make_node_lock(asks(dependencies={"large": "1"}))
    with pytest.raises(InvalidSkillError, match=r"packages of package\.json are over .* limit of 1Mi "):
        tree(lock, tmp_path, max_size=1024**2)


def test_links_in_a_package_reach_no_tree(registry: NodeRegistry, tmp_path: Path) -> None:
    registry.add("a", links={"passwd": "/etc/passwd"})
    _, members = tree(make_node_lock(asks(dependencies={"a": "1"})), tmp_path)
    assert sorted(members) == ["node_modules/a/index.js", "node_modules/a/package.json"]


def test_a_stale_alias_or_override_is_locked_as_it_is_asked_for(registry: NodeRegistry, tmp_path: Path) -> None:
    registry.add("a", dependencies={"b": "1"})
    for version in ("1.0.0", "2.0.0"):
        registry.add("b", version)
    lock = make_node_lock(asks(dependencies={"a": "1", "other": "npm:b@1"}, overrides={"a": {"b": "2"}}))
    packages = json.loads(lock.packages)
    assert packages["node_modules/other"]["name"] == "b"
    assert packages["node_modules/b"]["version"] == "2.0.0"
    assert {name.split("/")[1] for name in tree(lock, tmp_path)[1]} == {"a", "b", "other"}


def test_npm_gets_no_secret_of_the_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    fake = tmp_path / "bin" / "npm"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\nenv >{seen}; echo $* >>{seen}\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    for name in ("SKILLBOX_S3_SECRET_KEY", "SKILLBOX_DB_DSN", "PREFECT_API_KEY", "AWS_SECRET_ACCESS_KEY", "MY_TOKEN"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("NODE_OPTIONS", "--require=/evil.js")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    with pytest.raises(InvalidSkillError):
        npm.run_npm(["ci"], tmp_path, path="package.json", timeout=10, max_size=10**6)
    assert "hunter2" not in seen.read_text()
    assert "evil.js" not in seen.read_text()
    assert "npm_config_registry=http://127.0.0.1:1/" in seen.read_text()
    assert "npm_config_allow_git=none" in seen.read_text()
    # Whether an npm runs scripts when it is not told to leave them depends on its version.
    assert {"--ignore-scripts", "--git=/nonexistent"} <= set(seen.read_text().split())


@pytest.mark.parametrize("asked", [{"a": "npm:evil@latest", "b": "*"}, {"a": "latest", "b": "*"}, {"a": "*"}])
def test_what_a_lock_says_was_asked_for_changes_nothing_of_what_is_installed(
    registry: NodeRegistry, tmp_path: Path, asked: dict[str, str]
) -> None:
    registry.add("a")
    registry.add("b")
    lock = make_node_lock(asks(dependencies={"a": "^1.0.0", "b": "^1.0.0"}))
    registry.add("evil", files={"index.js": "module.exports = 'evil'"})
    said = json.loads(lock.text)
    said["root"]["dependencies"] = asked
    forged = read_node_lock(json.dumps(said, indent=1, sort_keys=True) + "\n")
    assert (forged.packages, forged.digest != lock.digest) == (lock.packages, True)
    honest, _ = tree(lock, tmp_path)
    if asked["a"] == "latest":
        assert tree(forged, tmp_path)[0] == honest
        return
    with pytest.raises(InvalidSkillError, match="npm installed something else than was locked as"):
        tree(forged, tmp_path)
