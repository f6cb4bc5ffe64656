"""Tables in memory as files of a run in the core: once for all tries of its steps, and nothing of them stays."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from skillbox_core import Runner, RunOptions, RunRequest, input_files
from skillbox_core.errors import DiskError, InvalidRequestError, StorageError
from skillbox_core.inputs.staging import InputStore
from skillbox_core.operations.orphans import cleanup_orphans
from tests.conftest import MakeSkill, Run

READ = """
import json, os
top = os.environ["SANDBOX_INPUT_FILES_DIR"]
json.dump({name: open(os.path.join(top, name)).read() for name in sorted(os.listdir(top))},
          open("/sandbox/out/output.json", "w"))
"""


def batches() -> Iterator[pa.RecordBatch]:
    for n in range(3):
        yield pa.record_batch({"n": [n]})


def left(runner: Runner) -> list[str]:
    return [entry.name for entry in runner.installation.spool.iterdir()]


def test_a_run_reads_tables_and_the_record_names_them(runner: Runner, run: Run) -> None:
    files = input_files([{"a.csv": pl.DataFrame({"x": ["é", None]})}, {"b.csv": batches()}])
    result = run(READ, files_in=files)
    assert result.output == {"a.csv": '"x"\n"é"\n\n', "b.csv": '"n"\n0\n1\n2\n'}
    row = runner.installation.executions.get("default", result.execution_id)
    assert [path for path, *_ in json.loads(row.input_files)] == ["a.csv", "b.csv"]
    assert left(runner) == []


def test_steps_that_are_tried_again_have_the_same_rows(
    runner: Runner, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, faults = InputStore.plan, [StorageError("once"), StorageError("twice")]

    def failing(self: InputStore, *args: Any) -> Any:
        planned = plan(self, *args)
        if faults:
            raise faults.pop()
        return planned

    monkeypatch.setattr(InputStore, "plan", failing)
    assert run(READ, files_in=input_files({"b.csv": batches()})).output == {"b.csv": '"n"\n0\n1\n2\n'}
    assert faults == []


def test_a_request_is_known_again_by_the_rows_of_its_tables(runner: Runner, make_skill: MakeSkill) -> None:
    request = RunRequest(skill=make_skill(READ))

    def asked(rows: Any) -> str:
        return runner.run(request, RunOptions(files=input_files({"b.csv": rows}), key=key)).execution_id

    key = request.skill
    assert asked(batches()) == asked(pl.DataFrame({"n": [0, 1, 2]})) == asked(pa.table({"n": [0, 1, 2]}))
    with pytest.raises(InvalidRequestError):
        asked(pa.table({"n": [0, 1, 3]}))


@pytest.mark.parametrize("rows", [pa.table({"a": [[1]]}), iter([])], ids=["nested", "empty"])
def test_a_table_that_can_not_be_written_leaves_nothing(runner: Runner, make_skill: MakeSkill, rows: Any) -> None:
    name = make_skill(READ)
    with pytest.raises(InvalidRequestError):
        runner.run(RunRequest(skill=name), RunOptions(files=input_files([{"b.csv": batches()}, {"a.csv": rows}])))
    assert left(runner) == []
    assert list(runner.installation.executions.list("default", skill=name)) == []


def test_a_full_disk_is_said_to_be_one(runner: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch) -> None:
    full = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115
    monkeypatch.setattr("skillbox_core.inputs.written._new", lambda _path: full)
    with pytest.raises(DiskError, match="No space left on device"):
        runner.run(RunRequest(skill=make_skill(READ)), RunOptions(files=input_files({"b.csv": batches()})))
    assert left(runner) == []


def test_the_clean_up_removes_what_a_killed_worker_wrote(runner: Runner) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from skillbox_core.storage.held_folder import HeldFolder\n"
        "folder = HeldFolder(Path(sys.argv[1]))\n"
        "(folder.path / '0').write_text('rows')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, runner.installation.spool])
    (name,) = left(runner)
    with runner.installation.written(input_files({"b.csv": batches()})):
        assert len(left(runner)) == 2
        planned = [orphan for orphan in cleanup_orphans(runner.installation, dry_run=True) if orphan.kind == "spool"]
        assert [(orphan.name, orphan.done) for orphan in planned] == [(name, False)]
        removed = [orphan for orphan in cleanup_orphans(runner.installation) if orphan.kind == "spool"]
        assert [(orphan.name, orphan.done) for orphan in removed] == [(name, True)]
        assert len(left(runner)) == 1
    assert left(runner) == []
