"""Which script runs, by which interpreter, and in which folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from skillbox_core.errors import InvalidRequestError, RunnerNotImplementedError
from skillbox_core.skills.archive import SkillArchive, open_archive
from skillbox_core.skills.entry import Entry, callable_scripts, find_entry, script_lang, what_it_has

MD = "---\nname: t\ndescription: A test.\n---\nDo it.\n"


@pytest.mark.parametrize(
    ("path", "head", "lang"),
    [
        ("scripts/x.py", b"", "python"),
        ("x.js", b"", "node"),
        ("x.mjs", b"", "node"),
        ("x.cjs", b"", "node"),
        ("x.sh", b"", "bash"),
        ("x.bash", b"", "bash"),
        ("X.PY", b"", "python"),
        ("x.py", b"#!/usr/bin/env node\n", "python"),
        ("x.min.js", b"", "node"),
        ("bin/x", b"#!/usr/bin/env python3\nprint()\n", "python"),
        ("bin/x", b"#!/usr/bin/python3.11\n", "python"),
        ("bin/x", b"#! /usr/bin/python -u\n", "python"),
        ("bin/x", b"#!/usr/bin/env -S uv run --script\n", "python"),
        ("bin/x", b"#!/usr/bin/env -S PYTHONPATH=. python3 -u\n", "python"),
        ("bin/x", b"#!/usr/bin/env node\n", "node"),
        ("bin/x", b"#!/bin/sh\n", "bash"),
        ("bin/x", b"#!/bin/dash", "bash"),
        ("bin/x.d/run", b"#!/bin/bash\n", "bash"),
        ("notes.txt", b"#!/bin/bash\n", "bash"),
        ("x.rb", b"#!/usr/bin/env ruby\n", None),
        ("x.ts", b"", None),
        ("x.py.txt", b"", None),
        ("dot.py/x", b"", None),
        ("bin/x", b"", None),
        ("bin/x", b"#!", None),
        ("bin/x", b"#!/usr/bin/env\n", None),
        ("bin/x", b"\x7fELF python3", None),
        ("bin/x", b" #!/bin/sh\n", None),
        ("bin/x", b"#!/usr/bin/pythonista\n", None),
        ("bin/x", b"#!" + b" " * 300 + b"/bin/sh\n", None),
        ("bin/x", b"#!\xff\xfe/python3\n", "python"),
    ],
)
def test_a_script_is_of_the_language_that_its_ending_or_its_first_line_says(
    path: str, head: bytes, lang: str | None
) -> None:
    assert script_lang(path, head) == lang


def archive(folder: Path, *paths: str) -> SkillArchive:
    made = folder / "made.zip"
    with zipfile.ZipFile(made, "w") as packed:
        for path, text in {"SKILL.md": MD, **dict.fromkeys(paths, "#!/bin/sh\n")}.items():
            packed.writestr(zipfile.ZipInfo(path), text)
    return open_archive(made, 2**20)


@pytest.mark.parametrize(
    ("paths", "script", "entry"),
    [
        (["main.py", "tools/x.py"], None, Entry("main.py", "python")),
        (["main.py", "tools/x.js"], "tools/x.js", Entry("tools/x.js", "node", own_folder=False)),
        (["main.py"], "main.py", Entry("main.py", "python", own_folder=False)),
        (["scripts/main.sh", "scripts/y"], "scripts/y", Entry("scripts/y", "bash", own_folder=False)),
        (["scripts/x.py"], "scripts/x.py", Entry("scripts/x.py", "python", own_folder=True)),
        (["a/main.py"], "a/main.py", Entry("a/main.py", "python", own_folder=True)),
    ],
)
def test_only_a_skill_with_an_entrypoint_of_ours_keeps_the_layout_of_the_original(
    tmp_path: Path, paths: list[str], script: str | None, entry: Entry
) -> None:
    assert find_entry(archive(tmp_path, *paths), script) == entry


def test_what_can_not_be_started_is_said_with_what_can_be(tmp_path: Path) -> None:
    several = archive(tmp_path, *(f"scripts/{letter}.py" for letter in "abcdef"), "data.csv")
    assert callable_scripts(several) == [f"scripts/{letter}.py" for letter in "abcdef"]
    with pytest.raises(RunnerNotImplementedError, match=r"and 6 scripts .*scripts/a.py`; .*c.py, \.\.\. too"):
        find_entry(several, None)
    with pytest.raises(InvalidRequestError, match=r'no script "scripts/z.py" .*6 scripts'):
        find_entry(several, "scripts/z.py")
    with pytest.raises(InvalidRequestError, match="no script"):
        find_entry(several, "scripts")
    with pytest.raises(RunnerNotImplementedError, match=r'nothing here can run "SKILL.md"'):
        find_entry(several, "SKILL.md")
    with pytest.raises(RunnerNotImplementedError, match="instructions only"):
        find_entry(archive(tmp_path), None)


def test_scripts_are_those_that_can_be_called(tmp_path: Path) -> None:
    paths = ["a.py", "scripts/b.sh", "scripts/x/c.mjs", "scripts/__init__.py", "vendor/d.py", "node_modules/e.js"]
    assert callable_scripts(archive(tmp_path, *paths)) == ["scripts/b.sh", "scripts/x/c.mjs", "a.py"]


@pytest.mark.parametrize(
    ("paths", "has", "said"),
    [
        ((), "none: instructions only", "instructions only, nothing that can be run (add main.py"),
        (("scripts/a.py",), "none: 1 script", "and 1 script (call one: `skillbox run t scripts/a.py`)"),
        (
            ("scripts/a b.py", "b.js", "c.sh"),
            "none: 3 scripts",
            "and 3 scripts (call one: `skillbox run t 'scripts/a b.py'`; there is b.js, c.sh too)",
        ),
    ],
)
def test_what_has_no_entrypoint_says_what_it_has(tmp_path: Path, paths: tuple[str, ...], has: str, said: str) -> None:
    made = archive(tmp_path, *paths)
    assert what_it_has(made) == has
    with pytest.raises(RunnerNotImplementedError) as caught:
        find_entry(made, None)
    assert said in str(caught.value)
