"""The drafts of `adopt` run as they are, by the entrypoints of each skill of the corpus, with the right result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, input_files
from skillbox_core.skills.declared_files import check_given
from skillbox_core.skills.overlay import EntryPoint, Overlay
from skillbox_core.skills.validation import find_breach
from tests.corpus.adopting import Given, drafted, reach, table
from tests.corpus.pushing import Corpus
from tests.corpus.table import Case, cases

TABLE = table()
CASES = cases()
NAMES = sorted({case.skill for case in CASES} - set(TABLE["rest"]))


@pytest.fixture(scope="module")
def corpus(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(runner, tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("skill", NAMES)
def test_a_draft_runs_unedited_with_the_right_result(
    skill: str, corpus: Corpus, runner: Runner, tmp_path: Path
) -> None:
    mine = [case for case in CASES if case.skill == skill]
    corpus.push(mine[0])
    _, overlay = drafted(skill, tmp_path)
    done = [run(runner, overlay, case, tmp_path) for case in of_each_entrypoint(mine, overlay)]
    for row in TABLE["run"]:
        if row["skill"] == skill:
            entry = overlay.entrypoints[row["entry"]]
            result = started(runner, mine[0].name, entry, row.get("input", {}), row.get("files", {}), tmp_path)
            assert result.error is None
            done.append((result.output, row["output"]))
    assert done
    assert [got for got, _ in done] == [right for _, right in done]


def of_each_entrypoint(mine: list[Case], overlay: Overlay) -> list[tuple[Case, Given]]:
    """The first successful call of the table for each entrypoint that reaches one."""
    found: dict[str, tuple[Case, Given]] = {}
    for case in mine:
        given = reach(case, overlay, TABLE["flags"])
        if isinstance(given, Given) and not case.failed:
            found.setdefault(given.entry.name, (case, given))
    return list(found.values())


def run(runner: Runner, overlay: Overlay, chosen: tuple[Case, Given], folder: Path) -> tuple[Any, Any]:
    """What came of a call by its draft, and what is right."""
    case, given = chosen
    result = started(runner, case.name, given.entry, given.input, given.files, folder, env=case.env)
    right = TABLE["outputs"].get(case.id, case.output)
    names = {old: new for new, old in given.renamed.items()}
    left = {names.get(name) or renamed(name, names) for name in case.left}
    return (
        (result.error, result.usage.exit_code, result.output, set(result.files_list or ())),
        (None, case.exit_code, right, left),
    )


def renamed(name: str, names: dict[str, str]) -> str:
    return next((new + name[len(old) :] for old, new in names.items() if name.startswith(old)), name)


def started(
    runner: Runner,
    skill: str,
    entry: EntryPoint,
    document: Any,
    files: Any,
    folder: Path,
    env: Any = None,
) -> Any:
    for name, text in files.items():
        path = folder / "given" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    check_given(skill, entry.input_files, files)
    if entry.input_schema is not None:
        assert find_breach(json.dumps(entry.input_schema), json.dumps(document)) is None
    options = RunOptions(
        call=entry.call, files=input_files({name: str(folder / "given" / name) for name in files}) if files else ()
    )
    return runner.run(RunRequest(skill=skill, input=document, env=dict(env or {})), options)
