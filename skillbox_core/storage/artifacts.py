"""Artifacts: the files an execution left, as one tar.gz under `{tenant}/{execution}/files.tar.gz`."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

from skillbox_core.errors import StorageError
from skillbox_core.models import Artifacts, Execution, Output
from skillbox_core.names import check_execution_id, check_tenant
from skillbox_core.skills.archive import path_problem
from skillbox_core.storage.objects import Bucket

ARCHIVE = "files.tar.gz"


def artifacts_key(tenant: str, execution_id: str) -> str:
    """Where an execution's files lie."""
    return f"{check_tenant(tenant)}/{check_execution_id(execution_id)}/{ARCHIVE}"


class ArtifactStore:
    """The bucket of executions."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def upload(self, execution: Execution, output: Output) -> Artifacts:
        """Stores the spooled files. The same execution has the same key, so a repeat changes nothing."""
        if output.spool is None:
            return Artifacts()
        key = artifacts_key(execution.tenant, execution.id)
        with output.spool.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._bucket.put(output.spool, key)
        return Artifacts(key, output.files, output.spool.stat().st_size, digest)

    def extract(self, key: str, target: Path) -> list[Path]:
        """Downloads an execution's files into a folder.

        Returns:
            The files written; existing ones of the same name are replaced.

        Raises:
            StorageError: The archive is gone or not one of ours.
        """
        target.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(suffix=".tar.gz") as local:
            try:
                self._bucket.get(key, Path(local.name))
            except FileNotFoundError:
                raise StorageError("the files of this execution are no longer in the store") from None
            return list(_unpack(Path(local.name), target))


def _unpack(archive: Path, target: Path) -> Iterator[Path]:
    root = target.resolve()
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            path = root / member.name
            # The names were checked when the archive was written; the bucket may have changed since.
            if not member.isreg() or path_problem(member.name) or not path.parent.resolve().is_relative_to(root):
                raise StorageError(f"the stored archive has an entry that does not belong there: {member.name!a}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            source = tar.extractfile(member)
            with path.open("xb") as file:
                if source:
                    shutil.copyfileobj(source, file)
            yield path
