"""The steps of a run on real parts, each repeatable."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.names import check_skill, check_tenant, container_name
from skillbox_core.base.progress import OnProgress
from skillbox_core.base.quantities import check_limits, parse_duration
from skillbox_core.base.redaction import Redactor
from skillbox_core.base.versions import Constraint
from skillbox_core.errors import EngineError, InvalidRequestError, RunCancelledError
from skillbox_core.installation import Installation
from skillbox_core.models import (
    Artifacts,
    Call,
    Execution,
    LoadedSkill,
    Outcome,
    Output,
    RunOptions,
    RunRequest,
    RunResult,
    Sandbox,
    StagedFile,
    Verdict,
)
from skillbox_core.run import cleanup, pool
from skillbox_core.run.calling import invoke
from skillbox_core.run.canonical import canonical_input, request_digest
from skillbox_core.run.declared import check_staged, output_problem
from skillbox_core.run.loading import equip, loaded_skill, resolve_runnable
from skillbox_core.run.preparing import prepare
from skillbox_core.run.verdict import redacted
from skillbox_core.sandbox import container, follow
from skillbox_core.sandbox.engine_errors import ContainerGoneError
from skillbox_core.sandbox.environment import check_env
from skillbox_core.sandbox.images import described
from skillbox_core.sandbox.launching import Job, hand_over
from skillbox_core.sandbox.launching import launch as launch_container
from skillbox_core.sandbox.logs import OnLog
from skillbox_core.sandbox.policy import container_config, memory_ceiling, user_id
from skillbox_core.sandbox.waiting import Kind
from skillbox_core.skills.declared_files import check_given
from skillbox_core.skills.validation import find_breach
from skillbox_core.storage import spool
from skillbox_core.storage.execution_writes import NewExecution
from skillbox_core.storage.launches import Launch

logger = logging.getLogger(__name__)


class Steps:
    """The lifecycle's steps (`skillbox_core.run.lifecycle.Steps`), each repeatable.

    Args:
        on_gone: Called when the container is gone, or was given up: from the thread that removed it.
    """

    def __init__(
        self,
        installation: Installation,
        on_log: OnLog | None = None,
        cancel: CancelToken | None = None,
        on_progress: OnProgress | None = None,
        on_gone: Callable[[], None] | None = None,
    ) -> None:
        self._installation = installation
        self._settings = installation.settings
        self._on_log = on_log
        self._cancel = cancel
        self._say = on_progress or (lambda _progress: None)
        self._on_gone = on_gone or (lambda: None)
        self._redactor = Redactor()
        self._key, self._asked = uuid.uuid4().hex, False
        """Of a run that brings no key of its own: repeating its first step finds what that has opened."""
        self._digests: dict[tuple[str, str, str], str | None] = {}
        self._claims: dict[tuple[str, int], str | None] = {}
        """Waiting containers that these steps have taken, by attempt: repeating a step finds them again. None where one
        was given up for a container of the attempt's own."""
        self._unused: set[str] = set()
        """Those of them that nobody has attached to: nothing can have started in them."""
        self._kind: Kind | None = None
        """Of the waiting container that is made after this run."""
        self._ends_at: dict[str, float] = {}
        """Of each sandbox that was waited for: repeating the wait gives it no more time."""

    def create_record(self, request: RunRequest, options: RunOptions) -> Execution:
        """Checks the request, resolves the version and opens the record; one key opens one record."""
        check_tenant(options.tenant)
        check_skill(request.skill)
        constraint = Constraint.parse(request.version)
        check_env(request.env)
        check_limits(timeout=options.timeout, cpu=options.cpu, memory=options.memory)
        document = canonical_input(request.input, self._settings.max_input_size)
        files = self._installation.inputs.plan(options.tenant, options.files)

        def check(call: Call) -> None:
            invoke(call, document, [file.path for file in files], self._settings.max_input_size)

        if options.call and options.call.script:
            # What is missing is said before there is anything to be cleaned up.
            check(options.call)

        def resolve() -> str:
            found = resolve_runnable(self._installation, request, options, check)
            self._digests[options.tenant, request.skill, found.version] = found.digest
            return found.version

        fresh, self._asked = options.key is None and not self._asked, True
        execution = self._installation.executions.open(
            NewExecution(
                id=uuid.uuid4().hex,
                tenant=options.tenant,
                skill=request.skill,
                asked=constraint.text,
                input=document,
                key=f"{options.tenant}/{options.key or self._key}",
                request_digest=request_digest(request, constraint, document, options, files),
                owner=options.owner,
                owner_attempt=options.owner_attempt,
                instance=self._settings.instance,
                call=options.call,
                fresh=fresh,
            ),
            resolve,
        )
        if execution.result is not None:
            # Who closed the record may have died before the container was removed.
            cleanup.remove(self._installation, execution)
        elif execution.launched and not self._holds(execution):
            # Its skill may have run, and what it left is gone: this is a new attempt, and says so.
            cleanup.remove(self._installation, execution)
            execution = self._installation.executions.next_attempt(execution)
        return replace(execution, files=files, input=document)

    def _holds(self, execution: Execution) -> bool:
        """Whether the attempt's container is there and can still be waited for or collected from."""
        try:
            found = self._installation.engine.inspect(execution.container)
        except ContainerGoneError:
            return False
        return str(found["State"].get("Status")) in ("created", "running", "paused")

    def load_skill(self, execution: Execution, options: RunOptions) -> LoadedSkill:
        """Fetches the skill, checks its image, its limits and what it is given, and then readies its environment."""
        registry, asked = self._installation.registry, (execution.tenant, execution.skill, execution.version)
        # As it was when the record was opened, where this process has opened it.
        digest = self._digests.get(asked)
        archive = registry.again(*asked, digest) if digest else registry.load(*asked)
        skill = loaded_skill(self._settings, archive, options)
        check_given(skill.name, skill.input_files, [file.path for file in execution.files])
        if skill.input_schema is not None and (breach := find_breach(skill.input_schema, execution.input)):
            raise InvalidRequestError(
                f"the input does not fit the input_schema of {skill.name}@{skill.version}: {breach}",
                hint=f"`skillbox skill show {skill.name}@{skill.version}`",
            )
        return equip(self._installation, archive, skill, self._say, self._cancel)

    def admit(self, execution: Execution) -> None:
        """Waits until this process may have one more execution in a container."""
        self._installation.admission.enter(execution.id, self._cancel)

    def create_container(
        self, execution: Execution, skill: LoadedSkill, request: RunRequest, options: RunOptions
    ) -> Sandbox:
        """Makes the sandbox and starts the skill in it; adopts the one a former call made."""
        installation = self._installation
        self._redactor.learn(request.env.values())
        if self._is_cancelled:
            raise RunCancelledError("cancelled by the caller before the skill was started")
        execution = self._with_claim(execution)
        if execution.launched and (adopted := self._adopt(execution)):
            # Its files were delivered then, and may be gone since.
            return adopted
        with installation.inputs.staged(
            execution, spool.inputs_folder(installation.spool, execution), self._cancel
        ) as files:
            check_staged(skill, files)
            try:
                return self._launch(execution, skill, request, options, execution.input.encode(), files)
            except _ClaimedElsewhereError as error:
                self._claims[execution.id, execution.attempt] = error.name
                if adopted := self._adopt(self._with_claim(execution)):
                    return adopted
                raise EngineError(f"the waiting container {error.name} ended before it was handed its job") from None

    @property
    def _is_cancelled(self) -> bool:
        return self._cancel is not None and self._cancel.cancelled

    def _with_claim(self, execution: Execution) -> Execution:
        """The execution as these steps know it by now."""
        key = execution.id, execution.attempt
        return replace(execution, launched=True, claimed=self._claims[key]) if key in self._claims else execution

    def _adopt(self, execution: Execution) -> Sandbox | None:
        """The container of this attempt that is there, if its skill may have started; else it is removed."""
        if execution.claimed in self._unused:
            # Whoever takes one is the only one who hands it a job: there is nothing to wait for.
            self._installation.engine.remove(str(execution.claimed))
            return None
        return container.adopt(
            self._installation.engine,
            execution.container,
            token=execution.id,
            instance=self._settings.instance,
            claimed=execution.claimed is not None,
        )

    def _launch(
        self,
        execution: Execution,
        skill: LoadedSkill,
        request: RunRequest,
        options: RunOptions,
        document: bytes,
        files: Sequence[StagedFile],
    ) -> Sandbox:
        installation = self._installation
        prepared = prepare(installation, execution.tenant, skill, request.env, document, files, self._say, self._cancel)
        self._kind = prepared.kind
        deadline = container.wall_deadline(skill.timeout, skill.scratch)
        launch = Launch(
            digest=skill.digest,
            image=described(skill.image, prepared.base),
            image_id=prepared.image.id,
            deadline=deadline,
            files=tuple(file.digest for file in files),
            call=skill.call,
        )
        job = Job(
            token=execution.id,
            plan=prepared.plan,
            timeout=skill.timeout,
            parked_for=parse_duration(self._settings.collect_ttl),
            inline_output=self._settings.inline_output,
        )
        began = time.monotonic()
        if waiting := self._claim(execution, launch):
            name = waiting.name
            hand_over(installation.engine, installation.connections, waiting, job, lambda: self._unused.discard(name))
            slow = time.monotonic() - began > container.ATTENDED
            # A run that is cancelled is ended by whoever waits for it, and does not wait for this.
            if slow and not self._is_cancelled and not self._adopt(self._with_claim(execution)):
                installation.connections.drop(name)
                raise EngineError(f"the waiting container {name} was given up before its job was there")
            return waiting
        claimed = self._with_claim(execution).claimed
        name = container_name(execution.id, execution.attempt)
        config = container_config(
            user=user_id(name, self._settings.sandbox_users),
            image_id=prepared.image.id,
            memory=skill.memory,
            scratch=skill.scratch,
            cpu_quota=skill.cpu_quota,
            labels=container.labels(execution, skill, self._settings.instance, options.owner, deadline),
            runtime=self._settings.runtime,
        )

        def note() -> None:
            # Not before the engine has the container: who finds the launch noted and no container begins a new attempt.
            if installation.executions.note_launch(execution, launch, instead_of=claimed):
                return
            if taken := installation.executions.claimed_by(execution):
                raise _ClaimedElsewhereError(taken)
            raise RunCancelledError("the execution was ended by somebody else before its skill was started")

        sandbox = launch_container(
            installation.engine, installation.connections, name=name, config=config, job=job, before_start=note
        )
        if claimed:
            # Noted here, or by the one whose container of this name was adopted.
            self._claims[execution.id, execution.attempt] = None
        return sandbox

    def _claim(self, execution: Execution, launch: Launch) -> Sandbox | None:
        """A waiting container that is this attempt's from now on, with nothing in it yet; None where there is none."""
        if self._kind is None:
            return None
        before = self._with_claim(execution).claimed

        def note(name: str) -> None:
            self._claims[execution.id, execution.attempt] = name
            self._unused.add(name)

        return pool.claim(self._installation, execution, launch, self._kind, instead_of=before, on_claim=note)

    def wait(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Outcome:
        """Follows the sandbox to its end, its deadline or its cancellation."""
        ends_at = self._ends_at.setdefault(sandbox.container_id, time.monotonic() + skill.timeout)
        outcome = follow.wait(
            self._installation.engine,
            self._installation.connections,
            sandbox,
            token=execution.id,
            timeout=ends_at - time.monotonic(),
            max_log=self._settings.max_output_size,
            redactor=self._redactor,
            on_log=self._on_log,
            cancel=self._cancel,
        )
        return replace(outcome, usage=replace(outcome.usage, memory_limit=memory_ceiling(skill.memory, skill.scratch)))

    def collect_output(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Output:
        """Reads output.json and the files out of the parked sandbox, and checks the one by the skill's own word."""
        output = container.collect(
            self._installation.engine,
            sandbox,
            spool.output_archive(self._installation.spool, execution),
            scratch=skill.scratch,
            max_document=self._settings.max_output_size,
            redact=self._redactor.text,
            call=skill.call,
            sent=self._installation.connections.take_output(sandbox),
        )
        if output.problem is None and (problem := output_problem(skill, output)):
            return replace(output, problem=problem)
        return output

    def upload_artifacts(self, execution: Execution, output: Output) -> Artifacts:
        """Stores the files."""
        return self._installation.artifacts.upload(execution, output)

    def cleanup(self, execution: Execution, verdict: Verdict) -> RunResult:
        """Closes the record, then removes the container: in this order a crash between them runs nothing twice.

        Where the skill has ended by itself the result does not wait for that; see `skillbox_core.run.cleanup.fate`.
        """
        execution = self._with_claim(execution)
        result = cleanup.end(self._installation, execution, redacted(verdict, self._redactor), self._on_gone)
        kind, self._kind = self._kind, None
        if kind is not None:
            self._installation.refills.submit(partial(pool.follow_up, self._installation, kind), owed=False)
        return result


class _ClaimedElsewhereError(Exception):
    """Another worker's call has taken a waiting container for this very attempt."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
