"""`skillbox skill push` as its user sees it: which version it was, why, and where it came from."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.commands import Command

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(tmp_path: Path, command: Command) -> Cli:
    (tmp_path / "home").mkdir()
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SKILLBOX_")}

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return command(*map(str, arguments), env={**ours, "SKILLBOX_HOME": str(tmp_path / "home"), "NO_COLOR": "1"})

    return call


def write(folder: Path, name: str = "", script: str = "print(1)\n", front: str = "") -> Path:
    """A skill of the open format, called as its folder."""
    (folder / "scripts").mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(f"---\nname: {name or folder.name}\ndescription: d\n{front}---\nDo it.\n")
    (folder / "scripts" / "check.py").write_text(script)
    return folder


def test_a_skill_without_a_version_gets_the_next_patch_and_push_and_show_say_so(cli: Cli, tmp_path: Path) -> None:
    folder = write(tmp_path / "repository" / "pdf")
    git = folder.parent / ".git"
    git.mkdir()
    (git / "HEAD").write_text("a" * 40)
    assert cli("skill", "push", folder).stdout == "pdf@1.0.0 stored\n"
    assert cli("skill", "push", folder).stdout == "pdf@1.0.0 is there already\n"
    (git / "HEAD").write_text("b" * 40)
    changed = cli("skill", "push", write(folder, script="print(2)\n"))
    assert changed.stdout == "pdf@1.0.1 stored\n"
    assert "pdf@1.0.0 has other contents: this is the next patch" in changed.stderr
    assert cli("skill", "lint", folder).stdout == f"{folder}: ok, pdf, no version\n"
    for version, commit in (("1.0.0", "a" * 40), ("1.0.1", "b" * 40)):
        shown = cli("skill", "show", f"pdf@{version}").stdout
        assert f"version:     {version}\n" in shown
        assert f"source:      {folder}, commit {commit}, digest " in shown
        source = json.loads(cli("skill", "show", f"pdf@{version}", "--json").stdout)["source"]
        assert (source["folder"], source["commit"], len(source["digest"])) == (str(folder), commit, 64)


def test_show_says_which_files_a_skill_takes_and_leaves(cli: Cli, tmp_path: Path) -> None:
    front = """input_files: [a.csv, {name: "*.parquet", media_type: application/vnd.apache.parquet, required: false}]
output_files: [{name: b.png, media_type: image/png, description: "A chart, of a and b"}]
"""
    folder = write(tmp_path / "pdf", front=front)
    overlay = tmp_path / "pdf.yaml"
    overlay.write_text("entrypoints: {check: {script: scripts/check.py, output_files: [c.csv]}}")
    assert cli("skill", "push", folder, "--overlay", overlay).returncode == 0
    assert (
        "input_files:\n  a.csv\n  *.parquet (application/vnd.apache.parquet, optional)\n"
        "output_files:\n  b.png (image/png): A chart, of a and b\n"
    ) in cli("skill", "show", "pdf").stdout
    shown = json.loads(cli("skill", "show", "pdf", "--json").stdout)
    assert shown["input_files"] == [
        {"name": "a.csv", "required": True},
        {"name": "*.parquet", "required": False, "media_type": "application/vnd.apache.parquet"},
    ]
    assert shown["output_files"][0]["description"] == "A chart, of a and b"
    assert shown["entrypoints"]["check"]["output_files"] == [{"name": "c.csv", "required": True}]
    exported = tmp_path / "exported"
    assert cli("skill", "export", "pdf", exported).returncode == 0
    assert cli("skill", "import", exported, "--tenant", "away").returncode == 0
    away = json.loads(cli("skill", "show", "pdf", "--tenant", "away", "--json").stdout)
    assert [away[key] for key in ("input_files", "output_files", "entrypoints")] == [
        shown[key] for key in ("input_files", "output_files", "entrypoints")
    ]


def test_a_version_is_exported_and_imported_as_the_one_it_was_given(cli: Cli, tmp_path: Path) -> None:
    folder = write(tmp_path / "pdf")
    cli("skill", "push", folder)
    cli("skill", "push", write(folder, script="print(2)\n"))
    assert cli("skill", "export", "pdf", tmp_path / "out").returncode == 0
    assert cli("skill", "import", tmp_path / "out", "--tenant", "acme").stdout == "pdf@1.0.1 stored\n"
    assert "version:     1.0.1\n" in cli("skill", "show", "pdf", "--tenant", "acme").stdout


def test_a_version_with_an_overlay_is_exported_and_imported_with_it(cli: Cli, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("requires: [ls]\nentrypoints: {strict: {script: scripts/check.py, args: [--strict]}}\n")
    cli("skill", "push", write(tmp_path / "pdf"), "--overlay", overlay)
    cli("skill", "export", "pdf", tmp_path / "out")
    assert cli("skill", "import", tmp_path / "out", "--tenant", "acme").stdout == "pdf@1.0.0 stored\n"
    before, after = (
        json.loads(cli("skill", "show", "pdf", "--tenant", tenant, "--json").stdout) for tenant in ("default", "acme")
    )
    assert after["digest"] == before["digest"]
    assert after["entrypoints"] == {"strict": {"script": "scripts/check.py", "args": ["--strict"]}}
    assert (after["requires"], after["entrypoint"]) == (["ls"], "entrypoints: strict")
    assert (before["source"]["folder"], after["source"]["folder"]) == (str(tmp_path / "pdf"), str(tmp_path / "out"))
    assert after["source"]["digest"] == before["source"]["digest"]


def test_a_name_that_is_no_slug_is_kept_as_one_until_another_source_wants_it(cli: Cli, tmp_path: Path) -> None:
    mine, theirs = write(tmp_path / "a", "PDF Tools"), write(tmp_path / "b", "PDF tools", "print(2)\n")
    first = cli("skill", "push", mine)
    assert first.stdout == "pdf-tools@1.0.0 stored\n"
    assert 'warning: pdf-tools: name "PDF Tools" is kept as pdf-tools' in first.stderr
    refused = cli("skill", "push", theirs)
    assert refused.returncode == 2
    assert f"a skill of that name from another source is there ({mine})" in refused.stderr
    assert "`--name pdf-tools` stores it as that one's next version" in refused.stderr
    assert cli("skill", "push", theirs, "--name", "their-tools").stdout == "their-tools@1.0.0 stored\n"
    assert cli("skill", "push", theirs, "--name", "pdf-tools").stdout == "pdf-tools@1.0.1 stored\n"
    both = cli("skill", "push", mine, theirs, "--name", "x")
    assert both.returncode == 2
    assert "--name x names one skill, and there are 2 to push" in both.stderr


def test_a_folder_of_several_skills_names_them_and_all_takes_them(cli: Cli, tmp_path: Path) -> None:
    top = tmp_path / "repository"
    write(top / "skills" / "pdf")
    write(top / "skills" / "csv")
    write(top / "more" / "pdf")
    (write(top / "skills" / "odd") / "SKILL.md").write_text("nothing")
    named = cli("skill", "push", top)
    assert (named.returncode, named.stdout) == (2, "")
    assert "has 4 in it: more/pdf (pdf), skills/csv (csv), skills/odd (unreadable), skills/pdf (pdf)" in named.stderr
    assert "`skillbox skill push --all` takes all" in named.stderr
    done = cli("skill", "push", "--all", top)
    assert (done.returncode, done.stdout) == (2, "pdf@1.0.0 stored\ncsv@1.0.0 stored\n")
    assert f"{top}/skills/pdf: it would be kept as pdf, as {top}/more/pdf is: push one of them" in done.stderr
    assert f"{top}/skills/odd: invalid skill: SKILL.md must begin with front matter" in done.stderr
    assert cli("skill", "push", "--all", top / "skills" / "csv").stdout == "csv@1.0.0 is there already\n"


def test_what_can_not_be_run_says_what_it_has_and_leaves_no_record(cli: Cli, tmp_path: Path) -> None:
    cli("skill", "push", write(tmp_path / "pdf"))
    run = cli("run", "pdf")
    assert run.returncode == 2
    assert run.stderr == (
        "skillbox: skill pdf has no main.py, run.py, main.js or main.sh, and 1 script "
        "(call one: `skillbox run pdf scripts/check.py`)\n"
    )
    assert json.loads(cli("exec", "list", "--json").stdout) == {"executions": [], "next": None}
    assert "entrypoint:  none: 1 script\n" in cli("skill", "show", "pdf").stdout
