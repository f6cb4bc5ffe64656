"""Each script of the corpus, called from the command line: the right result, and files as the table has them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skillbox_core import Runner, Settings
from skillbox_core.cli.app import app
from tests.corpus import pushing
from tests.corpus.table import Case, cases


@pytest.fixture(scope="module")
def corpus(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> pushing.Corpus:
    return pushing.Corpus(runner, tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def here(installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", installation.instance)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    shutil.rmtree(tmp_path)


def command(case: Case) -> list[str]:
    """The case as somebody would type it."""
    call = case.call
    options = [part for name, value in case.env.items() for part in ("--env", f"{name}={value}")]
    options += [part for name in case.files for part in ("--file", f"{name}=given/{name}")]
    options += [part for code in call.get("ok_exit_codes", []) for part in ("--ok-exit-code", str(code))]
    for name in ("stdin", "result"):
        options += [f"--{name}", call[name]] if name in call else []
    options += ["--edit"] if call.get("edit") else []
    if case.input is not None:
        options += ["--input", json.dumps(case.input)]
    return ["run", case.name, call["script"], *options, "--json", "--download", "kept", "--", *call.get("args", [])]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_script_is_called_from_the_command_line(
    case: Case, corpus: pushing.Corpus, runner: Runner, here: Path
) -> None:
    corpus.push(case)
    for name, text in case.files.items():
        path = here / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = CliRunner().invoke(app, command(case))
    told = json.loads(done.stdout)
    result = runner.installation.executions.result("default", told["execution_id"])
    assert (result.reason or "", result.error) == (case.failed, result.error if case.failed else None), done.stderr
    assert result.usage.exit_code == case.exit_code
    assert (result.has_output, result.output) == (case.has_output, case.output)
    assert done.exit_code == (1 if case.failed else 0)
    assert {name: True if text is True else (here / "kept" / name).read_text() for name, text in case.left.items()} == (
        case.left
    )
    assert set(result.files_list) == set(case.left)
