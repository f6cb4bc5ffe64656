"""The runner: the parts of an installation, and runs on them."""

from __future__ import annotations

import uuid
from functools import cached_property
from pathlib import Path

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.files import make_private
from skillbox_core.inputs.staging import InputStore
from skillbox_core.models import RunOptions, RunRequest, RunResult
from skillbox_core.run.lifecycle import run_lifecycle
from skillbox_core.run.retrying import repeating
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.admission import Admission
from skillbox_core.sandbox.container import Connections
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.logs import OnLog
from skillbox_core.settings import Settings, load_settings
from skillbox_core.storage.artifacts import ArtifactStore
from skillbox_core.storage.database import Database
from skillbox_core.storage.execution_writes import ExecutionStore
from skillbox_core.storage.objects import Bucket
from skillbox_core.storage.registry import Registry
from skillbox_core.storage.skill_cache import SkillCache
from skillbox_core.storage.spool import spool_folder


class Runner:
    """Runs skills. One object serves any number of threads.

    Args:
        settings: The installation.
        engine, registry, executions, artifacts: The parts it works with.

    `Runner.from_settings()` builds all of them.
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
        self.inputs = InputStore(settings, executions, artifacts)

    @classmethod
    def from_settings(cls, settings: Settings | None = None) -> Runner:
        """A runner with the parts that the settings name; nothing is connected to before it is used.

        Raises:
            SettingsError: A setting is wrong.
        """
        settings = settings or load_settings()
        database = Database(settings.database_url)
        files = Bucket(settings, settings.s3_bucket_executions)
        skills = Bucket(settings, settings.s3_bucket_skills)
        cache = SkillCache(settings.home / "cache" / "skills", settings.max_skill_size, settings.max_cache_size)
        return cls(
            settings,
            Engine(settings.engine_url),
            Registry(skills, database, cache, settings.max_skill_size),
            ExecutionStore(database, files),
            ArtifactStore(files),
        )

    def run(
        self,
        request: RunRequest,
        options: RunOptions | None = None,
        *,
        on_log: OnLog | None = None,
        cancel: CancelToken | None = None,
    ) -> RunResult:
        """Runs a skill in a sandbox of its own and returns how it ended.

        Args:
            on_log: Called with `"stdout"` or `"stderr"` and each line as the skill prints it.
            cancel: Tripped from elsewhere, it ends the run as `cancelled`.

        Raises:
            SkillboxError: The request can't become an execution: `SkillNotFoundError`,
                `InvalidRequestError`, or the database or the store failed. What fails later is in the result.
        """
        options = options or RunOptions()
        if options.key is None:
            options = options.model_copy(update={"key": uuid.uuid4().hex})
        return run_lifecycle(repeating(Steps(self, on_log, cancel)), request, options)

    def steps(self, on_log: OnLog | None = None, cancel: CancelToken | None = None) -> Steps:
        """The steps of one run, for a driver of its own."""
        return Steps(self, on_log, cancel)

    @cached_property
    def spool(self) -> Path:
        """See `skillbox_core.storage.spool`."""
        folder = spool_folder(self.settings.home, self.settings.instance, self.executions.place)
        make_private(folder)
        return folder
