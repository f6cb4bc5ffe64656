"""What the end of a run means: its status, its reason and its diagnosis. Pure."""

from __future__ import annotations

from dataclasses import replace

from skillbox_core.base.redaction import Redactor
from skillbox_core.errors import RunCancelledError, SkillboxError
from skillbox_core.models import Artifacts, Diagnosis, Ending, LoadedSkill, Outcome, Output, Verdict
from skillbox_core.run.diagnosis import diagnose, ending, last_lines
from skillbox_core.status import Category, Reason, Status


def interrupted(cause: BaseException, outcome: Outcome) -> Verdict:
    """The verdict on a run whose own thread was told to stop."""
    return _of(Status.CANCELLED, None, f"cancelled ({type(cause).__name__})", outcome)


def failure(error: SkillboxError, outcome: Outcome, output: Output) -> Verdict:
    """The verdict on a run that one of our own errors ended."""
    if isinstance(error, RunCancelledError):
        return _of(Status.CANCELLED, None, str(error), outcome, output)
    return _of(Status.FAILED, error.reason, str(error), outcome, output)


def internal(error: Exception, outcome: Outcome) -> Verdict:
    """The verdict on a run that ended in an error of ours that nobody foresaw."""
    message = f"internal error, {type(error).__name__}: {error}"
    return _of(Status.FAILED, Reason.INFRASTRUCTURE, message, outcome)


def judge(outcome: Outcome, output: Output, artifacts: Artifacts, skill: LoadedSkill) -> Verdict:
    """The verdict on a run whose steps all went through: what the skill did, and why it failed if it did."""
    status, reason = ending(outcome, output, skill.call)
    diagnosis = diagnose(outcome, output, skill)
    return Verdict(
        status,
        reason,
        diagnosis.summary if diagnosis and status is not Status.SUCCESS else None,
        output=output.document,
        logs=outcome.logs + _notes(output),
        artifacts=artifacts,
        skipped=output.skipped,
        usage=outcome.usage,
        diagnosis=diagnosis,
        parked=_parked(outcome),
    )


def redacted(verdict: Verdict, redactor: Redactor) -> Verdict:
    """The same without the secrets that were seen, as it may be kept."""
    redact, said = redactor.message, verdict.diagnosis
    return replace(
        verdict,
        error=redact(verdict.error) if verdict.error else None,
        logs=redactor.text(verdict.logs),
        skipped=tuple((redact(path), redact(why)) for path, why in verdict.skipped),
        diagnosis=said
        and replace(
            said,
            summary=redact(said.summary),
            detail=redact(said.detail),
            resolution=redact(said.resolution),
        ),
    )


def _of(status: Status, reason: Reason | None, error: str, outcome: Outcome, output: Output | None = None) -> Verdict:
    return Verdict(
        status,
        reason,
        error,
        output=output.document if output else None,
        logs=outcome.logs,
        skipped=output.skipped if output else (),
        usage=outcome.usage,
        diagnosis=Diagnosis(Category(reason or status), error, last_lines(outcome.stderr)),
        parked=_parked(outcome),
    )


def _parked(outcome: Outcome) -> bool:
    return outcome.collectable and outcome.ending is Ending.EXITED


def _notes(output: Output) -> str:
    return "".join(f"[skillbox: not collected: {path}: {why}]\n" for path, why in output.skipped)
