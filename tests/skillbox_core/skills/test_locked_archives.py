"""Packages of a skill have one lock, whether it comes as a folder or as an archive that somebody else made."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills.archive import LOCK, SkillArchive
from skillbox_core.skills.environment_lock import Lock, Pin
from skillbox_core.skills.locked import locked
from skillbox_core.skills.manifest import Manifest
from skillbox_core.skills.node_lock import NodeLock
from skillbox_core.skills.node_sources import NodeSource
from skillbox_core.skills.package import package
from skillbox_core.skills.scripts import inspect_new
from skillbox_core.skills.sources import PythonSource

MB = 1024**2
MD = "---\nname: pdf\ndescription: A test.\n{}---\nDo it.\n"
BLOCK = '# /// script\n# dependencies = ["six"]\n# ///\n'
NODE = json.dumps({"dependencies": {"a": "1"}})
PACKAGES = '{"node_modules/a": {"version": "1.0.0", "integrity": "sha512-%s=="}}' % ("A" * 86)


def lock(manifest: Manifest, source: PythonSource | NodeSource, beside: str | None) -> str:
    """A lock of what is asked for, as no index gave it."""
    if isinstance(source, NodeSource):
        return NodeLock(source.path, source.digest, source.root, PACKAGES).text
    python = Interpreter("3.11.2", "x86_64", "glibc 2.36").text
    return Lock(source.path, source.digest, python, True, (Pin("six", "1", "", ("a" * 64,)),)).text


def both(tmp_path: Path, files: Mapping[str, str], front: str = "") -> tuple[SkillArchive, SkillArchive]:
    """The skill packaged of its folder, and its zip with what it lacked."""
    folder = tmp_path / "pdf"
    with zipfile.ZipFile(tmp_path / "theirs.zip", "w") as theirs:
        for path, text in {"SKILL.md": MD.format(front), **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            theirs.writestr(path, text)
    ours = package(folder, tmp_path / "ours.zip", MB, locker=lock)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return ours, locked(inspect_new(tmp_path / "theirs.zip", MB), scratch, MB, 100, lock)


def lock_in(archive: SkillArchive) -> str | None:
    with zipfile.ZipFile(archive.path) as opened:
        return opened.read(LOCK).decode() if LOCK in opened.namelist() else None


@pytest.mark.parametrize(
    ("files", "lang", "path"),
    [
        ({"scripts/x.py": BLOCK}, "python", "scripts/x.py"),
        ({"scripts/x.py": "", "requirements.txt": "six\n"}, "python", "requirements.txt"),
        ({"main.py": "", "requirements.txt": "six\n"}, "python", "requirements.txt"),
        ({"main.py": BLOCK}, "python", "main.py"),
        ({"main.js": "", "package.json": NODE}, "node", "package.json"),
        ({"scripts/x.mjs": "", "package.json": NODE}, "node", "package.json"),
        ({"scripts/x.js": "", "scripts/package.json": NODE}, "node", "scripts/package.json"),
    ],
)
def test_a_zip_and_a_folder_of_the_same_files_have_the_same_lock(
    files: Mapping[str, str], lang: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    ours, theirs = both(tmp_path, files)
    assert (ours.lang, theirs.lang) == (lang, lang)
    assert path in (lock_in(ours) or "")
    assert lock_in(theirs) == lock_in(ours)
    assert theirs.warnings == ours.warnings == ()
    assert locked(theirs, tmp_path / "again", MB, 100, lock) is theirs, "a lock that is there is kept"


@pytest.mark.parametrize(
    ("files", "front"),
    [
        ({"main.py": ""}, ""),
        ({"scripts/x.py": "", "scripts/x.js": ""}, ""),
        ({"main.py": "", "requirements.txt": "six\n"}, "environment: none\n"),
        ({"main.py": "", "requirements.txt": "six\n", "vendor/six.py": ""}, ""),
        ({"x.js": "", "package.json": "{}"}, ""),
        ({"x.js": "", "package.json": NODE, "node_modules/a/index.js": ""}, ""),
    ],
)
def test_a_zip_that_asks_for_nothing_stays_as_it_is(files: Mapping[str, str], front: str, tmp_path: Path) -> None:
    ours, theirs = both(tmp_path, files, front)
    assert theirs.path == tmp_path / "theirs.zip"
    assert (lock_in(ours), lock_in(theirs)) == (None, None)


def test_the_packages_of_a_second_language_are_passed_over_with_a_warning(tmp_path: Path) -> None:
    ours, theirs = both(tmp_path, {"scripts/x.py": BLOCK, "scripts/x.js": "", "package.json": NODE})
    said = "package.json is passed over: a skill has packages of one language, and this one has Python scripts"
    assert said in ours.warnings
    assert said in theirs.warnings


def test_what_can_not_be_locked_is_refused_for_an_entrypoint_and_warned_of_for_scripts(tmp_path: Path) -> None:
    def none(*_: object) -> str:
        raise InvalidSkillError("no such package")

    for number, name in enumerate(("main.py", "x.py")):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        with zipfile.ZipFile(scratch / "theirs.zip", "w") as theirs:
            theirs.writestr("SKILL.md", MD.format(""))
            theirs.writestr(name, BLOCK)
        archive = inspect_new(scratch / "theirs.zip", MB)
        if name == "main.py":
            with pytest.raises(InvalidSkillError, match="no such package"):
                locked(archive, scratch, MB, 100, none)
        else:
            kept = locked(archive, scratch, MB, 100, none)
            assert kept.path == archive.path
            assert kept.warnings == ("its scripts have no packages: no such package",)
