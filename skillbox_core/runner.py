"""The runner: the steps of a run, on real parts."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
import uuid
from functools import cached_property
from pathlib import Path
from typing import Any

from skillbox_core.cancel import CancelToken
from skillbox_core.errors import InvalidRequestError, RunnerNotImplementedError, SkillboxError
from skillbox_core.lifecycle import run_lifecycle
from skillbox_core.models import (
    Artifacts,
    Execution,
    LoadedSkill,
    Outcome,
    Output,
    RunOptions,
    RunRequest,
    RunResult,
    Sandbox,
    Verdict,
)
from skillbox_core.names import check_skill, check_tenant
from skillbox_core.sandbox import container
from skillbox_core.sandbox.allowlist import resolve_alias, validate_image
from skillbox_core.sandbox.engine import ContainerGoneError, Engine
from skillbox_core.sandbox.environment import check_env, skill_environment
from skillbox_core.sandbox.limits import (
    format_bytes,
    parse_cpu_limit,
    parse_duration,
    parse_memory_limit,
    resolve_limits,
)
from skillbox_core.sandbox.logs import OnLog
from skillbox_core.sandbox.policy import container_config
from skillbox_core.sandbox.transfer import SCRIPTS, plan_delivery, start_script
from skillbox_core.settings import Settings, load_settings
from skillbox_core.skills.archive import VENDOR, open_archive
from skillbox_core.skills.registry import Registry
from skillbox_core.storage.artifacts import ArtifactStore
from skillbox_core.storage.database import Database
from skillbox_core.storage.executions import ExecutionStore, NewExecution
from skillbox_core.storage.objects import Bucket

logger = logging.getLogger(__name__)


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
        self._connections = container.Connections()
        self._admission = _Admission(settings.max_concurrent_execs)

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
        return cls(
            settings,
            Engine(settings.engine_url),
            Registry(skills, database, settings.home / "cache" / "skills", settings.max_skill_size),
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
        return run_lifecycle(Steps(self, on_log, cancel), request, options)

    def steps(self, on_log: OnLog | None = None, cancel: CancelToken | None = None) -> Steps:
        """The steps of one run, for a driver of its own."""
        return Steps(self, on_log, cancel)

    @cached_property
    def spool(self) -> Path:
        """Where collected files wait for their upload."""
        folder = self.settings.home / "spool"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder


class Steps:
    """The lifecycle's steps (`skillbox_core.lifecycle.Steps`), each repeatable."""

    def __init__(self, runner: Runner, on_log: OnLog | None, cancel: CancelToken | None) -> None:
        self._runner = runner
        self._settings = runner.settings
        self._on_log = on_log
        self._cancel = cancel

    def create_record(self, request: RunRequest, options: RunOptions) -> Execution:
        """Checks the request, resolves the version and opens the record; one key opens one record."""
        check_tenant(options.tenant)
        check_skill(request.skill)
        check_env(request.env)
        for field, parse in (
            ("timeout", parse_duration),
            ("cpu", parse_cpu_limit),
            ("memory", parse_memory_limit),
        ):
            if (value := getattr(options, field)) is not None:
                parse(value, field)
        document = canonical_input(request.input, self._settings.max_input_size)
        version = self._runner.registry.resolve(options.tenant, request.skill, request.version)
        key = options.key or uuid.uuid4().hex
        execution = self._runner.executions.open(
            NewExecution(
                id=uuid.uuid4().hex,
                tenant=options.tenant,
                skill=request.skill,
                version=version,
                input=document,
                key=f"{options.tenant}/{key}",
                request_digest=request_digest(request, version, document, options),
                owner=options.owner,
                owner_attempt=options.owner_attempt,
                instance=self._settings.instance,
            )
        )
        if execution.result is None and execution.launched and not self._holds(execution):
            # Its skill may have run, and what it left is gone: this is a new attempt, and says so.
            execution = self._runner.executions.next_attempt(execution)
        return execution

    def _holds(self, execution: Execution) -> bool:
        """Whether the attempt's container is there and can still be waited for or collected from."""
        try:
            found = self._runner.engine.inspect(container.container_name(execution.id, execution.attempt))
        except ContainerGoneError:
            return False
        return str(found["State"].get("Status")) in ("created", "running", "paused")

    def load_skill(self, execution: Execution, options: RunOptions) -> LoadedSkill:
        """Fetches the skill into the cache, and checks its image and its limits."""
        archive = self._runner.registry.load(execution.tenant, execution.skill, execution.version)
        if archive.entrypoint is None:
            raise RunnerNotImplementedError(
                f"skill {execution.skill} has instructions only, nothing that can be run",
                hint="add main.py, run.py, main.js or main.sh",
            )
        limits = resolve_limits(self._settings, archive.manifest, options)
        image = archive.manifest.image or self._settings.default_images[archive.lang]
        validate_image(image, self._settings.image_allowlist)
        return LoadedSkill(
            name=execution.skill,
            version=execution.version,
            digest=archive.digest,
            path=archive.path,
            lang=archive.lang,
            entrypoint=archive.entrypoint,
            image=resolve_alias(image, self._settings.image_aliases),
            timeout=limits.timeout,
            cpu_quota=limits.cpu_quota,
            memory=limits.memory,
            scratch=limits.scratch,
        )

    def create_container(
        self, execution: Execution, skill: LoadedSkill, request: RunRequest, options: RunOptions
    ) -> Sandbox:
        """Makes the sandbox and starts the skill in it; adopts the one a former call made."""
        runner = self._runner
        runner._admission.enter(execution.id, self._cancel)
        image = runner.engine.ready_image(skill.image)
        archive = open_archive(skill.path, self._settings.max_skill_size)
        document = canonical_input(request.input, self._settings.max_input_size).encode()
        vendored = f"/sandbox/{SCRIPTS}/{VENDOR}" if skill.lang == "python" and archive.vendored else None
        env = skill_environment(document, archive.manifest.instructions, request.env, vendored)
        plan = plan_delivery(archive, document, start_script(skill.lang, skill.entrypoint, env))
        if plan.size > skill.scratch:
            raise InvalidRequestError(
                f"the skill and its input are {format_bytes(plan.size)}, "
                f"its scratch area is {format_bytes(skill.scratch)}",
                hint="raise resources.scratch in SKILL.md",
            )
        deadline = _wall_deadline(skill.timeout)
        labels = {
            container.LABEL_EXECUTION: execution.id,
            container.LABEL_INSTANCE: self._settings.instance,
            container.LABEL_TENANT: execution.tenant,
            container.LABEL_SKILL: f"{skill.name}@{skill.version}",
            container.LABEL_DEADLINE: f"{deadline:.0f}",
            **({container.LABEL_OWNER: options.owner} if options.owner else {}),
        }
        config = container_config(
            image_id=image.id,
            memory=skill.memory,
            scratch=skill.scratch,
            cpu_quota=skill.cpu_quota,
            labels=labels,
        )
        runner.executions.note_launch(
            execution, digest=skill.digest, image=skill.image, image_id=image.id, deadline=deadline
        )
        return container.launch(
            runner.engine,
            runner._connections,
            name=container.container_name(execution.id, execution.attempt),
            token=execution.id,
            config=config,
            plan=plan,
            timeout=skill.timeout,
            parked_for=parse_duration(self._settings.collect_ttl),
        )

    def wait(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Outcome:
        """Follows the sandbox to its end, its deadline or its cancellation."""
        return container.wait(
            self._runner.engine,
            self._runner._connections,
            sandbox,
            token=execution.id,
            timeout=skill.timeout,
            max_log=self._settings.max_output_size,
            on_log=self._on_log,
            cancel=self._cancel,
        )

    def collect_output(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Output:
        """Reads output.json and the files out of the parked sandbox."""
        return container.collect(
            self._runner.engine,
            sandbox,
            self._spool(execution),
            scratch=skill.scratch,
            max_document=self._settings.max_output_size,
        )

    def upload_artifacts(self, execution: Execution, output: Output) -> Artifacts:
        """Stores the files."""
        return self._runner.artifacts.upload(execution, output)

    def cleanup(self, execution: Execution, verdict: Verdict) -> RunResult:
        """Closes the record, then removes the container: in this order a crash between them runs nothing twice."""
        try:
            return self._runner.executions.close(execution, verdict)
        finally:
            self._runner._admission.leave(execution.id)
            self._spool(execution).unlink(missing_ok=True)
            try:
                self._runner.engine.remove(container.container_name(execution.id, execution.attempt))
            except SkillboxError as error:
                # The record is right and the container will end by itself; the reconciler removes it.
                logger.warning("the container of execution %s is left for cleanup: %s", execution.id, error)

    def _spool(self, execution: Execution) -> Path:
        return self._runner.spool / f"{execution.id}-{execution.attempt}.tar.gz"


class _Admission:
    """At most so many executions of this process in containers at once; entering twice counts once."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside: set[str] = set()
        self._changed = threading.Condition()

    def enter(self, execution_id: str, cancel: CancelToken | None) -> None:
        with self._changed:
            while execution_id not in self._inside and len(self._inside) >= self._limit:
                if cancel and cancel.cancelled:
                    return
                self._changed.wait(0.25)
            self._inside.add(execution_id)

    def leave(self, execution_id: str) -> None:
        with self._changed:
            self._inside.discard(execution_id)
            self._changed.notify()


def _wall_deadline(timeout: float) -> float:
    return time.time() + container.DELIVERY_TIMEOUT + timeout


def canonical_input(value: Any, limit: int) -> str:
    """The JSON text that a skill gets: `{}` for none, keys sorted, no blanks.

    Raises:
        InvalidRequestError: Not JSON, too deep, or over the limit in bytes.
    """
    try:
        text = json.dumps(
            {} if value is None else value,
            allow_nan=False,
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=True,
        )
    except RecursionError:
        raise InvalidRequestError("the input is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(f"the input is not JSON: {error}") from None
    if len(text) > limit:
        raise InvalidRequestError(
            f"the input is {len(text)} bytes, this installation's limit is {limit}",
            hint="SKILLBOX_MAX_INPUT_SIZE",
        )
    return text


def request_digest(request: RunRequest, version: str, document: str, options: RunOptions) -> str:
    """What makes two requests the same: skill, resolved version, input, environment names, limits."""
    parts = [
        request.skill,
        version,
        document,
        sorted(request.env),
        options.timeout,
        options.cpu,
        options.memory,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
