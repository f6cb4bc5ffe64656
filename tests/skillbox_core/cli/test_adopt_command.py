"""`skillbox skill adopt` as its user sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from skillbox_core.cli.app import app
from skillbox_core.skills.overlay import parse_overlay


@pytest.fixture
def skill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "words"
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: words\ndescription: d\n---\n")
    (folder / "scripts" / "count.py").write_text("import sys\nprint(open(sys.argv[1]).read())\n")
    (folder / "scripts" / "broken.py").write_text("print(\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("SKILLBOX_HOME", str(tmp_path / "home"))
    return folder


def adopt(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["skill", "adopt", *map(str, arguments)])


def test_a_draft_lies_in_the_current_folder_and_what_comes_next_is_said(skill: Path) -> None:
    before = sorted(skill.rglob("*"))
    done = adopt(skill)
    assert (done.exit_code, done.stdout) == (0, "words.overlay.yaml\n")
    assert "scripts/broken.py: no entrypoint: it is no Python" in done.stderr
    assert f"skillbox skill push {skill} --overlay words.overlay.yaml" in done.stderr
    assert "skillbox run 'words#count' --file argument1=PATH" in done.stderr
    assert list(parse_overlay(Path("words.overlay.yaml").read_bytes()).entrypoints) == ["count"]
    assert sorted(skill.rglob("*")) == before


def test_a_file_that_is_there_is_overwritten_by_force_only(skill: Path) -> None:
    Path("mine.yaml").write_text("mine")
    done = adopt(skill, "--output", "mine.yaml")
    assert done.exit_code != 0
    assert "already exists" in str(done.exception)
    assert Path("mine.yaml").read_text() == "mine"
    assert adopt(skill, "--output", "mine.yaml", "--force").exit_code == 0
    assert Path("mine.yaml").read_text() != "mine"


def test_a_draft_never_lies_in_the_skill(skill: Path) -> None:
    done = adopt(skill, "--output", skill / "overlay.yaml")
    assert "lies in the skill's folder" in str(done.exception)
    assert not (skill / "overlay.yaml").exists()


def test_a_skill_without_a_script_has_no_draft(skill: Path) -> None:
    (skill / "scripts" / "count.py").unlink()
    assert "no script that an entrypoint could be drafted for" in str(adopt(skill).exception)
    assert not Path("words.overlay.yaml").exists()
