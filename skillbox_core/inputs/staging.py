"""Input files: found when a run is asked for, and put into the local spool when its sandbox is made."""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import IO

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.names import check_execution_id
from skillbox_core.base.patience import more_time
from skillbox_core.errors import (
    ChangedObjectError,
    InvalidRequestError,
    RunCancelledError,
    StorageError,
)
from skillbox_core.inputs.local import digest_local, find_local, open_local
from skillbox_core.inputs.remote import find_remote
from skillbox_core.inputs.sources import check_inputs, inner_path, over_limit, url_name
from skillbox_core.models import Artifacts, Execution, FileDigest, FrameFile, InputFile, PlannedFile, Source, StagedFile
from skillbox_core.settings import Settings
from skillbox_core.storage.artifacts import ArtifactStore, read_archive
from skillbox_core.storage.execution_reads import ExecutionRecords
from skillbox_core.storage.objects import CHUNK

STAGING_TIMEOUT = 600.0
REQUEST = 1024 * 1024
"""Bytes that a store sends about as fast as it answers another request."""


class InputStore:
    """Where the input files of runs come from: records and artifacts, local paths, URLs."""

    def __init__(self, settings: Settings, executions: ExecutionRecords, artifacts: ArtifactStore) -> None:
        self._settings = settings
        self._executions = executions
        self._artifacts = artifacts

    def plan(self, tenant: str, files: Iterable[InputFile]) -> tuple[PlannedFile, ...]:
        """Finds each file of a request, and what identifies its contents.

        Raises:
            ExecutionNotFoundError: A run is not one of this tenant's.
            InvalidRequestError: Something is not there, may not be used, breaks a rule or a limit.
            StorageError: A store failed; calling again is safe.
        """
        find = {
            Source.RUN: self._of_run,
            Source.PATH: self._of_path,
            Source.URL: self._of_url,
            Source.FRAME: self._of_frame,
        }
        found = (planned for file in files for planned in find[file.source](tenant, file))
        return check_inputs(found, self._settings.max_input_files_size)

    def _of_run(self, tenant: str, file: InputFile) -> Iterator[PlannedFile]:
        artifacts = self._executions.artifacts(tenant, check_execution_id(file.at))
        chosen = [found for found in artifacts.files if file.member in ("", found.path)]
        if file.member and not chosen:
            raise InvalidRequestError(f"execution {file.at} left no file {file.member!a}")
        for found in chosen:
            # A name stands for a chosen file, and for the folder of all files of a run.
            whole = InputFile(file.source, file.at, name=f"{file.name.rstrip('/')}/" if file.name else "")
            path = inner_path(file if file.member else whole, found.path)
            source = InputFile(file.source, file.at, member=found.path)
            yield PlannedFile(path, source, found.size, found.sha256)

    def _of_path(self, _tenant: str, file: InputFile) -> Iterator[PlannedFile]:
        place = Path(file.at)
        for own, path, size in find_local(place, self._settings.home):
            if size > self._settings.max_input_files_size:
                raise over_limit(self._settings.max_input_files_size)
            top, slash, below = own.partition("/")
            yield PlannedFile(
                inner_path(file, top) + slash + below, InputFile(file.source, str(path)), size, digest_local(path, size)
            )

    def _of_url(self, tenant: str, file: InputFile) -> Iterator[PlannedFile]:
        found = find_remote(self._settings, tenant, file.at)
        yield PlannedFile(
            inner_path(file, url_name(file.at)), InputFile(file.source, file.at), found.size, mark=found.mark
        )

    def _of_frame(self, _tenant: str, file: InputFile) -> Iterator[PlannedFile]:
        assert isinstance(file.frame, FrameFile), "a call writes its tables first (Installation.written)"
        source = InputFile(file.source, file.frame.path)
        yield PlannedFile(file.name, source, file.frame.size, file.frame.sha256)

    @contextmanager
    def staged(
        self, execution: Execution, folder: Path, cancel: CancelToken | None = None
    ) -> Iterator[tuple[StagedFile, ...]]:
        """Copies the files of an execution into a folder of their own, which is gone afterwards.

        Raises:
            ChangedObjectError: A stored archive is not what was uploaded.
            RunCancelledError: The token was tripped meanwhile.
            InvalidRequestError: A file is gone, has changed since it was planned, or together they are too large.
            StorageError: A store failed; calling again is safe.
        """
        if not execution.files:
            yield ()
            return
        folder.mkdir(parents=True, mode=0o700)
        try:
            copier = _Copier(folder, self._settings.max_input_files_size, cancel)
            yield tuple(sorted(self._stage(execution, copier), key=lambda file: file.digest.path))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _stage(self, execution: Execution, copier: _Copier) -> Iterator[StagedFile]:
        for source, files in groupby(sorted(execution.files, key=_order), key=lambda file: file.source.source):
            match source:
                case Source.RUN:
                    for run, members in groupby(files, key=lambda file: file.source.at):
                        yield from self._stage_run(execution.tenant, run, tuple(members), copier)
                case Source.PATH | Source.FRAME:
                    for file in files:
                        with open_local(Path(file.source.at)) as opened:
                            yield copier.copy(file, _chunks(opened))
                case Source.URL:
                    for file in files:
                        found = find_remote(self._settings, execution.tenant, file.source.at)
                        yield copier.copy(file, found.read())

    def _stage_run(
        self, tenant: str, run: str, files: tuple[PlannedFile, ...], copier: _Copier
    ) -> Iterator[StagedFile]:
        wanted: dict[str, list[PlannedFile]] = {}
        for file in files:
            wanted.setdefault(file.source.member, []).append(file)
        artifacts = self._executions.artifacts(tenant, run)
        if is_cheaper_in_part(artifacts, wanted):
            for name, those in wanted.items():
                with self._artifacts.open_file(artifacts, name) as opened:
                    yield from _copies(copier.copy(those[0], _chunks(opened)), those)
            return
        archive = copier.folder / "archive"
        self._artifacts.fetch(artifacts, archive)
        for name, opened in read_archive(archive):
            if asked := wanted.pop(name, None):
                yield from _copies(copier.copy(asked[0], _chunks(opened)), asked)
        archive.unlink()
        if wanted:
            raise StorageError(f"the stored archive of execution {run} lacks {next(iter(wanted))!a}")


class _Copier:
    """Writes files into the spool under names of its own, within one limit of bytes and one of time."""

    def __init__(self, folder: Path, limit: int, cancel: CancelToken | None) -> None:
        self.folder = folder
        self._limit = self._left = limit
        self._cancel = cancel
        self._patience = STAGING_TIMEOUT + more_time(limit)
        self._deadline = time.monotonic() + self._patience

    def copy(self, file: PlannedFile, chunks: Iterable[bytes]) -> StagedFile:
        """One file, whose contents must be what was planned."""
        target, digest, size = self.folder / uuid.uuid4().hex, hashlib.sha256(), 0
        try:
            with target.open("xb") as out:
                for chunk in chunks:
                    self._check(len(chunk))
                    size += len(chunk)
                    digest.update(chunk)
                    out.write(chunk)
        except OSError as error:
            raise StorageError(f"input file {file.path!a} can't be copied into the spool: {error.strerror}") from error
        if file.sha256 and digest.hexdigest() != file.sha256:
            raise _changed(file)
        return StagedFile(FileDigest(file.path, size, digest.hexdigest()), target)

    def _check(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise over_limit(self._limit)
        if self._cancel and self._cancel.cancelled:
            raise RunCancelledError("cancelled by the caller before the skill was started")
        if time.monotonic() > self._deadline:
            raise StorageError(f"the input files could not be fetched within {self._patience:g} s")


def _copies(staged: StagedFile, files: Iterable[PlannedFile]) -> Iterator[StagedFile]:
    """One staged file under each of the names that it was asked for by."""
    return (replace(staged, digest=replace(staged.digest, path=file.path)) for file in files)


def is_cheaper_in_part(artifacts: Artifacts, wanted: Collection[str]) -> bool:
    """Whether some files of a run are rather fetched one by one than with the whole archive. Pure."""
    spans = zip(artifacts.files, artifacts.spans, strict=False)
    parts = sum(span.length for file, span in spans if file.path in wanted)
    return bool(artifacts.spans) and artifacts.size - parts > len(wanted) * REQUEST


def _changed(file: PlannedFile) -> ChangedObjectError | InvalidRequestError:
    if file.source.source is Source.RUN:
        return ChangedObjectError(f"the stored file {file.path!a} is not what was uploaded: its digest has changed")
    return InvalidRequestError(f"the input file {file.path!a} changed while the run began")


def _order(file: PlannedFile) -> tuple[str, str]:
    return file.source.source, file.source.at


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
