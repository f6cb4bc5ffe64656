"""The intake: the one set of rules by which an archive becomes a skill, when it is pushed and when it is loaded.

It has limits for entries, their total size and their ratio. Inner archives are files like any other and never opened.
"""

from __future__ import annotations

import hashlib
import json
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from skillbox_core.base.paths import MAX_PATH_BYTES, path_key, path_problem
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.links import find_copies
from skillbox_core.skills.manifest import MAX_SKILL_MD, Manifest, parse_manifest
from skillbox_core.skills.overlay import MAX_OVERLAY, OVERLAY, Overlay, parse_overlay
from skillbox_core.skills.validation import find_schema_problem
from skillbox_core.skills.zipindex import ZipEntry, read_entry, read_index, refuse

MAX_ENTRIES = 10_000
MAX_FOLDERS = 4_000
"""A sandbox's scratch area has room for 16,384 files and folders, with the input files and what the skill makes."""
MAX_RATIO = 100
RATIO_FLOOR = 1024 * 1024
"""Entries under this are not judged by their ratio: a small table of zeros compresses like a bomb."""
MAX_SECONDS = 60.0
"""For reading all contents; what takes longer is made to take long, or lies on a store that hangs."""

SKILL_MD = "SKILL.md"
SKILL_MD_LOWER = "skill.md"
"""Taken where there is no SKILL.md, as the format's reference library does."""
VENDOR = "vendor"
BROUGHT = (f"{VENDOR}/", "node_modules/")
"""Packages of others: what is in them is theirs, and mostly never run."""
PACKAGE = "package.json"
"""Says which packages a Node skill asks for; see `skills.node_sources`."""
LOCK = "environment.lock"
"""Which packages a skill needs, in a stored one; see `skills.environment_lock` and `skills.node_lock`."""
NOT_LOCKED = (
    "requirements.txt is not installed at run time: there is no network; "
    "`skillbox skill package` and `push` lock it, or use an image that has the packages"
)
NODE_ENDINGS = (".js", ".mjs", ".cjs")
ENTRYPOINTS = {"python": ("main.py", "run.py"), "node": ("main.js",), "bash": ("main.sh",)}


@dataclass(frozen=True)
class SkillFile:
    """A file of a skill: its checked path inside the skill, and where its bytes are."""

    path: str
    mode: int
    entry: ZipEntry

    @property
    def size(self) -> int:
        return self.entry.size


@dataclass(frozen=True)
class SkillArchive:
    """A skill archive that passed every rule.

    Attributes:
        path: The local zip file.
        digest: SHA-256 of the zip file, hex.
        files: Sorted by path; modes are 0o644 or 0o755.
        lang: The manifest's language, or the one its entrypoint tells.
        entrypoint: Path of the script inside the skill; None when there is nothing to run.
        overlay: What is stored with it of somebody else's word, which the manifest has taken over; empty for none.
    """

    path: Path
    digest: str
    manifest: Manifest
    files: tuple[SkillFile, ...]
    lang: str
    entrypoint: str | None
    warnings: tuple[str, ...]
    overlay: Overlay = field(default_factory=Overlay)

    def read(self, file: SkillFile) -> Iterator[bytes]:
        """The file's bytes in chunks."""
        return read_entry(self.path, file.entry)

    def kept_as(self, name: str, version: str) -> SkillArchive | None:
        """The same under a name and a version that somebody has said; None if its SKILL.md says others."""
        manifest = self.manifest.kept_as(name, version)
        return replace(self, manifest=manifest) if manifest else None

    @property
    def vendored(self) -> bool:
        """Whether the skill brings prepared Python packages."""
        return any(file.path.startswith(f"{VENDOR}/") for file in self.files)

    @property
    def locked(self) -> bool:
        """Whether a lock is among its files; without one nothing is prepared for it."""
        return any(file.path == LOCK for file in self.files)


def inspect_archive(path: Path, max_size: int, max_entries: int = MAX_ENTRIES) -> SkillArchive:
    """Checks a skill archive to the last byte.

    Args:
        path: A local zip file; it is read in chunks and not unpacked.
        max_size: Limit in bytes for the file, and for its contents together.
        max_entries: Limit for its entries.

    Raises:
        InvalidSkillError: Names the entry and the rule.
    """
    deadline = time.monotonic() + MAX_SECONDS
    archive = open_archive(path, max_size, max_entries)
    for key, schema in _schemas(archive):
        if schema is not None and (problem := find_schema_problem(json.dumps(schema))):
            raise InvalidSkillError(f"invalid skill: {key}: {problem}")
        _check_time(deadline, key)
    # Folders and what is left out too: they could hold what no reader shows.
    for entry in read_index(path, MAX_ENTRIES):
        for _ in read_entry(path, entry):
            _check_time(deadline, entry.name)
    return archive


def open_archive(path: Path, max_size: int, max_entries: int = MAX_ENTRIES) -> SkillArchive:
    """As `inspect_archive`, for a file that was inspected before: reads the directory and SKILL.md.

    Raises:
        InvalidSkillError: Names the entry and the rule.
    """
    if path.stat().st_size > max_size:
        raise InvalidSkillError(
            f"invalid skill archive: over this installation's limit of {format_bytes(max_size)}",
            hint="SKILLBOX_MAX_SKILL_SIZE",
        )
    files, warnings = _select(
        read_index(path, max_entries), max_size, max_entries, lambda entry: b"".join(read_entry(path, entry))
    )
    folders = {parent for file in files for parent in PurePosixPath(file.path).parents[:-1]}
    if len(folders) > MAX_FOLDERS:
        # Most have no entry of their own, and are made when it is unpacked.
        raise refuse(f"{len(folders)} folders, the limit is {MAX_FOLDERS}")
    overlay = _read_overlay(path, files)
    manifest = overlay.over(parse_manifest(_read_manifest(path, files)))
    lang, entrypoint = find_entrypoint(manifest.lang, {file.path for file in files})
    if entrypoint is None and manifest.lang is not None:
        wanted = " or ".join(ENTRYPOINTS[manifest.lang])
        raise InvalidSkillError(
            f"invalid skill: lang is {manifest.lang}, so it needs {wanted}, at its root or in scripts/"
        )
    if any(file.path == "requirements.txt" for file in files) and lang == "python" and manifest.environment:
        prepared = any(file.path == LOCK or file.path.startswith(f"{VENDOR}/") for file in files)
        if not prepared:
            warnings += (NOT_LOCKED,)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return SkillArchive(path, digest, manifest, files, lang, entrypoint, (*manifest.warnings, *warnings), overlay)


def _check_time(deadline: float, at: str) -> None:
    if time.monotonic() > deadline:
        raise refuse(f"reading it took more than {MAX_SECONDS:g} seconds", at)


def _schemas(archive: SkillArchive) -> Iterator[tuple[str, Mapping[str, object] | None]]:
    """All schemas of a skill, each with the place where it is given."""
    yield "input_schema", archive.manifest.input_schema
    yield "output_schema", archive.manifest.output_schema
    for name, entrypoint in archive.overlay.entrypoints.items():
        yield f"entrypoints.{name}.input_schema", entrypoint.input_schema
        yield f"entrypoints.{name}.output_schema", entrypoint.output_schema


def find_entrypoint(lang: str | None, paths: set[str]) -> tuple[str, str | None]:
    """The language of a skill and the script that starts it.

    Args:
        lang: The manifest's word, which decides; None lets the entrypoint tell.
        paths: Paths of the skill's files.

    Returns:
        Language and script; the script is None when the skill has no entrypoint. The language is then the one in
        which its scripts may have packages: Node's where it has such scripts and a package.json, and nothing that is
        Python's or may be.
    """
    langs = (lang,) if lang else tuple(ENTRYPOINTS)
    for folder in ("", "scripts/"):
        for candidate in langs:
            for name in ENTRYPOINTS[candidate]:
                if folder + name in paths:
                    return candidate, folder + name
    own = [path for path in paths if not path.startswith(BROUGHT)]
    near = {path.rpartition("/")[2] for path in own if path.count("/") < 2}
    node = PACKAGE in near and any(path.endswith(NODE_ENDINGS) for path in own)
    python = any(path.endswith(".py") or _may_be_a_script(path) for path in own)
    return lang or ("node" if node and not python else "python"), None


def _may_be_a_script(path: str) -> bool:
    """Whether a file's first line could say its language; LICENSE and Makefile at the root are none."""
    folder, _, name = path.rpartition("/")
    return "." not in name and bool(folder or name.islower())


def check_path(name: str) -> str:
    """A path inside a skill or among its artifacts, or an error that names the rule it breaks.

    Raises:
        InvalidSkillError: Absolute, leading out, ambiguous, unprintable, too long or too deep.
    """
    problem = path_problem(name)
    if problem:
        raise refuse(problem, name)
    return name


def _is_litter(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1] == ".DS_Store"


def _select(
    entries: list[ZipEntry], max_size: int, max_entries: int, read: Callable[[ZipEntry], bytes]
) -> tuple[tuple[SkillFile, ...], tuple[str, ...]]:
    """The files of a skill, without folders, litter and a wrapping folder, and with copies in place of links."""
    taken: dict[str, bool] = {}
    kept: list[ZipEntry] = []
    litter = total = 0
    for entry in entries:
        path = check_path(entry.name.removesuffix("/"))
        _check_kind(entry)
        key = path_key(path)
        if key in taken and not (taken[key] and entry.is_folder):
            raise refuse("two entries have one name, or names that differ only in case or form", entry.name)
        taken[key] = entry.is_folder
        total += entry.size
        if total > max_size:
            raise refuse(f"unpacked it is over {format_bytes(max_size)}", entry.name)
        if entry.size > max(RATIO_FLOOR, entry.compressed * MAX_RATIO):
            raise refuse(f"compressed more than {MAX_RATIO}:1", entry.name)
        if entry.is_folder:
            continue
        if _is_litter(entry.name):
            litter += 1
        else:
            kept.append(entry)
    for entry in kept:
        for depth in range(1, entry.name.count("/") + 1):
            parent = path_key("/".join(entry.name.split("/")[:depth]))
            if taken.get(parent) is False:
                raise refuse("a path leads through a file", entry.name)
    prefix = _wrapping_folder(kept)
    plain = {entry.name.removeprefix(prefix): entry for entry in kept if not _is_link(entry)}
    links = {entry.name.removeprefix(prefix): _target(read(entry), entry) for entry in kept if _is_link(entry)}
    for copy, path in find_copies(plain, links, max_entries).items():
        # One entry of the zip for both.
        plain[copy] = plain[path]
        total += plain[path].size
        if total > max_size:
            raise refuse(f"unpacked it is over {format_bytes(max_size)}", copy)
    if SKILL_MD not in plain and SKILL_MD_LOWER in plain:
        plain[SKILL_MD] = plain.pop(SKILL_MD_LOWER)
    files = [SkillFile(path, 0o755 if entry.mode & 0o111 else 0o644, entry) for path, entry in sorted(plain.items())]
    warnings = (f"{litter} macOS metadata files are left out",) if litter else ()
    return tuple(files), (*warnings, *copied(len(links)))


def copied(links: int) -> tuple[str, ...]:
    """The warning that links are not kept as such."""
    if not links:
        return ()
    said = "1 link is taken as a copy" if links == 1 else f"{links} links are taken as copies"
    return (f"{said} of what they lead to",)


def _is_link(entry: ZipEntry) -> bool:
    return stat.S_IFMT(entry.mode) == stat.S_IFLNK


def _target(data: bytes, entry: ZipEntry) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise refuse("a symbolic link leads to a name that is not UTF-8", entry.name) from None


def _check_kind(entry: ZipEntry) -> None:
    kind = stat.S_IFMT(entry.mode)
    expected = stat.S_IFDIR if entry.is_folder else stat.S_IFREG
    if kind == stat.S_IFLNK and not entry.is_folder:
        if entry.size > MAX_PATH_BYTES:
            raise refuse(f"a symbolic link leads to a path of over {MAX_PATH_BYTES} bytes", entry.name)
        return
    if kind not in (0, expected):
        raise refuse("only plain files and folders are taken", entry.name)
    if entry.is_folder and entry.size:
        raise refuse("a folder has contents of its own", entry.name)


def _wrapping_folder(entries: list[ZipEntry]) -> str:
    names = [entry.name for entry in entries]
    if not names or {SKILL_MD, SKILL_MD_LOWER} & set(names):
        return ""
    folder = names[0].split("/", 1)[0] + "/"
    holds = {folder + SKILL_MD, folder + SKILL_MD_LOWER} & set(names)
    wrapped = bool(holds) and all(name.startswith(folder) for name in names)
    return folder if wrapped else ""


def _read_manifest(path: Path, files: tuple[SkillFile, ...]) -> bytes:
    manifest = next((file for file in files if file.path == SKILL_MD), None)
    if manifest is None:
        near = next((file.path for file in files if file.path.lower().endswith("skill.md")), None)
        raise InvalidSkillError(
            "invalid skill archive: there is no SKILL.md at its root",
            hint=f"found {near!a}" if near else None,
        )
    if manifest.size > MAX_SKILL_MD:
        raise refuse(f"SKILL.md is over {MAX_SKILL_MD // 1024} KiB", SKILL_MD)
    return b"".join(read_entry(path, manifest.entry))


def _read_overlay(path: Path, files: tuple[SkillFile, ...]) -> Overlay:
    file = next((file for file in files if file.path == OVERLAY), None)
    if file is None:
        return Overlay()
    if file.size > MAX_OVERLAY:
        raise refuse(f"an overlay is over {MAX_OVERLAY // 1024} KiB", OVERLAY)
    return parse_overlay(b"".join(read_entry(path, file.entry)))
