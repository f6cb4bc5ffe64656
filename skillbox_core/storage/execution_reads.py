"""Execution records, read: one, some by their ids, or as the result that was returned."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlmodel import col, select

from skillbox_core.base.file_archive import Span
from skillbox_core.base.names import check_execution_id, check_tenant
from skillbox_core.errors import ExecutionNotFoundError, InvalidRequestError
from skillbox_core.models import Artifacts, Call, Diagnosis, FileDigest, LeftOut, RunResult, Usage
from skillbox_core.status import Category, Reason, Status
from skillbox_core.storage.artifacts import ArtifactStore
from skillbox_core.storage.database import Database
from skillbox_core.storage.execution_lists import WITHOUT_CONTENTS, ExecutionLists
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.result_files import ResultFiles
from skillbox_core.storage.tables import ExecutionRow


class ExecutionRecords(ExecutionLists):
    """The `executions` table, for reading.

    Args:
        files: The bucket of artifacts, which signs their addresses when a record is read.

    Attributes:
        stored_files: What results from anywhere have their files from: what is stored is asked of their records.
    """

    def __init__(self, database: Database, files: Bucket) -> None:
        super().__init__(database)
        self._files = files
        artifacts = ArtifactStore(files)
        self.stored_files = ResultFiles(artifacts, self._recorded)
        self._own_files = ResultFiles(artifacts, self._known)

    def get(self, tenant: str, execution_id: str) -> ExecutionRow:
        """A record of this tenant.

        Raises:
            ExecutionNotFoundError: There is none, or it is another tenant's.
        """
        check_tenant(tenant)
        with self._database.session() as session:
            row = session.get(ExecutionRow, check_execution_id(execution_id))
            if row is None or row.tenant_id != tenant:
                raise self._not_found(execution_id)
            return row

    def result(self, tenant: str, execution_id: str) -> RunResult:
        """What a record says, as a result with a freshly signed address."""
        return self._result(self.get(tenant, execution_id))

    def artifacts(self, tenant: str, execution_id: str) -> Artifacts:
        """The files of a finished execution, for another one to be given.

        Raises:
            ExecutionNotFoundError: It is not one of this tenant's.
            InvalidRequestError: It is still running, or its files can't be checked.
        """
        row = self._ended(tenant, execution_id)
        if row.files_key and not row.files_sha256:
            raise InvalidRequestError(
                f"the files of execution {execution_id} were stored without digests", hint="run it again"
            )
        return _artifacts(row)

    def find(self, execution_ids: Sequence[str]) -> dict[str, ExecutionRow]:
        """Records by id, of any tenant and without inputs, outputs and logs; for the reconciler."""
        query = select(ExecutionRow).where(col(ExecutionRow.id).in_(execution_ids)).options(*WITHOUT_CONTENTS)
        with self._database.session() as session:
            rows = session.exec(query).all()
        return {row.id: row for row in rows}

    def claimers(self, names: Sequence[str]) -> dict[str, ExecutionRow]:
        """Records by the waiting container that they have taken, as `find` gives them; for the reconciler."""
        query = select(ExecutionRow).where(col(ExecutionRow.claimed).in_(names)).options(*WITHOUT_CONTENTS)
        with self._database.session() as session:
            rows = session.exec(query).all()
        return {str(row.claimed): row for row in rows}

    def running(self, instance: str, owner: str | None = None) -> Sequence[ExecutionRow]:
        """Open records of an installation, all or one owner's, as `find` gives them; for the reconciler."""
        query = select(ExecutionRow).where(ExecutionRow.status == Status.RUNNING, ExecutionRow.instance == instance)
        if owner is not None:
            query = query.where(ExecutionRow.owner == owner)
        query = query.options(*WITHOUT_CONTENTS)
        with self._database.session() as session:
            return session.exec(query).all()

    def _ended(self, tenant: str, execution_id: str) -> ExecutionRow:
        row = self.get(tenant, execution_id)
        if row.status == Status.RUNNING:
            raise InvalidRequestError(f"execution {execution_id} is still running, so it has no files yet")
        return row

    def _known(self, result: RunResult) -> Artifacts:
        """What is stored of a result that was read here; it does not know yet if it was read while it ran."""
        return result.artifacts if result.artifacts.key else self._recorded(result)

    def _recorded(self, result: RunResult) -> Artifacts:
        """What is stored of a result by its record; its JSON does not say, and a pickle may say anything."""
        if not result.files_list and result.status is not Status.RUNNING:
            return Artifacts()
        try:
            return _artifacts(self._ended(result.tenant, result.execution_id))
        except ExecutionNotFoundError:
            raise ExecutionNotFoundError(
                f"there is no execution {result.execution_id} for tenant {result.tenant} in {self.place}",
                hint="load_result(id, tenant=..., settings=...) finds one of another tenant or installation",
            ) from None

    def _result(self, row: ExecutionRow) -> RunResult:
        # An output that is there and says null is not the same as none.
        output = {} if row.output is None else {"output": json.loads(row.output)}
        result = RunResult(
            **output,
            execution_id=row.id,
            status=Status(row.status),
            files_url=self._files.url(row.files_key) if row.files_key else "",
            files_list=tuple(json.loads(row.files_list)),
            logs=row.logs,
            duration_ms=row.duration_ms,
            error=row.error,
            reason=Reason(row.reason) if row.reason else None,
            usage=usage_of(row),
            call=Call.model_validate_json(row.call) if row.call else None,
            diagnosis=diagnosis_of(row),
            artifacts=_artifacts(row),
            left_out=tuple(LeftOut(*entry) for entry in json.loads(row.files_skipped)),
            skill=row.skill_name,
            version=row.skill_version,
            tenant=row.tenant_id,
        )
        return result.read_from(self._own_files)


def usage_of(row: ExecutionRow) -> Usage:
    """What a record says that a run used."""
    return Usage(row.exit_code, row.peak_memory, row.cpu_seconds, row.memory_limit, row.file_memory)


def diagnosis_of(row: ExecutionRow) -> Diagnosis | None:
    """Why an execution failed, or what its success is to be warned of."""
    if row.diagnosis:
        kept = json.loads(row.diagnosis)
        return Diagnosis(**{**kept, "category": Category(kept["category"])})
    return Diagnosis(Category(row.reason or row.status), row.error) if row.error else None


def _artifacts(row: ExecutionRow) -> Artifacts:
    files = tuple(FileDigest(*file) for file in json.loads(row.files_digests))
    spans = tuple(Span(*span) for span in json.loads(row.files_spans))
    return Artifacts(row.files_key, files, row.files_size, row.files_sha256, spans)
