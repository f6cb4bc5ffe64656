"""The drafts of `adopt`, pushed as they are with their skills, and run by the names of their entrypoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, input_files
from skillbox_core.models import Call
from skillbox_core.skills.overlay import Overlay
from tests.corpus.adopting import Given, drafted, reach, table
from tests.corpus.pushing import Corpus
from tests.corpus.table import Case, cases

TABLE = table()
CASES = cases()
# A version of the same number, without a draft, is another test's.
TENANT = "adopted"


@pytest.fixture(scope="module")
def corpus(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(runner, tmp_path_factory.mktemp("corpus"), TENANT)


@pytest.mark.parametrize("skill", sorted({case.skill for case in CASES}))
def test_a_draft_runs_unedited_with_the_right_result(
    skill: str, corpus: Corpus, runner: Runner, tmp_path: Path
) -> None:
    mine = [case for case in CASES if case.skill == skill]
    draft, overlay = drafted(skill, tmp_path)
    chosen = of_each_entrypoint(mine, overlay)
    assert bool(chosen) is (skill not in TABLE["rest"])
    if not chosen:
        return
    corpus.push(mine[0], draft.text.encode())
    done = [run(runner, case, given, tmp_path) for case, given in chosen]
    assert [got for got, _ in done] == [right for _, right in done]


def of_each_entrypoint(mine: list[Case], overlay: Overlay) -> list[tuple[Case, Given]]:
    """The first successful call of the table for each entrypoint that reaches one."""
    found: dict[str, tuple[Case, Given]] = {}
    for case in mine:
        given = reach(case, overlay, TABLE["flags"])
        if isinstance(given, Given) and not case.failed:
            found.setdefault(given.entry.name, (case, given))
    return list(found.values())


def run(runner: Runner, case: Case, given: Given, folder: Path) -> tuple[Any, Any]:
    """What came of a call by its draft, and what is right."""
    paths = {name: folder / "given" / name for name in given.files}
    for name, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(given.files[name])
    options = RunOptions(
        tenant=TENANT,
        call=Call(entrypoint=given.entry.name),
        files=input_files({name: str(path) for name, path in paths.items()}) if paths else (),
    )
    result = runner.run(RunRequest(skill=case.name, input=given.input, env=dict(case.env)), options)
    names = {old: new for new, old in given.renamed.items()}
    return (
        (result.error, result.usage.exit_code, result.output, set(result.files_list or ())),
        (
            None,
            case.exit_code,
            TABLE["outputs"].get(case.id, case.output),
            {names.get(name) or renamed(name, names) for name in case.left},
        ),
    )


def renamed(name: str, names: dict[str, str]) -> str:
    return next((new + name[len(old) :] for old, new in names.items() if name.startswith(old)), name)
