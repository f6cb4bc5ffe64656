"""Trees by digest, on each kind of storage; and the rows that say what they must be."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

import pytest

from skillbox_core.environments.store import EnvironmentStore
from skillbox_core.errors import ChangedObjectError, InvalidRequestError, StorageError
from skillbox_core.installation import Installation
from skillbox_core.models import Interpreter, Tree
from skillbox_core.storage.environment_records import EnvironmentRecords
from skillbox_core.storage.objects import Bucket

PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")


def bucket(installation: Installation) -> Bucket:
    return Bucket(installation.settings, installation.settings.s3_bucket_skills)


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_a_tree_comes_back_byte_for_byte(store: Installation, tmp_path: Path) -> None:
    data = os.urandom(3_000_000) + b"\0" * 5_000_000
    (tmp_path / "t.tar").write_bytes(data)
    trees = store.environments.store
    assert not trees.has(digest(data))
    for _ in range(2):
        trees.put(tmp_path / "t.tar", digest(data))
    assert trees.has(digest(data))
    assert b"".join(trees.open(digest(data))) == data
    assert [path.name for path in tmp_path.glob("t.*")] == ["t.tar"], "a draft is left"
    stored = bucket(store).size(f"environments/{digest(data)[7:]}")
    assert stored is not None
    assert stored < 4_000_000


@pytest.mark.parametrize("how", ["swapped", "cut", "longer", "no gzip", "missing"])
def test_a_tree_that_is_not_what_was_stored_is_noticed(local: Installation, tmp_path: Path, how: str) -> None:
    good = zlib.compress(b"tree" * 1000, wbits=31)
    forged = {
        "swapped": zlib.compress(b"evil" * 1000, wbits=31),
        "cut": good[:-10],
        "longer": good + good,
        "no gzip": b"tree" * 1000,
    }
    name = digest(b"tree" * 1000)
    if how in forged:
        (tmp_path / "object").write_bytes(forged[how])
        bucket(local).put(tmp_path / "object", f"environments/{name[7:]}")
    way_out = f"not what was stored.*Without environments/{name[7:]} there it is made anew"
    with pytest.raises(StorageError, match="not in" if how == "missing" else way_out):
        b"".join(local.environments.store.open(name))


def test_a_tree_that_unpacks_to_more_than_the_limit_is_not_read_on(local: Installation, tmp_path: Path) -> None:
    data = b"\0" * 50_000_000
    (tmp_path / "t.tar").write_bytes(data)
    local.environments.store.put(tmp_path / "t.tar", digest(data))
    small = EnvironmentStore(bucket(local), 1_000_000)
    with pytest.raises(ChangedObjectError, match="SKILLBOX_MAX_TREE_SIZE"):
        list(small.open(digest(data)))


def test_no_tenant_is_called_as_the_folder_of_trees(local: Installation) -> None:
    for tenant in ("environments", "Environments"):
        with pytest.raises(InvalidRequestError, match="environments are kept under that"):
            local.registry.skills(tenant)


def test_rows_are_written_once(store: Installation) -> None:
    database = store.registry._database
    records = EnvironmentRecords(database)
    assert (records.interpreter("sha256:1"), records.last_interpreter("i"), records.tree("l", PYTHON)) == (None,) * 3
    first, second = Tree(digest(b"1"), 1), Tree(digest(b"2"), 2)
    assert [records.keep_tree("l", PYTHON, tree) for tree in (first, second)] == [first, first]
    assert records.tree("l", PYTHON) == first
    assert records.tree("l", Interpreter("3.12.0", "x86_64", "glibc 2.36")) is None
    image, longest = f"sha256:{'a' * 64}", Interpreter("3.999.999", "aarch64", "glibc 999.9999")
    assert records.keep_tree("l", longest, second, image) == second
    assert (records.tree("l", longest), records.tree("l", longest, f"sha256:{'b' * 64}")) == (None, None)
    assert records.tree("l", longest, image) == second
    assert [(row.interpreter, row.tree, row.alone) for row in records.trees("l")] == [
        (PYTHON, first, False),
        (longest, second, True),
    ]
    newer = Interpreter("3.12.0", "x86_64", "glibc 2.36")
    records.keep_interpreter("sha256:1", "i", PYTHON)
    records.keep_interpreter("sha256:1", "i", newer)
    assert records.interpreter("sha256:1") == PYTHON
    records.keep_interpreter("sha256:2", "i", newer)
    assert records.last_interpreter("i") == newer
    assert records.last_interpreter("other") is None
