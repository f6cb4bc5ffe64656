"""Finished executions without a run: a record and its stored files, as a run would have left them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from skillbox_core import RunResult, Status
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, FileDigest, Output, Verdict
from skillbox_core.storage.execution_writes import NewExecution


def begun(installation: Installation, tenant: str = "default") -> Execution:
    """An execution that runs for ever."""
    new = NewExecution(
        id=uuid.uuid4().hex, tenant=tenant, skill="leaves", asked="", input="null", key=uuid.uuid4().hex,
        request_digest="0" * 64, owner=None, owner_attempt=0, instance=installation.settings.instance,
    )  # fmt: skip
    return installation.executions.open(new, lambda: "1.0.0")


def ended(installation: Installation, execution: Execution, files: Mapping[str, bytes]) -> RunResult:
    """The result of an execution that leaves these files."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder, "files.tar.gz")
        with tarfile.open(spool, "w:gz") as tar:
            for path, data in files.items():
                info = tarfile.TarInfo(path)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        digests = tuple(FileDigest(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items())
        output = Output(spool=spool if files else None, files=digests)
        artifacts = installation.artifacts.upload(execution, output)
    return installation.executions.close(execution, Verdict(Status.SUCCESS, artifacts=artifacts))


def left(installation: Installation, files: Mapping[str, bytes], tenant: str = "default") -> RunResult:
    """The result of a skill that left these files."""
    return ended(installation, begun(installation, tenant), files)
