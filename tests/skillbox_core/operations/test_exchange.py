"""Exports and imports: what is in a stranger's file is looked at before anything of it is stored."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillbox_core.errors import InvalidSkillError, PolicyError, SkillboxError, VersionExistsError
from skillbox_core.installation import Installation
from skillbox_core.models import Interpreter, Tree
from skillbox_core.operations.exchange import export_skill, import_skill
from skillbox_core.operations.exchange_file import Manifest
from skillbox_core.settings import Settings
from tests.services import trees
from tests.services.exports import FILES, LOCK, PINS, PYTHON, made_file, manifest_of, skill, tree_of
from tests.services.trees import SITE, file, folder, pack, tree_tar

PATCHED = Interpreter("3.11.9", "x86_64", "glibc 2.36")


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation.from_settings(Settings(home=tmp_path / "home", s3_endpoint="", db_dsn=""))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def stored(installation: Installation) -> tuple[list[str], list[str], int]:
    """Skills, trees and rows of trees."""
    environments = installation.environments
    trees_there, rows = environments.store.digests(), environments.records.trees()
    return installation.registry.skills("default"), trees_there, len(rows)


def test_a_skill_comes_with_its_environment_for_each_python_that_it_was_made_for(
    here: Installation, place: Path, tmp_path: Path
) -> None:
    archive, data = skill(place), tree_tar(FILES)
    one = tree_of(data)
    here.registry.push("default", archive)
    (place / "tree.tar").write_bytes(data)
    here.environments.store.put(place / "tree.tar", one.tree.digest)
    for python in (PYTHON, PATCHED):
        here.environments.records.keep_tree(LOCK.digest, python, one.tree)
    # Its tree was lost; the others go.
    here.environments.records.keep_tree(LOCK.digest, replace(PYTHON, version="3.11.1"), Tree(f"sha256:{'0' * 64}", 9))
    target = place / "out"
    done = export_skill(here, "default", "packed", "1.0.0", target, with_environment=True)
    assert [one.interpreter for one in done.trees] == [PYTHON, PATCHED]
    assert not done.left_out
    with tarfile.open(target) as read:
        assert read.getnames() == ["manifest.json", "skill.zip", f"environments/{one.tree.hex}.tar.gz"]

    there = Installation.from_settings(Settings(home=tmp_path / "there", s3_endpoint="", db_dsn=""))
    imported = import_skill(there, "acme", target)
    assert imported.pushed.new
    assert not imported.lacks
    assert (
        there.registry.load("acme", "packed", "1.0.0").digest == here.registry.load("default", "packed", "1.0.0").digest
    )
    assert there.environments.records.tree(LOCK.digest, PATCHED) == one.tree
    assert b"".join(there.environments.store.open(one.tree.digest)) == data
    assert not import_skill(there, "acme", target).pushed.new


def test_what_one_image_compiled_for_itself_is_not_exported(here: Installation, place: Path) -> None:
    here.registry.push("default", skill(place))
    data = tree_tar(FILES)
    one = tree_of(data)
    (place / "tree.tar").write_bytes(data)
    here.environments.store.put(place / "tree.tar", one.tree.digest)
    here.environments.records.keep_tree(LOCK.digest, PYTHON, one.tree, f"sha256:{'a' * 64}")
    with pytest.raises(SkillboxError, match="counts for its own image only"):
        export_skill(here, "default", "packed", "1.0.0", place / "out", with_environment=True)
    here.environments.records.keep_tree(LOCK.digest, PYTHON, one.tree)
    assert len(export_skill(here, "default", "packed", "1.0.0", place / "out", with_environment=True).trees) == 1


def test_an_export_without_a_place_for_it_says_so_and_leaves_nothing(here: Installation, place: Path) -> None:
    here.registry.push("default", skill(place, lock=None))
    for target in (place / "no" / "out", place):
        with pytest.raises(SkillboxError, match="can't be written"):
            export_skill(here, "default", "packed", "1.0.0", target, with_environment=True)
    assert [path.name for path in place.iterdir()] == ["packed-0.zip"]


def test_a_tree_that_changed_in_the_store_is_not_exported(here: Installation, place: Path) -> None:
    here.registry.push("default", skill(place))
    one = tree_of(tree_tar(FILES))
    (place / "tree.tar").write_bytes(tree_tar({**FILES, f"{SITE}/evil.py": b""}))
    here.environments.store.put(place / "tree.tar", one.tree.digest)
    here.environments.records.keep_tree(LOCK.digest, PYTHON, one.tree)
    with pytest.raises(SkillboxError, match="is not what was stored"):
        export_skill(here, "default", "packed", "1.0.0", place / "out", with_environment=True)
    assert not (place / "out").exists()


OTHER = replace(LOCK, pins=(replace(PINS[0], version="1.1"),))
ROOTS = [(folder(trees.ROOT), b"")]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        pytest.param({f"{SITE}/greeter.py": b""}, "greeter==1.0", id="a package less"),
        pytest.param({**FILES, f"{SITE}/evil-1.dist-info/METADATA": b""}, "evil==1", id="a package more"),
        pytest.param({**FILES, f"{SITE}/greeter-1.1.dist-info/METADATA": b""}, "greeter==1.1", id="another version"),
        pytest.param({**FILES, "lib/python3.12/site-packages/a.py": b""}, "python3.12", id="another Python"),
        pytest.param({**FILES, f"{SITE}/Greeter.py": b""}, "differs from", id="differs in case only"),
        pytest.param({**FILES, f"{SITE}/a\u202eb.py": b""}, "no name for a file|invisible", id="right to left"),
        pytest.param({**FILES, f"{SITE}/.wh.x": b""}, "would hide a file", id="whiteout"),
    ],
)
def test_a_tree_with_other_files_than_its_lock_says_is_refused(
    here: Installation, place: Path, files: Mapping[str, bytes], told: str
) -> None:
    refused_with(here, place, tree_tar(files), told)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"no tar at all" * 100, "no plain tar|ends after|has no end", id="no tar"),
        pytest.param(pack([*ROOTS, (file("etc/passwd", 1), b"x")]), "does not lie below", id="elsewhere"),
        pytest.param(pack([*ROOTS, (file(f"{trees.ROOT}/../a", 1), b"x")]), "no plain path", id="way up"),
        pytest.param(pack([*ROOTS, (file(f"{trees.ROOT}/a", 1, 0o4755), b"x")]), "has mode 4755", id="setuid"),
    ],
)
def test_what_an_engine_may_not_unpack_is_refused(here: Installation, place: Path, data: bytes, told: str) -> None:
    refused_with(here, place, data, told)


def refused_with(here: Installation, place: Path, data: bytes, told: str) -> None:
    archive = skill(place)
    taken = made_file(place, archive, manifest_of(archive, tree_of(data)), data)
    with pytest.raises(SkillboxError, match=told):
        import_skill(here, "default", taken)
    assert stored(here) == ([], [], 0)


Lie = Callable[[Manifest], Manifest]


@pytest.mark.parametrize(
    ("lie", "told"),
    [
        (lambda m: replace(m, name="other"), "its skill is not the other@1.0.0"),
        (lambda m: replace(m, version="1.0.1"), "its skill is not the packed@1.0.1"),
        (lambda m: replace(m, digest="0" * 64), "its skill is not the packed@1.0.0"),
        (lambda m: replace(m, size=m.size + 1), "its skill is not the packed@1.0.0"),
        (lambda m: replace(m, trees=(replace(m.trees[0], lock_digest=OTHER.digest),)), "not of the skill's lock"),
        (lambda m: replace(m, trees=(replace(m.trees[0], interpreter=Interpreter.parse("3.10 x86_64 glibc 2.36")),)),
         "does not reach"),
        (lambda m: replace(m, trees=(replace(m.trees[0], tree=Tree(f"sha256:{'0' * 64}", m.trees[0].tree.size)),)),
         "has the digest"),
        (lambda m: replace(m, trees=(replace(m.trees[0], tree=replace(m.trees[0].tree, size=512)),)), "is longer"),
        (lambda m: replace(m, trees=(replace(m.trees[0], tree=replace(m.trees[0].tree, size=1 << 40)),)),
         "SKILLBOX_MAX_TREE_SIZE"),
    ],
)  # fmt: skip
def test_a_manifest_that_lies_is_refused(here: Installation, place: Path, lie: Lie, told: str) -> None:
    archive, data = skill(place), tree_tar(FILES)
    taken = made_file(place, archive, lie(manifest_of(archive, tree_of(data))), data)
    with pytest.raises(SkillboxError, match=told):
        import_skill(here, "default", taken)
    assert stored(here) == ([], [], 0)


def test_another_tree_for_a_known_lock_and_python_is_refused(here: Installation, place: Path) -> None:
    known = Tree(f"sha256:{'1' * 64}", 4)
    here.environments.records.keep_tree(LOCK.digest, PYTHON, known)
    archive, data = skill(place), tree_tar(FILES)
    taken = made_file(place, archive, manifest_of(archive, tree_of(data)), data)
    with pytest.raises(PolicyError, match="here the same lock gave sha256:1111"):
        import_skill(here, "default", taken)
    assert stored(here) == ([], [], 1)
    assert here.environments.records.tree(LOCK.digest, PYTHON) == known


def test_a_skill_that_no_push_would_take_is_refused(here: Installation, place: Path) -> None:
    archive = skill(place, more={"run.sh": "#!/bin/sh\r\n"})
    with pytest.raises(InvalidSkillError, match="has a carriage return"):
        import_skill(here, "default", made_file(place, archive, manifest_of(archive)))
    limited = Installation.from_settings(here.settings.model_copy(update={"max_skill_size": 100}))
    good = skill(place)
    with pytest.raises(SkillboxError, match=r"skill.zip has \d+ bytes, the limit is 100"):
        import_skill(limited, "default", made_file(place, good, manifest_of(good)))
    assert stored(here) == ([], [], 0)


def test_a_version_that_is_there_with_other_contents_stays_and_no_environment_comes(
    here: Installation, place: Path
) -> None:
    here.registry.push("default", skill(place, more={"other.txt": "x"}))
    archive, data = skill(place), tree_tar(FILES)
    taken = made_file(place, archive, manifest_of(archive, tree_of(data)), data)
    with pytest.raises(VersionExistsError):
        import_skill(here, "default", taken)
    assert stored(here) == (["packed"], [], 0)


def test_too_many_files_are_refused(here: Installation, place: Path) -> None:
    few = Installation.from_settings(here.settings.model_copy(update={"max_tree_files": 2}))
    refused_with(few, place, tree_tar(FILES), "SKILLBOX_MAX_TREE_FILES")


def test_a_file_for_a_skill_without_packages_may_bring_none(here: Installation, place: Path) -> None:
    archive, data = skill(place, lock=None), tree_tar(FILES)
    with pytest.raises(SkillboxError, match="not of the skill's lock"):
        import_skill(here, "default", made_file(place, archive, manifest_of(archive, tree_of(data)), data))
    assert not import_skill(here, "default", made_file(place, archive, manifest_of(archive))).lacks


@settings(max_examples=30)
@given(data=st.data())
def test_a_changed_byte_is_noticed_or_changes_nothing(data: st.DataObject, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("changed")
    (folder / "place").mkdir()
    here = Installation.from_settings(Settings(home=folder / "home", s3_endpoint="", db_dsn=""))
    archive, tar = skill(folder / "place"), tree_tar(FILES)
    one = tree_of(tar)
    taken = made_file(folder / "place", archive, manifest_of(archive, one), tar)
    changed = bytearray(taken.read_bytes())
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    taken.write_bytes(changed)
    try:
        imported = import_skill(here, "default", taken)
    except SkillboxError as error:
        assert str(error).isprintable()
        assert stored(here) == ([], [], 0)
    else:
        # An owner or a time in a header of the file, which nobody reads.
        assert imported.pushed.archive.digest == hashlib.sha256(archive.read_bytes()).hexdigest()
        assert b"".join(here.environments.store.open(one.tree.digest)) == tar
