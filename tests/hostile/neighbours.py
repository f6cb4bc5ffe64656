"""One skill takes all it can get of something that the kernel counts; another one, beside it, must not notice."""

from __future__ import annotations

import json
import threading
import uuid
from typing import TYPE_CHECKING

from skillbox_core import CancelToken, RunOptions, RunRequest
from tests.hostile.skips import Skipped
from tests.hostile.trial import Trial

if TYPE_CHECKING:
    from tests.hostile.bench import Bench

_BOUND = 60.0
_TAKES = """
import ctypes, errno, os, signal, socket, sys, time
libc, kept = ctypes.CDLL(None, use_errno=True), []
def failed(code):
    return errno.errorcode[ctypes.get_errno()] if code == -1 else "none"
def all_of(take):
    "Takes until the kernel gives no more: how many, and what it said."
    for number in range({most}):
        try:
            kept.append(take())
        except OSError as error:
            return number, errno.errorcode[error.errno]
    return {most}, "none"
"""
_GREEDY = _TAKES + "{code}\nprint('taken', *got, flush=True)\ntime.sleep(60)\n"
_MODEST = _TAKES + "{code}\nimport json\njson.dump(got, open('/sandbox/out/output.json', 'w'))\n"


def quota(bench: Bench, trial: Trial) -> None:
    """`take` gets all it can and holds it. `need` gives the same beside it as alone."""
    spec = trial.case.spec
    greedy, modest = (f"h-{uuid.uuid4().hex[:12]}" for _ in range(2))
    for name, frame, code in ((greedy, _GREEDY, spec["take"]), (modest, _MODEST, spec["need"])):
        md = f"---\nname: {name}\ndescription: A hostile case.\nlang: python\n---\n"
        text = frame.format(code=code, most=spec.get("most", 100_000))
        bench.push(name, md, {"name": "main.py", "text": text})
    cancel, taken, said = CancelToken(), threading.Event(), []

    def hear(_stream: str, line: str) -> None:
        said.append(line)
        taken.set()

    def take() -> None:
        try:
            result = bench.runner.run(RunRequest(skill=greedy), RunOptions(timeout="55s"), on_log=hear, cancel=cancel)
            trial.expect(result.status == "cancelled", f"the greedy one ended by itself: {result.error}: {said}")
        finally:
            taken.set()

    with bench.watched(trial, store_may_change=True, bound=_BOUND):
        alone = bench.runner.run(RunRequest(skill=modest))
        other = threading.Thread(target=take)
        other.start()
        try:
            taken.wait()
            beside = bench.runner.run(RunRequest(skill=modest))
        finally:
            cancel.cancel()
            other.join()
    trial.said = f"{' '.join(said)}; beside it {json.dumps(beside.output)}, alone {json.dumps(alone.output)}"[:200]
    if said[:1] == ["taken 0 none"]:
        raise Skipped("this kernel does not have it")
    trial.expect(bool(said) and said[0].startswith("taken "), f"nothing was taken: {said}")
    trial.expect(alone.ok and beside.ok, f"the modest one: {alone.error or beside.error}")
    trial.expect(beside.output == alone.output, "it was denied to the one beside")
    trial.expect(alone.output == spec["gives"], f"alone it gives {alone.output!r}")
    bench.next_run(trial)
