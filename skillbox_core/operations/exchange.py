"""A skill to and from a site without an index: its archive, and the environments that its lock gave, in one file.

Import believes nothing that it can look up: the archive passes what a push passes, a tree has the digest and the size
that are said, only what an engine may unpack, and the packages of the skill's lock by name and version. Rows of the
database are added and never changed, so no file can put another tree in the place of one that is known. That the files
of a package are those of its wheels, no digest here tells: who imports an environment trusts who made it.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from isal import isal_zlib
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from skillbox_core.base.files import unwritable
from skillbox_core.environments.platforms import check_reach
from skillbox_core.environments.tree import Member, check_members
from skillbox_core.errors import InvalidRequestError, PolicyError
from skillbox_core.installation import Installation
from skillbox_core.models import Interpreter
from skillbox_core.operations.exchange_file import (
    MANIFEST,
    MAX_ENVIRONMENTS,
    MAX_MANIFEST,
    SKILL,
    ExportedTree,
    ExportReader,
    Manifest,
    read_manifest,
    refused,
    write_export,
)
from skillbox_core.sandbox.treetar import ROOT, TreeCheck
from skillbox_core.skills.environment_lock import Lock, Pin, lock_of
from skillbox_core.skills.node_lock import node_lock_of
from skillbox_core.skills.origin import find_origin
from skillbox_core.skills.scripts import inspect_new
from skillbox_core.storage.registry import Pushed

_GZIP = 31
"""The window bits for one gzip member."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        trees: The environments in the file.
        left_out: Whether the skill needs packages that are not in it.
    """

    trees: tuple[ExportedTree, ...]
    left_out: bool


@dataclass(frozen=True)
class Imported:
    """What was stored.

    Attributes:
        trees: The environments that came with it.
        lacks: Whether the skill needs packages of which the file had none.
    """

    pushed: Pushed
    trees: tuple[ExportedTree, ...]
    lacks: bool


def export_skill(
    installation: Installation, tenant: str, name: str, version: str, target: Path, *, with_environment: bool
) -> Exported:
    """Writes a stored version into a file, which is there whole or not at all.

    Args:
        version: In full.
        with_environment: With every tree that its lock gave and the store has.

    Raises:
        InvalidRequestError: There is no tree of it yet, its packages are Node's, or the file can't be written.
        StorageError: The store has not what it should.
    """
    archive = installation.registry.load(tenant, name, version)
    if with_environment and node_lock_of(archive):
        raise InvalidRequestError(
            f"{name}@{version} has Node packages, and an export carries those of Python only",
            hint="without --with-environment, they are fetched from the registry where it runs first",
        )
    lock = lock_of(archive)
    needs = lock is not None and bool(lock.pins)
    trees = _made(installation, lock) if with_environment and needs else []
    if with_environment and needs and not trees:
        if lock and any(row.alone for row in installation.environments.records.trees(lock.digest)):
            raise InvalidRequestError(
                f"the environment of {name}@{version} counts for its own image only, which has another Python than the "
                "installation's image",
                hint="SKILLBOX_DEFAULT_IMAGES names the image whose Python prepares what all share",
            )
        raise InvalidRequestError(
            f"the environment of {name}@{version} is not made yet", hint=f"`skillbox env build {name}@{version}`"
        )
    manifest = Manifest(name, version, archive.digest, archive.path.stat().st_size, tuple(trees))
    try:
        # Beside its place, where there must be room for it anyway.
        with tempfile.TemporaryDirectory(prefix=".skillbox-export-", dir=target.resolve().parent) as folder:
            files = [archive.path]
            for digest in manifest.distinct:
                files.append(Path(folder) / f"{len(files)}.tar.gz")
                _pack(installation.environments.store.open(digest), files[-1])
            draft = Path(folder) / "export"
            with draft.open("wb") as file:
                write_export(file, manifest, files)
            draft.replace(target)
    except OSError as error:
        raise unwritable(target, error) from None
    return Exported(tuple(trees), needs and not trees)


def _made(installation: Installation, lock: Lock | None) -> list[ExportedTree]:
    """The trees of a lock that the store has; where that are too many, the last that were made."""
    environments = installation.environments
    found = [
        ExportedTree(row.lock_digest, row.interpreter, row.tree)
        for row in (environments.records.trees(lock.digest) if lock else ())
        # One image's own bytecode would be every image's there.
        if environments.store.has(row.tree.digest) and not row.alone
    ]
    return found[-MAX_ENVIRONMENTS:]


def _pack(chunks: Iterable[bytes], target: Path) -> None:
    packer = isal_zlib.compressobj(1, wbits=_GZIP)
    with target.open("wb") as file:
        for chunk in chunks:
            file.write(packer.compress(chunk))
        file.write(packer.flush())


def import_skill(installation: Installation, tenant: str, source: Path) -> Imported:
    """Stores the skill of a file, and the environments in it. All is looked at before anything is stored.

    Raises:
        InvalidRequestError: The file is not as an export writes it.
        InvalidSkillError, PolicyError: What is in it may not be stored.
        VersionExistsError: The version is there with other contents.
        StorageError, DatabaseError: It could not be stored; importing it again is safe.
    """
    settings = installation.settings
    try:
        file = source.open("rb")
    except OSError as error:
        raise InvalidRequestError(f"{source} can't be read: {error.strerror}") from None
    with file, tempfile.TemporaryDirectory(prefix="skillbox-import-") as folder:
        reader = ExportReader(file)
        manifest = read_manifest(b"".join(reader.member(MANIFEST, MAX_MANIFEST)))
        archive_path = Path(folder) / SKILL
        _write(reader.member(SKILL, settings.max_skill_size), archive_path)
        archive = inspect_new(archive_path, settings.max_skill_size, settings.max_skill_files)
        named = archive.kept_as(manifest.name, manifest.version)
        if named is None or (manifest.digest, manifest.size) != (archive.digest, archive_path.stat().st_size):
            raise refused(f"its skill is not the {manifest.name}@{manifest.version} that its manifest names")
        lock = lock_of(archive)
        for one in manifest.trees:
            _check_wanted(installation, one, lock)
        paths: dict[str, Path] = {}
        for digest, one in manifest.distinct.items():
            paths[digest] = Path(folder) / f"{one.tree.hex}.tar"
            _unpack(reader, one, paths[digest])
        reader.end()
        for one in manifest.trees:
            check_contents(paths[one.tree.digest], one, lock, settings.max_tree_size, settings.max_tree_files)
        pushed = installation.registry.push(
            tenant, archive_path, name=manifest.name, version=manifest.version, origin=find_origin(source)
        )
        for digest, path in paths.items():
            # Also where it is there: these bytes were just looked at. Before its row, which says that it was there.
            installation.environments.store.put(path, digest)
        for one in manifest.trees:
            first = installation.environments.records.keep_tree(one.lock_digest, one.interpreter, one.tree)
            if first != one.tree:
                raise _another(one, first.digest)
        needs = lock is not None and bool(lock.pins)
        return Imported(pushed, manifest.trees, needs and not manifest.trees)


def _check_wanted(installation: Installation, one: ExportedTree, lock: Lock | None) -> None:
    if lock is None or not lock.pins or one.lock_digest != lock.digest:
        raise refused(f"the environment {one.tree.digest} is not of the skill's lock")
    check_reach(lock, one.interpreter)
    if one.tree.size > installation.settings.max_tree_size:
        raise PolicyError(
            f"the environment {one.tree.digest} has {one.tree.size} bytes, this installation's limit is "
            f"{installation.settings.max_tree_size}",
            hint="SKILLBOX_MAX_TREE_SIZE",
        )
    known = installation.environments.records.tree(one.lock_digest, one.interpreter)
    if known is not None and known != one.tree:
        raise _another(one, known.digest)


def _another(one: ExportedTree, known: str) -> PolicyError:
    return PolicyError(
        f"the file's environment for Python {one.interpreter.text} is {one.tree.digest}, and here the same lock gave "
        f"{known}",
        hint="one of them is not what the lock's packages are; without an environment the skill can still be imported",
    )


def _unpack(reader: ExportReader, one: ExportedTree, target: Path) -> None:
    check = TreeCheck(one.tree.size)
    with target.open("wb") as file:
        for chunk in reader.unpacked(one.member, one.tree.size):
            check.feed(chunk)
            file.write(chunk)
    if (passed := check.finish()) != one.tree.digest:
        raise refused(f"its environment {one.tree.digest} has the digest {passed}")


def check_contents(path: Path, one: ExportedTree, lock: Lock | None, max_size: int, max_files: int) -> None:
    """Refuses a checked tar that is not the tree of a lock for a Python, as far as names tell.

    Raises:
        InvalidSkillError: It has too many files, or names that no tree has.
        InvalidRequestError: It has other packages than the lock, or they are for another Python.
    """
    with tarfile.open(path, "r:") as tar:
        names = [member.name for member in tar if member.isreg()]
    members = [Member(name.removeprefix(f"{ROOT}/"), b"") for name in names]
    check_members(members, max_size, max_files)
    site = f"lib/python{one.interpreter.minor}/site-packages/"
    if others := {m.path for m in members if m.path.startswith("lib/") and not m.path.startswith(site)}:
        raise refused(f"its environment for Python {one.interpreter.text} has {min(others)!a}")
    inside = [m.path.removeprefix(site) for m in members if m.path.startswith(site)]
    found = {_package(path) for path in inside if path.endswith(".dist-info/METADATA") and path.count("/") == 1}
    pins = lock.pins if lock else ()
    locked = {_exact(pin.name, pin.version) for pin in pins}
    wanted = {_exact(pin.name, pin.version) for pin in pins if _is_for(pin, one.interpreter)}
    if differing := sorted(f"{name}=={version}" for name, version in (wanted - found) | (found - locked)):
        raise refused(f"its environment has not the packages of the skill's lock: {', '.join(differing[:5])!a}")


def _is_for(pin: Pin, python: Interpreter) -> bool:
    """Whether a package is needed on a Python (packaging.python.org, "Dependency specifiers")."""
    variables = {
        "implementation_name": python.implementation,
        "implementation_version": python.version,
        "os_name": "posix",
        "platform_machine": python.machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": python.version,
        "python_version": python.minor,
        "sys_platform": "linux",
    }
    return not pin.marker or Marker(pin.marker).evaluate(dict(variables))


def _package(path: str) -> tuple[str, Version | str]:
    name, _, version = path.partition(".dist-info/")[0].partition("-")
    return _exact(name, version)


def _exact(name: str, version: str) -> tuple[str, Version | str]:
    """A package as it can be compared: its folder may say 1.0.0 where the lock says 1.0."""
    with suppress(InvalidVersion):
        return canonicalize_name(name), Version(version)
    return canonicalize_name(name), version


def _write(chunks: Iterable[bytes], target: Path) -> None:
    with target.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
