"""The bench: runs one case against a real installation, and says whether its promise was kept."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from skillbox_core import Runner, RunRequest
from skillbox_core.installation import Installation
from tests.hostile import archives, kinds, waits
from tests.hostile.cases import Case
from tests.hostile.ground import Ground, Witness
from tests.hostile.inside import Inside
from tests.hostile.skips import Skipped, needed
from tests.hostile.trial import Outcome, Trial

HARMLESS = "harmless"
_HARMLESS_MD = f"---\nname: {HARMLESS}\ndescription: Does no harm.\nlang: bash\n---\n"
_HARMLESS_MAIN = 'echo \'{"ok": true}\' >"$SANDBOX_OUTPUT"\n'
_TOGETHER_BOUND = 90.0


def run_case(case: Case, runner: Runner) -> Outcome:
    """Runs one case by itself on a runner's engine, registry and database."""
    with Bench(runner) as bench:
        return bench.run(case)


class Bench:
    """Runs cases on one installation, one after the other.

    Args:
        runner: Whose settings, engine and stores are used. Nothing else may use its home folder meanwhile.
        together: Cases that may share a sandbox (probes, and what the engine says): it is made when the first
            of them is asked for. Without this each has a sandbox of its own.
        inside: Whether every sandbox is inside a prepared environment.
        waiting: Whether every sandbox has waited for its job.
    """

    def __init__(
        self, runner: Runner, together: list[Case] | None = None, *, inside: bool = False, waiting: bool = False
    ) -> None:
        self.engine = Witness(runner.installation.settings.engine_url)
        parts = runner.installation
        settings = parts.settings.model_copy(update=waits.SETTINGS if waiting else {})
        self.runner = Runner(Installation(settings, self.engine, parts.registry, parts.executions, parts.artifacts))
        self.ground = Ground(self.runner, self.engine)
        self.together = [case.under(parts.settings.runtime) for case in together or ()]
        self._shared: dict[str, Any] = {}
        self._inside, self._waiting = inside, waiting
        self._environment: Inside | None = None
        self._words = {
            "outside": str(self.ground.outside),
            "long": "x" * 256,
            "long-utf8": "é" * 128,
            "very-long": "x" * 60_000,
        }

    def __enter__(self) -> Bench:
        self.push(HARMLESS, _HARMLESS_MD, {"name": "main.sh", "text": _HARMLESS_MAIN})
        return self

    def __exit__(self, *_: object) -> None:
        if self._environment:
            self._environment.close()
        self.ground.close()

    def run(self, case: Case) -> Outcome:
        """Runs a case and everything that must hold after it."""
        case = case.under(self.runner.installation.settings.runtime)
        trial = Trial(case)
        try:
            needed(case, self.engine)
            with ExitStack() as stack:
                if self._inside:
                    # Not earlier: what a hardening that is switched off breaks here is this case's fault.
                    self._environment = self._environment or Inside(self.runner.installation)
                    stack.enter_context(self._environment.used())
                if self._waiting:
                    stack.enter_context(waits.used())
                for target, value in case.spec.get("patched", {}).items():
                    stack.enter_context(patch(target, value))
                kinds.KINDS[case.kind](self, trial)
        except Skipped as why:
            return Outcome(case, str(why), skipped=True)
        except Exception as error:  # no case may end in an error that is not the project's own
            trial.faults.append(f"it raised {type(error).__name__}: {error}")
        return Outcome(case, trial.said, tuple(trial.faults), False, trial.seconds, trial.memory)

    @contextmanager
    def watched(self, trial: Trial, *, store_may_change: bool, bound: float) -> Iterator[None]:
        """The attack itself: its time, its memory, and everything that must hold after any."""
        began = time.monotonic()
        room = trial.case.spec.get("memory", 64) * 1024**2
        with self.ground.watched(trial.faults, store_may_change=store_may_change, memory_room=room):
            try:
                yield
            finally:
                trial.seconds = time.monotonic() - began
        trial.memory = self.ground.memory
        if self._environment:
            trial.faults += self._environment.missing(self.engine.seen)
        if self._waiting and not trial.case.spec.get("never_waits"):
            trial.faults += waits.missing(self.engine.seen)
        trial.expect(trial.seconds <= bound, f"it took {trial.seconds:.1f} s, the bound is {bound:g} s")

    def next_run(self, trial: Trial) -> None:
        """Whatever came before, a harmless skill runs."""
        with self.ground.watched(trial.faults, store_may_change=True):
            result = self.runner.run(RunRequest(skill=HARMLESS, env={"API_KEY": self.ground.secret}))
        trial.expect(result.output == {"ok": True}, f"the next harmless run: {result.status}, {result.error}")

    def shared(self, key: str, trial: Trial, act: Callable[[], Any]) -> Any:
        """What several cases look at: done, and watched, for the first of them."""
        if key in self._shared:
            return self._shared[key]
        with self.watched(trial, store_may_change=True, bound=_TOGETHER_BOUND):
            got = act()
        self.next_run(trial)
        if self.together:
            self._shared[key] = got
        return got

    def runner_with(self, changes: Mapping[str, Any]) -> Runner:
        """The bench's runner, with some settings changed."""
        if not changes:
            return self.runner
        other = Installation.from_settings(self.runner.installation.settings.model_copy(update=dict(changes)))
        return Runner(Installation(other.settings, self.engine, other.registry, other.executions, other.artifacts))

    def push(self, name: str, md: str, main: Mapping[str, Any]) -> None:
        """Stores a skill of one script, which asks for a package if it is to be inside an environment."""
        own_image = re.search(r"(?m)^image:", md)
        asks = self._environment.files if self._environment and main["name"] == "main.py" and not own_image else ()
        made = {"base": False, "add": [{"name": "SKILL.md", "text": md}, main, *asks]}
        with self.archive_of(made, name) as path:
            self.runner.installation.registry.push("default", path)

    @contextmanager
    def archive_of(self, made: Mapping[str, Any], name: str) -> Iterator[Path]:
        """A described archive as a file (`archives.build`)."""
        path = self.ground.outside.parent / f"{uuid.uuid4().hex}.zip"
        try:
            archives.build(self.filled(made), path, name)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def filled(self, value: Any) -> Any:
        """A part of a case's data with `{outside}` and the like put in."""
        if isinstance(value, str):
            for word, text in self._words.items():
                value = value.replace("{" + word + "}", text)
            return value
        if isinstance(value, Mapping):
            return {key: self.filled(item) for key, item in value.items()}
        return [self.filled(item) for item in value] if isinstance(value, list) else value
