"""`make mutation`: switches each hardening off in turn, in a copy of the project, and proves that a test notices."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.cases import INSIDE, load_cases, sandboxed
from tests.mutation.hardenings import Hardening, load, noticed_by
from tests.mutation.workbench import PASSED, Verdict, Workbench, prepare

AT_ONCE = 2


def main() -> int:
    """Runs the chosen hardenings; the exit code is 1 when one can be switched off without any test noticing."""
    parser = argparse.ArgumentParser(prog="make mutation", description=__doc__)
    parser.add_argument(
        "-k", default="", metavar="WORDS", help="only those whose name holds one of these, comma-separated"
    )
    parser.add_argument(
        "--inside-environment",
        action="store_true",
        help="those of hostile cases with a sandbox: what they notice outside an environment they must notice inside",
    )
    arguments = parser.parse_args()
    words = [word for word in arguments.k.split(",") if word]
    hardenings = load()
    if arguments.inside_environment:
        hardenings = noticed_by(hardenings, {case.id for case in sandboxed(load_cases())})
        os.environ[INSIDE] = "1"
    chosen = [h for h in hardenings if not words or any(word in f"{h.group}/{h.name}" for word in words)]
    began, sound, unnoticed = time.monotonic(), False, []
    prepare()
    print(f"{'HARDENING':62} {'NOTICED BY':120} TIME")
    # What fails with everything on would notice anything.
    everything = tuple(dict.fromkeys(name for hardening in chosen for name in hardening.noticed))
    control = Hardening("control", "everything is on", "pyproject.toml", (), everything)
    for hardening, verdict in verdicts([control, *chosen]):
        if hardening is control:
            sound = not verdict.noticed and verdict.said.startswith(PASSED)
        elif not verdict.noticed:
            unnoticed.append(hardening)
        _show(hardening, verdict, "" if verdict.noticed or hardening is control else "NOT NOTICED: ")
    untold = 0
    if arguments.inside_environment:
        asked, unnoticed = len(unnoticed), list(_noticed_outside(unnoticed))
        untold = asked - len(unnoticed)
        print(f"\n{untold} no case can tell on this kernel, inside or outside: tests beside the cases do")
    of, seconds = len(chosen) - untold, time.monotonic() - began
    print(f"\n{of - len(unnoticed)} of {of} hardenings are missed when they are gone, {seconds:.0f} s")
    if not sound:
        print("the control failed: what a test noticed may be nothing")
    return 0 if sound and not unnoticed else 1


def _noticed_outside(hardenings: list[Hardening]) -> Iterator[Hardening]:
    """Those that the environment hides. Others no case can tell on this kernel: a test beside the cases does."""
    del os.environ[INSIDE]
    for hardening, verdict in verdicts(hardenings):
        _show(hardening, verdict, "NOTICED OUTSIDE ONLY: " if verdict.noticed else "outside neither: ")
        if verdict.noticed:
            yield hardening


def _show(hardening: Hardening, verdict: Verdict, mark: str) -> None:
    name, said = f"{hardening.group}/{hardening.name}", mark + verdict.said
    print(f"{name:62.62} {said:120.120} {verdict.seconds:5.1f} s", flush=True)


def verdicts(chosen: list[Hardening]) -> Iterator[tuple[Hardening, Verdict]]:
    """Each hardening with what became of it, as they end; a few at a time."""
    with tempfile.TemporaryDirectory(prefix="skillbox-mutation-") as folder:
        free = [Workbench(Path(folder) / str(number)) for number in range(AT_ONCE)]
        running: dict[int, tuple[Workbench, Hardening]] = {}
        waiting = list(reversed(chosen))
        while waiting or running:
            if waiting and free:
                bench, hardening = free.pop(), waiting.pop()
                try:
                    running[bench.switch_off(hardening)] = (bench, hardening)
                except LookupError as error:
                    free.append(bench)
                    yield hardening, Verdict(False, str(error), 0.0)
                continue
            pid, status = os.wait()
            bench, hardening = running.pop(pid)
            yield hardening, bench.switch_on(status)
            free.append(bench)


if __name__ == "__main__":
    sys.exit(main())
