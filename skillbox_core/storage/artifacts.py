"""Artifacts: the files an execution left, as one tar.gz under `{tenant}/{execution}/files.tar.gz`.

A later attempt has a name of its own there, `files.2.tar.gz`: a worker that was taken for dead and wakes up
may still upload what the first attempt left, and must not replace what the record speaks of. The files that people
open lie beside it once more, each as an object of its own: `files/{path}`.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO

from skillbox_core.base.file_archive import Span, unpack
from skillbox_core.base.names import check_execution_id, check_tenant
from skillbox_core.base.paths import path_problem
from skillbox_core.errors import ChangedObjectError, DiskError, InvalidRequestError, StorageError
from skillbox_core.models import Artifacts, Execution, FileDigest, Output
from skillbox_core.storage.downloads import make_folder, put_below
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.opened_files import opened_links, store_opened


def artifacts_key(tenant: str, execution_id: str, attempt: int) -> str:
    """Where the files of an execution's attempt lie."""
    name = "files.tar.gz" if attempt == 1 else f"files.{attempt:d}.tar.gz"
    return f"{check_tenant(tenant)}/{check_execution_id(execution_id)}/{name}"


class ArtifactStore:
    """The bucket of executions."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def upload(self, execution: Execution, output: Output) -> Artifacts:
        """Stores the spooled files. The same attempt has the same key, so a repeat changes nothing."""
        if output.spool is None:
            return Artifacts()
        key = artifacts_key(execution.tenant, execution.id, execution.attempt)
        self._bucket.put(output.spool, key, final=True)
        artifacts = Artifacts(key, output.files, output.spool.stat().st_size, output.sha256, output.spans)
        store_opened(self._bucket, artifacts, output.spool)
        return artifacts

    def links(self, artifacts: Artifacts) -> dict[str, str]:
        """Addresses of the files that people open, by path; see `skillbox_core.storage.opened_files`."""
        return opened_links(self._bucket, artifacts)

    def fetch(self, artifacts: Artifacts, target: Path) -> None:
        """Downloads the archive of an execution into a local file.

        Raises:
            ChangedObjectError: The archive is not the one that was uploaded.
            StorageError: It is gone, or the store failed.
        """
        digest, size = hashlib.sha256(), 0
        try:
            with target.open("wb") as file:
                for chunk in self._bucket.read(artifacts.key):
                    size += len(chunk)
                    if artifacts.sha256 and size > artifacts.size:
                        break
                    digest.update(chunk)
                    file.write(chunk)
        except FileNotFoundError:
            raise _gone(artifacts) from None
        except OSError as error:
            raise StorageError(f"{target} can't be written: {error.strerror}") from error
        if artifacts.sha256 and (size, digest.hexdigest()) != (artifacts.size, artifacts.sha256):
            raise _changed(artifacts)

    def open_file(self, artifacts: Artifacts, path: str) -> IO[bytes]:
        """One of an execution's files, whole and checked, in an unnamed temporary file on this machine.

        Where its place in the archive is known, nothing else is fetched.

        Raises:
            InvalidRequestError: There is no such file.
            ChangedObjectError, StorageError: As for `fetch`.
            DiskError: There is no room for it.
        """
        number = next((number for number, file in enumerate(artifacts.files) if file.path == path), None)
        # Of files that were stored before digests were kept only the archive knows the names.
        if number is None and artifacts.files:
            raise InvalidRequestError(f"the execution left no file {path!a}")
        try:
            target = TemporaryFile()  # noqa: SIM115 - it is the caller's to close
        except OSError as error:
            raise DiskError(f"there is no room for a temporary file: {error.strerror}") from error
        try:
            if number is not None and artifacts.spans:
                self._take_part(artifacts, artifacts.files[number], artifacts.spans[number], target)
            else:
                self._take_from_all(artifacts, path, target)
            target.seek(0)
        except OSError as error:
            target.close()
            raise DiskError(f"{path!a} could not be written to a temporary file: {error.strerror}") from error
        except BaseException:
            target.close()
            raise
        return target

    def _take_part(self, artifacts: Artifacts, file: FileDigest, span: Span, target: IO[bytes]) -> None:
        """Copies one file by its place in the archive."""
        part = self._bucket.read_part(artifacts.key, span.offset, span.length)
        try:
            whole = unpack(part, file.size, file.sha256, target)
        except FileNotFoundError:
            raise _gone(artifacts) from None
        if not whole:
            raise _changed(artifacts)

    def _take_from_all(self, artifacts: Artifacts, path: str, target: IO[bytes]) -> None:
        """Copies one file out of the whole archive, which is what was stored as a whole."""
        with NamedTemporaryFile(suffix=".tar.gz") as local:
            self.fetch(artifacts, Path(local.name))
            for name, source in read_archive(Path(local.name)):
                if name == path:
                    shutil.copyfileobj(source, target)
                    return
        raise _changed(artifacts)

    def extract(self, artifacts: Artifacts, target: Path, wanted: Collection[str] | None = None) -> list[Path]:
        """Downloads an execution's files into a folder.

        Args:
            wanted: Only these; the whole archive is fetched for them.

        Returns:
            The files written; existing ones of the same name are replaced.

        Raises:
            StorageError: As for `fetch`; or the archive is not one of ours.
            InvalidRequestError: The folder, or a file in it, can't be written.
            DiskError: There is no room for it.
        """
        make_folder(target)
        with NamedTemporaryFile(suffix=".tar.gz") as local:
            self.fetch(artifacts, Path(local.name))
            return [
                put_below(target, name, source)
                for name, source in read_archive(Path(local.name))
                if wanted is None or name in wanted
            ]


def _gone(artifacts: Artifacts) -> StorageError:
    return StorageError(f"the files of this execution are no longer in the store: {artifacts.key}")


def _changed(artifacts: Artifacts) -> ChangedObjectError:
    return ChangedObjectError(
        f"the stored {artifacts.key} is not what was uploaded: its digest has changed",
        hint="run the skill that made it again",
    )


def read_archive(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The files of a stored archive, one after the other, with names that are checked again.

    Raises:
        StorageError: The archive is not one of ours: the bucket may have changed since it was written.
    """
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                source = tar.extractfile(member) if member.isreg() else None
                if source is None or path_problem(member.name):
                    raise StorageError(f"the stored archive has an entry that does not belong there: {member.name!a}")
                yield member.name, source
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise StorageError(f"the stored archive can't be read: {error}") from None
