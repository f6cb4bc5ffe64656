"""Packages of a skill have one lock, whether it comes as a folder or as an archive that somebody else made."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills import dependencies
from skillbox_core.skills.archive import LOCK, SkillArchive
from skillbox_core.skills.environment_lock import Lock, Pin
from skillbox_core.skills.locked import locked
from skillbox_core.skills.manifest import Manifest, parse_manifest
from skillbox_core.skills.node_lock import NodeLock
from skillbox_core.skills.node_sources import NodeSource
from skillbox_core.skills.package import package
from skillbox_core.skills.scripts import inspect_new
from skillbox_core.skills.source_files import find_packages
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
    assert locked(theirs, tmp_path / "again", MB, 100, lock).path == theirs.path, "a lock that is there is kept"


def test_a_lock_of_something_else_is_made_anew(tmp_path: Path) -> None:
    """As of a folder: the one that lies beside what is asked for is shown to the locker, which knows."""
    seen: list[str | None] = []

    def anew(manifest: Manifest, source: PythonSource | NodeSource, beside: str | None) -> str:
        seen.append(beside)
        return lock(manifest, source, None)

    old = lock(parse_manifest(MD.format("").encode()), PythonSource("requirements.txt", "a" * 64), None)
    with zipfile.ZipFile(tmp_path / "theirs.zip", "w") as theirs:
        for path, text in {"SKILL.md": MD.format(""), "main.py": "", "requirements.txt": "six\n", LOCK: old}.items():
            theirs.writestr(path, text)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    made = locked(inspect_new(tmp_path / "theirs.zip", MB), scratch, MB, 100, anew)
    assert seen == [old]
    assert lock_in(made) not in (old, None)


@pytest.mark.parametrize(
    ("files", "lang"),
    [
        ({"scripts/check": f"#!/usr/bin/env python3\n{BLOCK}", "assets/app.js": ""}, "python"),
        ({"scripts/check": "#!/usr/bin/env python3\n", "x.js": "", "package.json": NODE}, "python"),
        ({"x.js": "", "requirements.txt": "six\n", "package.json": NODE}, "node"),
        ({"x.js": "", "LICENSE": "", "package.json": NODE}, "node"),
        ({"x.js": ""}, "python"),
    ],
)
def test_a_script_for_node_does_not_make_a_skill_of_python_one_of_node(
    files: Mapping[str, str], lang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    ours, theirs = both(tmp_path, files)
    assert (ours.lang, theirs.lang) == (lang, lang)
    asks = NODE if lang == "node" else "six"
    wanted = any(asks in text for text in files.values())
    assert [lock_in(ours) is not None, lock_in(theirs) is not None] == [wanted, wanted]


def test_without_npm_scripts_that_need_packages_are_stored_and_an_entrypoint_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    for name in ("x.js", "main.js"):
        folder = tmp_path / name / "pdf"
        folder.mkdir(parents=True)
        for path, text in {"SKILL.md": MD.format(""), name: "", "package.json": NODE}.items():
            (folder / path).write_text(text)
        if name == "main.js":
            with pytest.raises(InvalidSkillError, match="npm is not here"):
                package(folder, tmp_path / "ours.zip", MB, prepare=False)
        else:
            assert package(folder, tmp_path / "ours.zip", MB, prepare=False).lang == "node"


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


@pytest.mark.parametrize("lang", ["py", "js"])
def test_a_list_of_packages_is_read_once_for_the_scripts_of_a_folder(lang: str, tmp_path: Path) -> None:
    lists = {"py": ("requirements.txt", "six\n"), "js": ("package.json", NODE)}[lang]
    names = {name: name for name in ("SKILL.md", lists[0], *(f"scripts/{number}.{lang}" for number in range(300)))}
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(dict([lists]).get(name, ""))
    with mock.patch.object(dependencies, "read_text", wraps=dependencies.read_text) as read:
        found = find_packages(tmp_path, Manifest("s", "1.0.0", "d"), names)
    assert found.source is not None
    assert read.call_count < 10


def test_what_is_called_comes_before_what_lies_elsewhere(tmp_path: Path) -> None:
    texts = {"assets/lib/index.js": "", "assets/lib/package.json": NODE.replace('"a"', '"other"')}
    texts |= {"scripts/run.js": "", "scripts/package.json": NODE, "scripts/node_modules/x/index.js": ""}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = find_packages(tmp_path, Manifest("s", "1.0.0", "d"), {name: name for name in texts})
    assert found.source is not None
    assert found.source.path == "scripts/package.json"
