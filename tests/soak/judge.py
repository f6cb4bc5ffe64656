"""What must be true of every record of a soak, whatever was done to the workers."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sqlmodel import select

from skillbox_core import Runner, RunResult, Status
from skillbox_core.errors import SkillboxError
from skillbox_core.sandbox.journal import BEGINNING_LOST, OUTGROWN
from skillbox_core.storage.tables import ExecutionRow
from tests.hostile.cases import Case
from tests.hostile.kinds import LOG_NOTES
from tests.hostile.trial import Trial
from tests.soak.mix import Run, cases_by_group
from tests.soak.strike import Fate
from tests.soak.worker import SECRET

SLACK = 1024
"""Bytes by which a flood's log that was cut is below its limit at most: the mark's room, and less than a line."""
_LINES = "line 0\nline 1\nline 2\n"


def rows_of(runner: Runner) -> list[ExecutionRow]:
    """All records of the soak's installation."""
    with runner.installation.executions._database.session() as session:
        chosen = select(ExecutionRow).where(ExecutionRow.instance == runner.installation.settings.instance)
        return list(session.exec(chosen).all())


class Judge:
    """Compares records with the plan.

    Args:
        runner: The soak's installation.
        starts: How often the engine started a skill, by execution.
    """

    def __init__(self, runner: Runner, starts: Mapping[str, int]) -> None:
        self._runner = runner
        self._starts = starts
        self._cases = {case.id: case for group in cases_by_group().values() for case in group.values()}
        self.seen: Counter[tuple[str, str]] = Counter()
        """How many records of which group ended how."""
        self.records: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        """How many records there are of which way, and how many of them have taken a container that had waited."""

    def faults(self, fates: Sequence[Fate]) -> Iterator[str]:
        """Every record that is not as it must be."""
        rows: dict[int, list[ExecutionRow]] = defaultdict(list)
        for row in rows_of(self._runner):
            rows[json.loads(row.input)["n"]].append(row)
        for fate in fates:
            for run in fate.batch.runs:
                where = f"{fate.batch.name}, run {run.number} ({run.case})"
                for fault in self._of_run(fate, run, rows.pop(run.number, [])):
                    yield f"{where}: {fault}"
        yield from (f"there are records of a run {number} that nobody asked for" for number in rows)

    def untaken(self) -> Iterator[str]:
        """The ways in which no run has taken a container that had waited: then nothing of that was tried."""
        yield from (f"no run of the way {way} took a waiting container" for way in self.records if not self.taken[way])

    def _of_run(self, fate: Fate, run: Run, rows: Sequence[ExecutionRow]) -> Iterator[str]:
        case = self._cases[run.case]
        # A flow that is run again tries anew what had failed; what has no record had not begun.
        most = 1 if fate.batch.way == "core" or case.spec["status"] == "success" else 1 + fate.strikes
        least = 0 if fate.abandoned or fate.stopped else 1
        if not least <= len(rows) <= most:
            yield f"it has {len(rows)} records, not {least} to {most}"
        for row in rows:
            self.records[fate.batch.way] += 1
            self.taken[fate.batch.way] += row.claimed is not None
            self.seen[run.case.split("/")[0] if run.case.split("/")[0] in _OWN else "hostile", row.status] += 1
            for fault in self._of_row(fate, case, run, row):
                yield f"record {row.id}: {fault}"

    def _of_row(self, fate: Fate, case: Case, run: Run, row: ExecutionRow) -> Iterator[str]:
        result = self._runner.installation.executions.result(row.tenant_id, row.id)
        if row.status == Status.RUNNING or row.finished_at is None:
            yield f"it is not final: {row.status}"
            return
        starts = self._starts.get(row.id, 0)
        # A run that was cancelled loses its container a moment before its record is closed; a worker that dies
        # in between leaves a container lost, for which another attempt is made.
        if starts > (row.attempt if case.spec["status"] == "cancelled" else 1):
            yield f"the skill was started {starts} times, in attempt {row.attempt}"
        lost = result.status is Status.FAILED and (result.error or "").startswith("the worker was lost: ")
        if fate.abandoned and lost:
            return
        trial = Trial(case)
        trial.ended(result, case.spec, self._runner.installation.settings.max_output_size + LOG_NOTES)
        trial.expect_words("says", result.error or "")
        trial.expect_warnings(result)
        trial.expect_untold(row, result)
        # The engine keeps the last megabyte for whoever takes a run over, and the log says so.
        taken_over = fate.strikes and (result.logs.startswith(BEGINNING_LOST) or OUTGROWN in result.logs)
        # A flood that ends at its deadline is as long as the share of the processor that it got.
        most = self._runner.installation.settings.max_output_size
        cut_short = result.status is Status.TIMEOUT and len(result.logs.encode()) < most - SLACK
        if not (taken_over or cut_short):
            trial.expect_words("logs", result.logs)
        yield from trial.faults
        if result.status is Status.SUCCESS and starts != 1:
            yield f"it succeeded, and the engine started it {starts} times"
        if SECRET in str(row.model_dump()):
            yield "the secret is in it"
        if row.files_key:
            yield from self._archive(result)
        if case.id.startswith("harmless/"):
            yield from _echo(run, row, result.logs)

    def _archive(self, result: RunResult) -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            try:
                self._runner.installation.artifacts.fetch(result.artifacts, Path(folder) / "files.tar.gz")
            except SkillboxError as error:
                yield f"its files can't be fetched: {error}"


_OWN = {"harmless", "failing", "cancelled"}


def _echo(run: Run, row: ExecutionRow, logs: str) -> Iterator[str]:
    content = f"{run.number}\n".encode() * 5000
    if json.loads(row.output or "null") != {"n": run.number}:
        yield f"its output is {row.output}"
    if json.loads(row.files_digests) != [["number.txt", len(content), hashlib.sha256(content).hexdigest()]]:
        yield f"its files are {row.files_digests}"
    if logs != _LINES:
        yield f"its log is {logs!r}"
