"""What an execution leaves on this machine and on its engine, and how that goes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum, auto
from functools import partial

from skillbox_core.base.retry import repeated
from skillbox_core.errors import DatabaseError, SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, RunResult, Verdict
from skillbox_core.sandbox import container
from skillbox_core.status import Status
from skillbox_core.storage import spool

logger = logging.getLogger(__name__)


class Fate(Enum):
    """What becomes of an execution's container, and of what waits in the spool, at the end of a run."""

    LEFT_ALONE = auto()
    """Another try has both."""
    KEPT = auto()
    """The container holds the only copy of what happened, for whoever tries again."""
    REMOVED_FIRST = auto()
    """Before the caller goes on."""
    REMOVED_AFTER = auto()
    """By a thread, while the caller goes on with the result."""


def fate(verdict: Verdict, *, closed: bool, taken_over: bool = False) -> Fate:
    """What becomes of the container of an execution. Pure.

    Whoever cancels or interrupts a run, or has it timed out, waits for the end of what may still be running. A skill
    that has ended leaves a container in which its supervisor sleeps.

    Args:
        closed: Whether its end was recorded, by this process or by another.
        taken_over: Whether another try of its owner has it now.
    """
    if taken_over:
        return Fate.LEFT_ALONE
    cancelled = verdict.status is Status.CANCELLED
    if not closed:
        return Fate.REMOVED_FIRST if cancelled else Fate.KEPT
    return Fate.REMOVED_AFTER if verdict.parked and not cancelled else Fate.REMOVED_FIRST


def end(installation: Installation, execution: Execution, verdict: Verdict, on_gone: Callable[[], None]) -> RunResult:
    """Closes a record, and has what the execution left go.

    Args:
        verdict: Without secrets.
        on_gone: Called from the thread that removed the container, once it is gone or given up. Until then it counts:
            it still holds memory and processes. Not called when the end can't be recorded, and can be by a next call.

    Raises:
        DatabaseError: The end can't be recorded; calling again is safe.
    """

    def gone() -> None:
        installation.admission.leave(execution.id)
        if recorded or what in (Fate.REMOVED_FIRST, Fate.REMOVED_AFTER):
            on_gone()

    # An interruption in the middle of this is one of the run: nothing of it stays.
    what, recorded = Fate.REMOVED_FIRST, False
    try:
        result = installation.executions.close(execution, verdict)
        what = fate(verdict, closed=True)
        if result.status is Status.RUNNING:
            # Another attempt has a container of its own; another try of the owner has this one.
            what = Fate.LEFT_ALONE
            what = fate(verdict, closed=True, taken_over=installation.executions.is_taken_over(execution))
    except DatabaseError:
        if what is not Fate.LEFT_ALONE:
            what = fate(verdict, closed=False)
        raise
    else:
        recorded = True
        return result
    finally:
        installation.connections.drop(execution.container)
        _let_go(installation, execution, what, gone)


def _let_go(installation: Installation, execution: Execution, what: Fate, gone: Callable[[], None]) -> None:
    try:
        if what is not Fate.LEFT_ALONE:
            _clear_spool(installation, execution)
    except BaseException:
        # Interrupted. The place must not be lost with it; the container is left to the reconciler.
        gone()
        raise
    if what is Fate.REMOVED_AFTER:
        installation.removals.submit(partial(_remove_container, installation, execution, gone))
    elif what is Fate.REMOVED_FIRST:
        _remove_container(installation, execution, gone)
    else:
        gone()


def remove(installation: Installation, execution: Execution) -> None:
    """Removes the container of an execution, and what waits in the spool; one that can't be removed is logged."""
    _clear_spool(installation, execution)
    _remove_container(installation, execution, lambda: None)


def _clear_spool(installation: Installation, execution: Execution) -> None:
    try:
        spool.clear(installation.spool, execution)
    except OSError as error:
        # On a disk that takes nothing there is none to clear either. Its place is given back, and its container goes.
        logger.warning("what execution %s left in the spool stays: %s", execution.id, error)


def _remove_container(installation: Installation, execution: Execution, gone: Callable[[], None]) -> None:
    instance = installation.settings.instance
    call = partial(container.remove, installation.engine, execution, instance)
    try:
        repeated(call)
    except SkillboxError as error:
        # The record is right and the container will end by itself; the reconciler removes it.
        logger.warning("the container of execution %s is left for cleanup: %s", execution.id, error)
    finally:
        gone()
