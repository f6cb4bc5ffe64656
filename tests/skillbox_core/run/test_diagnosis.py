"""Why a run failed: each cause is called by its name, with figures that don't contradict it, and with what helps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skillbox_core.models import Call, Diagnosis, Ending, LoadedSkill, Outcome, Output, Usage
from skillbox_core.run.diagnosis import DETAIL_CHARACTERS, DETAIL_LINES, diagnose, ending, last_lines
from skillbox_core.status import Category, Reason, Status
from tests.skillbox_core.run.test_stderr import NODE_HEAP, PYTHON

MI = 1024**2
SKILL = LoadedSkill(
    name="s", version="1.0.0", digest="", lang="python", entrypoint="main.py", image="i", timeout=2.5, cpu_quota=1,
    memory=256 * MI, scratch=64 * MI,
)  # fmt: skip
DONE = Output(document="{}")


def ended(code: int | None = 0, stderr: str = "", *, peak: int | None = 100, **details: object) -> Outcome:
    usage = Usage(code, peak and peak * MI, 0.1, 400 * MI, 8 * MI)
    return Outcome(Ending.EXITED, usage=usage, stderr=stderr, collectable=True, **details)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "output", "reason", "category", "summary", "resolution"),
    [
        (ended(1, PYTHON), DONE, Reason.EXIT, Category.EXIT, "ValueError: bad row 17 (exit code 1)", ""),
        (ended(7), DONE, Reason.EXIT, Category.EXIT, "the skill ended with exit code 7", ""),
        (ended(None), DONE, Reason.EXIT, Category.EXIT, "the skill ended with exit code unknown", ""),
        (ended(139), DONE, Reason.EXIT, Category.EXIT, "the skill ended with exit code 139, SIGSEGV", ""),
        (ended(255), DONE, Reason.EXIT, Category.EXIT, "the skill ended with exit code 255", ""),
        (ended(1, "no such column\n"), DONE, Reason.EXIT, Category.EXIT,
         "the skill ended with exit code 1; its last line on stderr: no such column", ""),
        (ended(1, "\x1b[31mred\n"), DONE, Reason.EXIT, Category.EXIT,
         "the skill ended with exit code 1; its last line on stderr: \\x1b[31mred", ""),
        (ended(6, "curl: (6) Could not resolve host: x"), DONE, Reason.EXIT, Category.NETWORK,
         "the skill ended with exit code 6; its last line on stderr: curl: (6) Could not resolve host: x",
         "skills have no network"),
        (ended(0, "curl: (6) Could not resolve host: x"), Output(problem="output.json is missing"), Reason.OUTPUT,
         Category.OUTPUT, "output.json is missing", "skills have no network"),
        (ended(0, oom_kills=1), Output(problem="output.json is missing"), Reason.OUTPUT, Category.OUTPUT,
         "output.json is missing", "the kernel killed one of its processes for memory"),
        (ended(137, oom_kills=1, peak=399), DONE, Reason.OOM, Category.OOM,
         "the skill ran out of memory, resources.memory is 256Mi; the container's peak was 399Mi of 400Mi, "
         "files at the end 8Mi (exit code 137)", "raise resources.memory"),
        (ended(137, oom_kills=1, peak=None), DONE, Reason.OOM, Category.OOM,
         "the skill ran out of memory, resources.memory is 256Mi; the container's peak is not known (exit code 137)",
         "raise resources.memory"),
        (ended(137, oom_kills=1, peak=100), DONE, Reason.OOM, Category.OOM,
         "the kernel killed the skill for memory, below its container's limit (the container's peak was 100Mi of "
         "400Mi, files at the end 8Mi): the engine's host ran short of it (exit code 137)", "docs/planning.md"),
        (ended(134, NODE_HEAP, peak=150), DONE, Reason.OOM, Category.OOM,
         "the skill ran out of memory: Node's heap reached its own limit (exit code 134)", "raise resources.memory"),
        (Outcome(Ending.LOST, oom_kills=1), Output(), Reason.OOM, Category.OOM,
         "the skill ran out of memory, resources.memory is 256Mi; the container's peak is not known",
         "raise resources.memory"),
        (ended(1, PYTHON, full=("/sandbox",)), DONE, Reason.DISK, Category.DISK,
         "the skill filled its scratch area /sandbox of 64Mi (resources.scratch): ValueError: bad row 17 (exit code 1)",
         "raise resources.scratch, which is 64Mi for /sandbox"),
        (ended(1, full=("/tmp", "/dev/shm")), DONE, Reason.DISK, Category.DISK,
         "the skill filled /tmp of 64Mi and /dev/shm of 16Mi: the skill ended with exit code 1",
         "/tmp is always 64Mi: use /sandbox instead, whose size is resources.scratch; /dev/shm is always 16Mi"),
        (ended(1, "cp: error writing '/dev/shm/x': No space left on device"), DONE, Reason.DISK, Category.DISK,
         "the skill filled /dev/shm of 16Mi: the skill ended with exit code 1; its last line on stderr: "
         "cp: error writing '/dev/shm/x': No space left on device", "/dev/shm is always 16Mi"),
        (ended(1, "Error: ENOSPC: no space left on device, write"), DONE, Reason.DISK, Category.DISK,
         "the skill filled a file system of the sandbox: the skill ended with exit code 1; its last line on stderr: "
         "Error: ENOSPC: no space left on device, write", "raise resources.scratch, which is 64Mi for /sandbox"),
        (ended(153), DONE, Reason.DISK, Category.DISK,
         "the skill wrote a file as large as a file may be, 64Mi (resources.scratch): "
         "the skill ended with exit code 153, SIGXFSZ", "raise resources.scratch, which is 64Mi"),
        (ended(1, "RuntimeError: can't start new thread", pids_refused=3), DONE, Reason.PIDS, Category.PIDS,
         "the skill ran into the limit of 128 processes and threads: the skill ended with exit code 1; "
         "its last line on stderr: RuntimeError: can't start new thread", "fewer than 128"),
        (Outcome(Ending.LOST, detail="its container was removed by someone else"), Output(), Reason.INFRASTRUCTURE,
         Category.INFRASTRUCTURE, "the sandbox was lost: its container was removed by someone else", ""),
        (Outcome(Ending.DEADLINE), Output(), None, Category.TIMEOUT,
         "the skill was still running at its deadline, 2.5 s after its start", "raise its timeout"),
        (Outcome(Ending.DEADLINE, stderr="retrying: gaierror"), Output(), None, Category.TIMEOUT,
         "the skill was still running at its deadline, 2.5 s after its start", "skills have no network"),
        (Outcome(Ending.CANCELLED), Output(), None, Category.CANCELLED, "cancelled by the caller", ""),
    ],
)  # fmt: skip
def test_each_cause_has_its_diagnosis(
    outcome: Outcome, output: Output, reason: Reason | None, category: Category, summary: str, resolution: str
) -> None:
    found = diagnose(outcome, output, SKILL)
    assert found is not None
    assert (ending(outcome, output)[1], found.category, found.summary) == (reason, category, summary)
    assert resolution in found.resolution
    assert bool(resolution) == bool(found.resolution)


@pytest.mark.parametrize(
    ("outcome", "category", "summary", "resolution"),
    [
        (ended(0, oom_kills=1, peak=399), Category.OOM,
         "the skill succeeded, but the kernel killed one of its processes for memory; the container's peak was "
         "399Mi of 400Mi, files at the end 8Mi, resources.memory is 256Mi", "check each child's exit code"),
        (ended(0, full=("/tmp",)), Category.DISK, "the skill succeeded, but it filled /tmp of 64Mi",
         "resources.scratch"),
        (ended(0, pids_refused=1), Category.PIDS,
         "the skill succeeded, but it ran into the limit of 128 processes and threads", ""),
    ],
)  # fmt: skip
def test_what_happened_during_a_success_is_a_warning(
    outcome: Outcome, category: Category, summary: str, resolution: str
) -> None:
    found = diagnose(outcome, DONE, SKILL)
    assert found is not None
    assert (ending(outcome, DONE), found.category, found.summary) == ((Status.SUCCESS, None), category, summary)
    assert resolution in found.resolution


@pytest.mark.parametrize("stderr", ["", "a warning\n", PYTHON, "getaddrinfo EAI_AGAIN", "No space left on device"])
def test_a_success_that_only_printed_something_has_no_diagnosis(stderr: str) -> None:
    assert diagnose(ended(0, stderr), DONE, SKILL) is None


def called(**fields: object) -> LoadedSkill:
    return replace(SKILL, call=Call(script="x.py", **fields))  # type: ignore[arg-type]


FOUND = Output(document='["finding"]')


@pytest.mark.parametrize(
    ("outcome", "output", "codes", "status"),
    [
        (ended(0), FOUND, {0}, Status.SUCCESS),
        (ended(0), Output(), {0}, Status.SUCCESS),
        (ended(0, PYTHON), FOUND, {0}, Status.SUCCESS),
        (ended(1), FOUND, {0, 1}, Status.SUCCESS),
        (ended(3), FOUND, {0, 1, 3}, Status.SUCCESS),
        (ended(0), FOUND, {1}, Status.SUCCESS),
        (ended(1), FOUND, {0}, Status.FAILED),
        (ended(2), FOUND, {0, 1}, Status.FAILED),
        (ended(1), Output(), {0, 1}, Status.FAILED),
        (ended(1), Output(document="[]", blank=True), {0, 1}, Status.FAILED),
        (ended(1), Output(document="[]"), {0, 1}, Status.SUCCESS),
        (ended(1), Output(problem="standard output is not JSON"), {0, 1}, Status.FAILED),
        (ended(1, PYTHON), FOUND, {0, 1}, Status.FAILED),
        (ended(1, "a warning\n"), FOUND, {0, 1}, Status.SUCCESS),
        (ended(137), FOUND, {0, 1}, Status.FAILED),
        (ended(None), FOUND, {0, 1}, Status.FAILED),
        (ended(0), Output(problem="standard output is not JSON"), {0}, Status.FAILED),
        (Outcome(Ending.DEADLINE), FOUND, {0, 1}, Status.TIMEOUT),
        (Outcome(Ending.CANCELLED), FOUND, {0, 1}, Status.CANCELLED),
        (Outcome(Ending.LOST, usage=Usage(1)), FOUND, {0, 1}, Status.FAILED),
    ],
)
def test_an_exit_code_is_an_answer_where_the_call_says_so_and_there_is_a_result(
    outcome: Outcome, output: Output, codes: set[int], status: Status
) -> None:
    skill = called(ok_exit_codes=codes)
    assert ending(outcome, output, skill.call)[0] is status
    assert (diagnose(outcome, output, skill) is None) == (status is Status.SUCCESS)


@pytest.mark.parametrize(
    ("outcome", "codes", "resolution"),
    [
        (ended(1), {0}, "if exit code 1 is an answer of the script, name it among the call's ok_exit_codes"),
        (ended(1), {0, 1}, "exit code 1 is an answer only with a result, and without an error that nothing caught"),
        (ended(1, PYTHON), {0}, ""),
        (ended(137), {0}, ""),
    ],
)
def test_a_caller_is_told_how_an_exit_code_becomes_an_answer(
    outcome: Outcome, codes: set[int], resolution: str
) -> None:
    found = diagnose(outcome, Output(), called(ok_exit_codes=codes))
    assert found is not None
    assert found.resolution == resolution


def test_the_detail_is_the_end_of_stderr_and_bounded() -> None:
    found = diagnose(ended(1, PYTHON), DONE, SKILL)
    assert found == Diagnosis(Category.EXIT, "ValueError: bad row 17 (exit code 1)", PYTHON.strip())
    many = last_lines("".join(f"line {number}\n" for number in range(1000)))
    assert many.splitlines() == [f"line {number}" for number in range(1000 - DETAIL_LINES, 1000)]
    long = last_lines("x" * 100_000 + "end")
    assert (len(long), long[:4], long[-4:]) == (DETAIL_CHARACTERS, "...x", "xend")
    assert last_lines("\x1b[31mred") == "\\x1b[31mred"


@pytest.mark.parametrize("after", ["    at native code\n" * 30, "    " + "x" * 3000 + "\n"])
def test_the_errors_own_line_is_in_the_detail_however_much_comes_after_it(after: str) -> None:
    detail = last_lines(f"ValueError\nError: bad row 17\n    at first\n{after}")
    assert detail.startswith("Error: bad row 17\n...\n")
    assert detail.endswith(after.splitlines()[-1].strip()[-100:])
    assert len(detail) <= DETAIL_CHARACTERS
