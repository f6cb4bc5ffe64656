"""One run of a skill inside a Prefect task run: its steps become nested tasks, its logs the run's logs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from prefect.context import TaskRunContext

from prefect_skillbox.config.installation import installation_for, installation_settings
from prefect_skillbox.config.secrets import Secrets
from prefect_skillbox.execution import cancellation, frames
from prefect_skillbox.execution.map_index import current_suffix
from prefect_skillbox.execution.owner import Owner, current_owner
from prefect_skillbox.execution.run_slot import Place
from prefect_skillbox.execution.step_tasks import TaskSteps
from prefect_skillbox.observe.run_observer import Watch
from skillbox_core.errors import RunCancelledError, SkillboxError
from skillbox_core.models import RunOptions, RunRequest, RunResult
from skillbox_core.run.lifecycle import run_lifecycle
from skillbox_core.run.steps import Steps
from skillbox_core.status import Status


def execute(request: RunRequest, options: RunOptions, secrets: Secrets, installation: str | None) -> RunResult:
    """Runs a skill in this process, as part of the Prefect task run around it.

    Args:
        request: With placeholders where its environment has secrets.
        secrets: Puts their values in, when the container is made.
        installation: Name of the block with the installation's settings; None for this process's own.
    """
    context = TaskRunContext.get()
    # One attempt of one task run is one execution, however often its steps are repeated. When the flow
    # run is run again its task runs have new ids; then the owner's next attempt finds the execution.
    key = f"{context.task_run.id}/{context.task_run.run_count}" if context is not None else None
    options = owned(options, secrets, current_owner(), key)
    parts = installation_for(installation_settings(installation))
    watch = Watch(request.skill, options.tenant, request.env.values(), unlearned=bool(secrets.refs))
    reveal = revealing(secrets, watch)
    with cancellation.token(options.owner) as token:
        if token.cancelled:
            raise RunCancelledError("cancelled before it began")
        with frames.of_this_try(parts, options.files, token) as files:
            options = options.model_copy(update={"files": files})
            place = Place(parts, token, options.owner)
            steps = TaskSteps(
                Steps(parts, watch.on_log, token, watch.preparing, place.give_back),
                request.skill,
                watch,
                reveal,
                place,
                suffix=current_suffix(),
            )
            result = run_lifecycle(steps, request, options)
            if result.status is Status.SUCCESS:
                frames.forget()
    if watch.unlearned and (result.has_output or result.files_list):
        # An earlier try's result: no container was made here, and yet what is shown must not hold a secret.
        with suppress(SkillboxError):
            reveal(request)
    watch.report(result, parts)
    return result


def owned(options: RunOptions, secrets: Secrets, owner: Owner | None, key: str | None) -> RunOptions:
    """Options with what is known of a run in Prefect.

    Args:
        key: See `RunOptions`; None leaves the options' own.
    """
    known: dict[str, object] = {"env_identity": secrets.identity}
    if key is not None:
        known["key"] = key
    if owner is not None:
        known |= {"owner": owner.flow_run_id, "owner_attempt": owner.attempt}
    return options.model_copy(update=known)


def revealing(secrets: Secrets, watch: Watch) -> Callable[[RunRequest], RunRequest]:
    """Puts the values of secrets into a request, and tells the watch of them, which must not show them."""

    def reveal(asked: RunRequest) -> RunRequest:
        revealed = secrets.reveal(asked)
        watch.learned(revealed.env.values())
        return revealed

    return reveal
