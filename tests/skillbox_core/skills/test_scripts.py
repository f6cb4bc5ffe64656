"""What an editor on Windows leaves in a script is refused when it is checked, packaged and pushed, by one function."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skillbox_core import errors
from skillbox_core.cli import skills
from skillbox_core.sandbox.warming import LANGS
from skillbox_core.skills import dependencies
from skillbox_core.skills.archive import SkillArchive, inspect_archive
from skillbox_core.skills.package import package
from skillbox_core.skills.run_fields import WARM_LANGS
from skillbox_core.skills.scripts import inspect_new, script_problem

MAX = 10_000_000
MD = b"\xef\xbb\xbf---\r\nname: greet\r\ndescription: A test.\r\nlang: bash\r\n---\r\nDo it.\r\n"
GOOD = b"#!/bin/bash\necho '{}' > \"$SANDBOX_OUTPUT\"\n"


def made(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in {"SKILL.md": MD, "main.sh": GOOD, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def by_package(folder: Path) -> SkillArchive:
    return package(folder, folder.parent / "s.zip", MAX)


def by_archive(folder: Path) -> SkillArchive:
    with zipfile.ZipFile(folder.parent / "s.zip", "w") as archive:
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return inspect_new(folder.parent / "s.zip", MAX)


WAYS = [by_package, by_archive]

WRONG = [
    ("main.sh", GOOD.replace(b"\n", b"\r\n"), "#! line"),
    ("main.sh", b"echo 1\necho 2\r\n", "first in line 2"),
    ("main.sh", b"# " + b"x" * 200_000 + b"\r\necho\n", "first in line 1"),
    ("main.sh", b"\n" * 65_535 + b"\r\n", "first in line 65536"),
    ("main.sh", b"\xef\xbb\xbf" + GOOD, "byte-order mark"),
    ("lib/helper.sh", b"f() {\r\n}\r\n", "first in line 1"),
    ("tool.py", b"#!/usr/bin/env python3\r\nprint()\r\n", "#! line"),
    ("tool", b"#!/usr/bin/perl\r\n", "#! line"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "data", "said"), WRONG)
def test_windows_line_ends_in_a_script_are_refused(
    way: Callable[[Path], SkillArchive], name: str, data: bytes, said: str, tmp_path: Path
) -> None:
    folder = made(tmp_path / "greet", {name: data})
    with pytest.raises(errors.InvalidSkillError, match=f"{name}.*{said}.*Unix line ends"):
        way(folder)
    linted = CliRunner().invoke(skills.app, ["lint", str(folder)])
    assert (linted.exit_code, said in linted.stderr) == (2, True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("main.py", b"print()\r\n"),
        ("table.csv", b"a,b\r\n1,2\r\n"),
        ("main.sh", b"#!/bin/sh\nprintf 'a\\r\\n'\n"),
        ("main.sh", b"x=$(printf '\r')\n"),
        ("vendor/tool.sh", b"echo\r\n"),
        ("node_modules/x/run.sh", b"echo\r\n"),
        ("empty.sh", b""),
    ],
)
def test_what_runs_in_spite_of_them_is_taken(
    way: Callable[[Path], SkillArchive], name: str, data: bytes, tmp_path: Path
) -> None:
    assert way(made(tmp_path / "greet", {name: data})).manifest.name == "greet", "also with a BOM in SKILL.md"


def test_a_line_end_between_two_chunks_is_found() -> None:
    assert "line 1" in (script_problem([b"echo\r", b"\necho\n"], shell=True) or "")


def test_a_skill_that_was_stored_before_stays_what_it_is(tmp_path: Path) -> None:
    folder = made(tmp_path / "greet", {"main.sh": b"echo\r\n"})
    with pytest.raises(errors.InvalidSkillError):
        by_archive(folder)
    assert inspect_archive(tmp_path / "s.zip", MAX).entrypoint == "main.sh"


def test_lint_says_what_push_would_say_where_npm_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path / "greet", {"package.json": b'{"dependencies": {"left-pad": "1.3.0"}}'})
    (folder / "main.sh").rename(folder / "main.js")
    (folder / "SKILL.md").write_bytes(MD.replace(b"lang: bash", b"lang: node"))
    monkeypatch.setattr(dependencies.shutil, "which", lambda _name: None)
    linted = CliRunner().invoke(skills.app, ["lint", str(folder)])
    assert (linted.exit_code, "npm is not here" in linted.stderr) == (2, True)
    with pytest.raises(errors.InvalidSkillError, match="npm is not here"):
        by_package(folder)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("lang", "said", "told"),
    [
        ("bash", "[json]", ("warm has no effect for bash",)),
        # Nothing is asked for that a shell could not keep.
        ("bash", "none", ()),
        ("python", "[json]", ()),
        ("node", "[fs]", ()),
    ],
)
def test_modules_that_no_interpreter_waits_with_are_a_warning(
    way: Callable[[Path], SkillArchive], lang: str, said: str, told: tuple[str, ...], tmp_path: Path
) -> None:
    front = f"---\nname: greet\ndescription: A test.\nlang: {lang}\nwarm: {said}\n---\n".encode()
    folder = made(tmp_path / "greet", {"SKILL.md": front, "main.py": b"", "main.js": b""})
    assert way(folder).warnings == told


def test_the_languages_that_are_not_warned_about_are_those_of_which_an_interpreter_can_wait() -> None:
    assert set(WARM_LANGS) == set(LANGS)
