"""The files of executions, as results open them (`skillbox_core.models.result.StoredFiles`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from skillbox_core.base.meant import name_meant
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Artifacts, FileDigest, RunResult
from skillbox_core.storage.artifacts import ArtifactStore
from skillbox_core.storage.downloads import make_folder, put_below


class ResultFiles:
    """What results open their files with.

    Args:
        artifacts: Where they are stored.
        find: Gives what of a result is stored; for one that does not say, by its record.
    """

    def __init__(self, artifacts: ArtifactStore, find: Callable[[RunResult], Artifacts]) -> None:
        self._artifacts = artifacts
        self._find = find

    def listed(self, result: RunResult) -> tuple[FileDigest, ...]:
        """See `RunResult.files`."""
        found = self._find(result)
        if found.key and not found.sha256:
            raise InvalidRequestError(
                f"the files of execution {result.execution_id} were stored before digests were kept",
                hint="files_list has their names, and they can be opened",
            )
        return found.files

    def open(self, result: RunResult, path: str) -> IO[bytes]:
        """See `RunResult.open`."""
        found = self._find(result)
        _check_path(result, found, path)
        return self._artifacts.open_file(found, path)

    def download(self, result: RunResult, folder: Path, paths: Sequence[str]) -> list[Path]:
        """See `RunResult.download`."""
        found = self._find(result)
        for path in paths:
            _check_path(result, found, path)
        if found.key and not (paths and found.spans):
            return self._artifacts.extract(found, folder, paths or None)
        make_folder(folder)
        written = []
        for path in paths:
            with self._artifacts.open_file(found, path) as file:
                written.append(put_below(folder, path, file))
        return written


def _check_path(result: RunResult, found: Artifacts, path: str) -> None:
    names = tuple(file.path for file in found.files) or result.files_list
    if found.key and path in names:
        return
    who = f"{result.skill or 'the run'} (execution {result.execution_id})"
    if not found.key:
        raise InvalidRequestError(f"{who} left no files, so there is no {path!a}")
    if meant := name_meant(str(path), names):
        raise InvalidRequestError(f"{who} left no file {path!a}", hint=f"did you mean {meant!a}?")
    more = ", ..." if len(names) > 5 else ""
    raise InvalidRequestError(
        f"{who} left no file {path!a}", hint=f"its files: {', '.join(ascii(name) for name in names[:5])}{more}"
    )
