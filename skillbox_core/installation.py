"""The parts of one installation, which everything that runs on it in a process shares."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.files import make_private
from skillbox_core.errors import DiskError
from skillbox_core.inputs.staging import InputStore
from skillbox_core.inputs.written import has_frames, write_frames
from skillbox_core.models import InputFile
from skillbox_core.sandbox.admission import Admission
from skillbox_core.sandbox.connections import Connections
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.removals import Removals
from skillbox_core.settings import Settings
from skillbox_core.storage.artifacts import ArtifactStore
from skillbox_core.storage.database import Database
from skillbox_core.storage.execution_writes import ExecutionStore
from skillbox_core.storage.held_folder import HeldFolder
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.opening import open_registry, present_settings
from skillbox_core.storage.registry import Registry
from skillbox_core.storage.spool import spool_folder
from skillbox_core.storage.waiting_records import WaitingRecords

if TYPE_CHECKING:
    from skillbox_core.environments.prepare import Environments


class Installation:
    """The parts of an installation. One object serves any number of threads.

    Args:
        settings: What the installation is.
        engine, registry, executions, artifacts: The parts that reach outside.

    `Installation.from_settings()` builds all of them.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        registry: Registry,
        executions: ExecutionStore,
        artifacts: ArtifactStore,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.registry = registry
        self.executions = executions
        self.artifacts = artifacts
        self.connections = Connections()
        self.admission = Admission(settings.max_concurrent_execs)
        self.removals = Removals()
        # One that waits for an interpreter may take a minute: no removal, and so no run, is to wait for that.
        self.refills = Removals()
        self.inputs = InputStore(settings, executions, artifacts)
        _alive.add(self)

    @classmethod
    def from_settings(cls, settings: Settings | None = None) -> Installation:
        """The parts that the settings name; nothing is connected to before it is used.

        Args:
            settings: By default those of this process: its environment over the installation's `.env`. Somebody who
                gives them names an installation, which is made when it is first written to.

        Raises:
            SettingsError: A setting is wrong, or nobody has made an installation here.
        """
        settings = settings or present_settings()
        database = Database(settings.database)
        files = Bucket(settings, settings.s3_bucket_executions)
        return cls(
            settings,
            Engine(settings.engine_url),
            open_registry(settings, database),
            ExecutionStore(database, files),
            ArtifactStore(files),
        )

    @cached_property
    def environments(self) -> Environments:
        """The packages of skills. Most skills need none, so what makes and keeps them is loaded here."""
        from skillbox_core.environments.prepare import Environments
        from skillbox_core.environments.store import EnvironmentStore
        from skillbox_core.storage.environment_records import EnvironmentRecords

        return Environments(
            self.settings,
            self.engine,
            EnvironmentRecords(Database(self.settings.database)),
            EnvironmentStore(Bucket(self.settings, self.settings.s3_bucket_skills), self.settings.max_tree_size),
            self.registry,
        )

    @cached_property
    def waiting(self) -> WaitingRecords:
        """The containers that wait for a job."""
        return WaitingRecords(self.executions.database)

    def give_up_waiting(self, name: str) -> bool:
        """Removes a waiting container that nobody has taken, row or not; False where a run has, and then it stays.

        Raises:
            EngineError, DatabaseError: The engine or the database failed; calling again is safe, and what is left the
                reconciler finds.
        """
        if not self.waiting.give_up(name) and self.executions.claimers([name]):
            return False
        self.engine.remove(name)
        return True

    @contextmanager
    def written(
        self, files: tuple[InputFile, ...], cancel: CancelToken | None = None
    ) -> Iterator[tuple[InputFile, ...]]:
        """The files of one call with each table among them written, which is gone afterwards.

        Raises:
            SkillboxError: See `skillbox_core.inputs.written.write_frames`.
        """
        if not has_frames(files):
            yield files
            return
        written, folder = self.write_frames(files, cancel)
        try:
            yield written
        finally:
            folder.close()

    def write_frames(
        self, files: tuple[InputFile, ...], cancel: CancelToken | None = None
    ) -> tuple[tuple[InputFile, ...], HeldFolder]:
        """The same for who says when the call is over: the folder is to be closed then.

        Raises:
            SkillboxError: See `skillbox_core.inputs.written.write_frames`.
        """
        try:
            folder = HeldFolder(self.spool)
        except OSError as error:
            raise DiskError(f"a table can't be written into the spool: {error.strerror}") from None
        try:
            return write_frames(files, folder.path, self.settings.max_input_files_size, cancel), folder
        except BaseException:
            folder.close()
            raise

    @cached_property
    def spool(self) -> Path:
        """See `skillbox_core.storage.spool`."""
        folder = spool_folder(self.settings.home, self.settings.instance, self.executions.place)
        make_private(folder)
        return folder


_alive: WeakSet[Installation] = WeakSet()


def _in_forked_child() -> None:
    """What the parent runs is the parent's: the child would wait for ever for its places."""
    for installation in list(_alive):
        installation.admission = Admission(installation.settings.max_concurrent_execs)


os.register_at_fork(after_in_child=_in_forked_child)


_installations: dict[tuple[int, str], Installation] = {}


def installation_for(settings: Settings) -> Installation:
    """The parts of each installation once in this process: its connections and its admission are shared."""
    # A forked child must not share its parent's connections. Hashed, because settings hold passwords.
    key = os.getpid(), hashlib.sha256(settings.model_dump_json().encode()).hexdigest()
    # setdefault is atomic: of two threads that make one at once, both get the same.
    return _installations.get(key) or _installations.setdefault(key, Installation.from_settings(settings))
