"""Finished executions without a run: a record and its stored files, as a run would have left them."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from skillbox_core import RunResult, Status
from skillbox_core.base.file_archive import ArchiveWriter
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
        digests, spans = [], []
        with spool.open("wb") as sink:
            archive = ArchiveWriter(sink)
            for path, data in files.items():
                span, digest = archive.add(path, len(data), [data] if data else [])
                digests.append(FileDigest(path, len(data), digest))
                spans.append(span)
            archive.close()
        output = Output(
            spool=spool if files else None,
            files=tuple(digests),
            sha256=archive.sha256.hexdigest(),
            spans=tuple(spans),
        )
        artifacts = installation.artifacts.upload(execution, output)
    return installation.executions.close(execution, Verdict(Status.SUCCESS, artifacts=artifacts))


def left(installation: Installation, files: Mapping[str, bytes], tenant: str = "default") -> RunResult:
    """The result of a skill that left these files."""
    return ended(installation, begun(installation, tenant), files)
