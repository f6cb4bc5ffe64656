"""Why a run failed, or what a success should be warned of. Pure.

Made from what waiting for the sandbox gave (how it ended, its counters, its last lines of stderr), what it left, and
its limits. Memory is the container's: its limit is `resources.memory` and the room for files, since files in a tmpfs
are charged to whoever wrote them. So a message about memory says whose figure it is.
"""

from __future__ import annotations

import signal

from skillbox_core.base.quantities import format_bytes
from skillbox_core.base.text import harmless
from skillbox_core.models import Call, Diagnosis, Ending, LoadedSkill, Outcome, Output
from skillbox_core.models.call import MAX_EXIT_CODE
from skillbox_core.run import stderr
from skillbox_core.sandbox.policy import PIDS, SANDBOX, SHM_SIZE, TMP_SIZE
from skillbox_core.status import Category, Reason, Status

DETAIL_LINES = 20
DETAIL_CHARACTERS = 2_000
NEAR = 0.9
"""Part of the container's limit under which a peak says that it was not the container's limit that was reached."""
TMP, SHM = "/tmp", "/dev/shm"  # noqa: S108 - places in the sandbox
NO_NETWORK = (
    "skills have no network: hand them data as input or files, and let a task of the flow fetch it; "
    "127.0.0.1 is there, localhost is not"
)


def ending(outcome: Outcome, output: Output, call: Call | None = None) -> tuple[Status, Reason | None]:
    """What the end of a run is called.

    Args:
        call: Which script was called, and which of its exit codes are answers; None for the skill's own entrypoint.
    """
    failed = outcome.ending is Ending.LOST or not (outcome.usage.exit_code == 0 or _answered(outcome, output, call))
    if outcome.ending is Ending.CANCELLED:
        return Status.CANCELLED, None
    if outcome.ending is Ending.DEADLINE:
        return Status.TIMEOUT, None
    if failed and (outcome.oom_kills or stderr.heap_exhausted(outcome.stderr)):
        return Status.FAILED, Reason.OOM
    if outcome.ending is Ending.LOST:
        return Status.FAILED, Reason.INFRASTRUCTURE
    if failed and (outcome.full or stderr.no_space(outcome.stderr) or _too_large(outcome)):
        return Status.FAILED, Reason.DISK
    if failed and outcome.pids_refused:
        return Status.FAILED, Reason.PIDS
    if failed:
        return Status.FAILED, Reason.EXIT
    if output.problem is not None or (output.document is None and call is None):
        return Status.FAILED, Reason.OUTPUT
    return Status.SUCCESS, None


def diagnose(outcome: Outcome, output: Output, skill: LoadedSkill) -> Diagnosis | None:
    """The diagnosis of a run whose steps all went through; None for a success without a warning."""
    status, reason = ending(outcome, output, skill.call)
    detail = last_lines(outcome.stderr)
    if status is Status.SUCCESS:
        return _warning(outcome, skill, detail)
    if status is Status.CANCELLED:
        return Diagnosis(Category.CANCELLED, "cancelled by the caller", detail)
    if status is Status.TIMEOUT:
        summary = f"the skill was still running at its deadline, {skill.timeout:g} s after its start"
        return Diagnosis(Category.TIMEOUT, summary, detail, _network(outcome) or "raise its timeout, or let it do less")
    match reason:
        case Reason.OOM:
            summary, resolution = _memory(outcome, skill)
        case Reason.DISK:
            summary, resolution = _disk(outcome, skill)
        case Reason.PIDS:
            summary = f"the skill ran into the limit of {PIDS} processes and threads: {_exit(outcome)}"
            resolution = f"let it start fewer than {PIDS} at once; libraries may start one for each processor"
        case Reason.OUTPUT:
            summary = output.problem or "output.json is missing"
            resolution = "; ".join(filter(None, [*_noticed(outcome, skill).values(), _network(outcome)]))
        case Reason.EXIT:
            summary, resolution = _exit(outcome), _network(outcome)
            if resolution:
                return Diagnosis(Category.NETWORK, summary, detail, resolution)
            resolution = _answer(outcome, output, skill.call)
        case _:
            summary, resolution = f"the sandbox was lost: {outcome.detail}", ""
    return Diagnosis(Category(reason or status), summary, detail, resolution)


def _answered(outcome: Outcome, output: Output, call: Call | None) -> bool:
    """Whether a script's exit code is an answer: the call says so, there is a result, and no error that nothing caught.

    Python ends with 1 after a traceback, which many a script means as an answer.
    """
    if call is None or outcome.usage.exit_code not in call.ok_exit_codes:
        return False
    resulted = output.document is not None and output.problem is None and not output.blank
    return resulted and stderr.error_line(outcome.stderr) is None


def _answer(outcome: Outcome, output: Output, call: Call | None) -> str:
    """What helps a caller for whom an exit code is an answer."""
    code = outcome.usage.exit_code
    if call is None or outcome.detail or code is None or code > MAX_EXIT_CODE:
        return ""
    if code in call.ok_exit_codes and code:
        missing = f": {output.problem}" if output.problem else ""
        return f"exit code {code} is an answer only with a result, and without an error that nothing caught{missing}"
    if stderr.error_line(outcome.stderr):
        return ""
    return f"if exit code {code} is an answer of the script, name it among the call's ok_exit_codes"


def last_lines(text: str) -> str:
    """The end of what a skill wrote to stderr, as much of it as a reader needs."""
    lines = [line.rstrip() for line in text.splitlines()]
    kept = harmless("\n".join(lines[-DETAIL_LINES:])).strip("\n")
    kept = kept if len(kept) <= DETAIL_CHARACTERS else "..." + kept[3 - DETAIL_CHARACTERS :]
    error = harmless(stderr.error_line(text) or "")
    if error in kept:
        return kept
    # It stands before a long stack, or a long message.
    between = "\n...\n"
    return f"{error}{between}{kept[len(error) + len(between) - DETAIL_CHARACTERS :]}"


def _exit(outcome: Outcome) -> str:
    """How the skill's process ended: by an error that says what it is, else with what it said last."""
    if outcome.detail:
        return f"the skill broke its own sandbox: {outcome.detail}"
    code = outcome.usage.exit_code
    ended = f"exit code {'unknown' if code is None else code}{_signal(code)}"
    if error := stderr.error_line(outcome.stderr):
        return f"{harmless(error)} ({ended})"
    last = stderr.last_line(outcome.stderr)
    said = f"; its last line on stderr: {harmless(last)}" if last else ""
    return f"the skill ended with {ended}{said}"


def _signal(code: int | None) -> str:
    """A shell's exit code for a process that a signal ended is 128 and its number (POSIX, 2.8.2)."""
    try:
        return f", {signal.Signals(code - 128).name}" if code is not None and code > 128 else ""
    except ValueError:
        return ""


def _memory(outcome: Outcome, skill: LoadedSkill) -> tuple[str, str]:
    asked, code = format_bytes(skill.memory), outcome.usage.exit_code
    ended = f" (exit code {code})" if code is not None else ""
    if not outcome.oom_kills:
        return (
            f"the skill ran out of memory: Node's heap reached its own limit{ended}",
            f"raise resources.memory, which is {asked}: Node's limit follows the container's; {_figures(outcome)}",
        )
    peak, limit = outcome.usage.peak_memory, outcome.usage.memory_limit
    if peak and limit and peak < NEAR * limit:
        return (
            f"the kernel killed the skill for memory, below its container's limit "
            f"({_figures(outcome)}): the engine's host ran short of it{ended}",
            "run fewer skills at once, or give the host more memory (docs/planning.md)",
        )
    return (
        f"the skill ran out of memory, resources.memory is {asked}; {_figures(outcome)}{ended}",
        "raise resources.memory, or keep less in memory at once; the container's limit has room for files on top of it",
    )


def _figures(outcome: Outcome) -> str:
    """What the kernel counted, called what it is."""
    peak, limit, files = outcome.usage.peak_memory, outcome.usage.memory_limit, outcome.usage.file_memory
    if not peak:
        return "the container's peak is not known"
    of = f" of {format_bytes(limit)}" if limit else ""
    kept = f", files at the end {format_bytes(files)}" if files else ""
    return f"the container's peak was {format_bytes(peak)}{of}{kept}"


def _disk(outcome: Outcome, skill: LoadedSkill) -> tuple[str, str]:
    named = stderr.no_space(outcome.stderr) or ""
    # Longest first: /sandbox/tmp is not /tmp.
    places = outcome.full or tuple(place for place in (SANDBOX, SHM, TMP) if place in named)[:1]
    if not places and _too_large(outcome):
        size = format_bytes(skill.scratch)
        return (
            f"the skill wrote a file as large as a file may be, {size} (resources.scratch): {_exit(outcome)}",
            f"raise resources.scratch, which is {size}",
        )
    if not places:
        places = (SANDBOX, TMP, SHM)
        full = "a file system of the sandbox"
    else:
        full = " and ".join(_place(place, skill) for place in places)
    return f"the skill filled {full}: {_exit(outcome)}", "; ".join(_room(place, skill) for place in places)


def _too_large(outcome: Outcome) -> bool:
    """Whether a file reached the limit that its process has for one; who does not ask for the error gets a signal."""
    return stderr.too_large(outcome.stderr) or outcome.usage.exit_code == 128 + signal.SIGXFSZ


def _place(place: str, skill: LoadedSkill) -> str:
    if place == SANDBOX:
        return f"its scratch area {SANDBOX} of {format_bytes(skill.scratch)} (resources.scratch)"
    return f"{place} of {format_bytes(TMP_SIZE if place == TMP else SHM_SIZE)}"


def _room(place: str, skill: LoadedSkill) -> str:
    """Which setting gives a file system more room."""
    if place == SANDBOX:
        return f"raise resources.scratch, which is {format_bytes(skill.scratch)} for {SANDBOX}"
    size = format_bytes(TMP_SIZE if place == TMP else SHM_SIZE)
    return f"{place} is always {size}: use {SANDBOX} instead, whose size is resources.scratch"


def _network(outcome: Outcome) -> str:
    return NO_NETWORK if stderr.no_network(outcome.stderr) else ""


def _noticed(outcome: Outcome, skill: LoadedSkill) -> dict[Category, str]:
    """What happened during a run that exit code 0 does not tell."""
    noticed = {}
    if outcome.oom_kills:
        killed = "one of its processes" if outcome.oom_kills == 1 else f"{outcome.oom_kills} of its processes"
        noticed[Category.OOM] = (
            f"the kernel killed {killed} for memory; {_figures(outcome)}, resources.memory is "
            f"{format_bytes(skill.memory)}"
        )
    if outcome.full:
        full = " and ".join(_place(place, skill) for place in outcome.full)
        noticed[Category.DISK] = f"it filled {full}"
    if outcome.pids_refused:
        noticed[Category.PIDS] = f"it ran into the limit of {PIDS} processes and threads"
    return noticed


def _warning(outcome: Outcome, skill: LoadedSkill, detail: str) -> Diagnosis | None:
    noticed = _noticed(outcome, skill)
    if not noticed:
        return None
    rooms = [_room(place, skill) for place in outcome.full]
    resolution = ["raise resources.memory, or check each child's exit code"] if outcome.oom_kills else []
    summary = f"the skill succeeded, but {'; and '.join(noticed.values())}"
    return Diagnosis(next(iter(noticed)), summary, detail, "; ".join([*resolution, *rooms]))
