"""The spool: where collected files wait for their upload, and input files for their sandbox.

Each entry carries its execution in its name, so that whatever a killed worker left can be told from what is in use.
Each installation has a folder of its own: several can share a home, and each knows its own executions only.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from skillbox_core.status import Status
from skillbox_core.storage.held_folder import PREFIX, remove_abandoned

if TYPE_CHECKING:
    from skillbox_core.models import Execution
    from skillbox_core.storage.execution_reads import ExecutionRecords

logger = logging.getLogger(__name__)

_ENTRY = re.compile(r"([0-9a-f]{32})-([0-9]+)\.")


def spool_folder(home: Path, instance: str, database: str) -> Path:
    """The spool of one installation.

    Args:
        database: Where its records are.
    """
    return home / "spool" / f"{instance}-{hashlib.sha256(database.encode()).hexdigest()[:12]}"


def output_archive(spool: Path, execution: Execution) -> Path:
    """Where the files that an attempt left are collected."""
    return spool / f"{execution.id}-{execution.attempt}.tar.gz"


def inputs_folder(spool: Path, execution: Execution) -> Path:
    """A new place for the files of one delivery; two workers may deliver the same attempt."""
    return spool / f"{execution.id}-{execution.attempt}.in-{uuid.uuid4().hex}"


def clear(spool: Path, execution: Execution) -> None:
    """Removes what there is of an attempt, and of those before it."""
    for entry, (_, attempt) in _entries(spool, f"{execution.id}-*").items():
        if attempt <= execution.attempt:
            try:
                discard(entry)
            except OSError as error:
                logger.warning("%s is left in the spool for the clean-up: %s", entry.name, error)


def stale_spool(spool: Path, executions: ExecutionRecords) -> list[Path]:
    """What nobody needs any more: entries of attempts that are over, or that no record knows.

    The entries are listed before the records are asked, so one that comes to be meanwhile is not among them.

    Raises:
        DatabaseError: The records can't be read.
    """
    entries = _entries(spool, "*")
    records = executions.find(list({execution_id for execution_id, _ in entries.values()}))
    living = {(row.id, row.attempt) for row in records.values() if row.status == Status.RUNNING}
    return [entry for entry, attempt in entries.items() if attempt not in living]


def _entries(spool: Path, pattern: str) -> dict[Path, tuple[str, int]]:
    found = {entry: _ENTRY.match(entry.name) for entry in sorted(spool.glob(pattern))}
    return {entry: (match[1], int(match[2])) for entry, match in found.items() if match}


def discard(entry: Path) -> None:
    """Removes an entry; one that is gone, or that somebody else removes right now, is fine.

    A folder that a process holds is left to it.

    Raises:
        OSError: It can't be removed.
    """
    if entry.name.startswith(PREFIX):
        remove_abandoned(entry)
        return
    with suppress(FileNotFoundError):
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
