"""What `make run` does after the set-up, on an index that is a folder, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.example import flow_to_run
from skillbox_core import Settings
from skillbox_core.installation import Installation
from tests.services.wheels import use_folder, wheel

NEEDED = {"polars": "2.0", "pandas": "3.0", "pyarrow": "20.0", "matplotlib": "3.9"}


@pytest.fixture
def installed(tmp_path: Path) -> Installation:
    """One that can ask no engine."""
    home = tmp_path / "home"
    home.mkdir()
    settings = Settings(
        home=home, docker_host=f"unix://{tmp_path}/none.sock", environment_python="3.11 x86_64 glibc 2.36", db_dsn="",
        s3_endpoint="",
    )  # fmt: skip
    return Installation.from_settings(settings)


def test_the_skills_are_pushed_with_their_packages_and_again_without_an_index(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = use_folder(tmp_path / "index", monkeypatch)
    wheels = [wheel(index, name, version) for name, version in NEEDED.items()]
    assert flow_to_run(installed) == "pipeline.py"
    said = capsys.readouterr().out.splitlines()[-1]
    assert "10 of the standard library; with packages: clean-table (1 locked), describe-table (2 locked)" in said
    for made in wheels:
        made.unlink()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    assert flow_to_run(installed) == "pipeline.py"


def test_where_no_index_answers_one_line_says_so_and_the_plain_example_runs(
    installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_folder(tmp_path / "index", monkeypatch)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    assert flow_to_run(installed) == "plain.py"
    said = [line for line in capsys.readouterr().out.splitlines() if "index" in line]
    assert len(said) == 1, said
    assert "the package index at http://127.0.0.1:9/simple" in said[0]
    assert "this is the example in plain Python" in said[0]
    stored = installed.registry.skills("default")
    assert "chart" in stored
    assert "clean-table" not in stored
