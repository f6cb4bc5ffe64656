"""The bench: runs one case against a real installation, and says whether its promise was kept."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from skillbox_core import Runner, RunOptions, RunRequest, RunResult
from skillbox_core.errors import SkillboxError
from skillbox_core.sandbox.output import parse_output_document, read_output
from tests.hostile import archives, scenarios, tars
from tests.hostile.cases import LANGS, Case
from tests.hostile.ground import Ground, Witness
from tests.hostile.images import made_image
from tests.hostile.skips import Skipped, needed

RUN_BOUND = 30.0
"""Seconds beyond its own deadline in which a run must have its final status, unless the case says another bound."""
INTAKE_BOUND = 10.0

HARMLESS = "harmless"
_HARMLESS_MD = "---\nname: harmless\ndescription: Does no harm.\nlang: bash\n---\n"
_HARMLESS_MAIN = 'echo \'{"ok": true}\' >"$SANDBOX_OUTPUT"\n'


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        said: What happened, in a few words: a status with its reason, an error, or why it was skipped.
        faults: Every promise that was not kept; empty when all held.
        seconds: How long the case took, without what was prepared for it.
        memory: Bytes that the worker took more at its peak.
    """

    case: Case
    said: str
    faults: tuple[str, ...] = ()
    skipped: bool = False
    seconds: float = 0.0
    memory: int = 0

    @property
    def held(self) -> bool:
        """Whether the promise was kept."""
        return not self.faults and not self.skipped


@dataclass
class _Trial:
    """A case while it runs."""

    case: Case
    faults: list[str] = field(default_factory=list)
    said: str = ""
    memory: int = 0

    def expect(self, condition: bool, fault: str) -> None:
        if not condition:
            self.faults.append(fault)

    def expect_words(self, key: str, text: str) -> None:
        for word in self.case.words(key):
            self.expect(word in text, f"{key}: {word!r} is not in {text[:400]!r}")


def run_case(case: Case, runner: Runner) -> Outcome:
    """Runs one case by itself on a runner's engine, registry and database."""
    with Bench(runner) as bench:
        return bench.run(case)


class Bench:
    """Runs cases on one installation, one after the other.

    Args:
        runner: Whose settings, engine and stores are used. Nothing else may use its home folder meanwhile.
        together: Probes of one table, to be run in one sandbox when the first of them is asked for; without
            them each probe has a sandbox of its own.
    """

    def __init__(self, runner: Runner, together: list[Case] | None = None) -> None:
        self.engine = Witness(runner.settings.engine_url)
        self.runner = Runner(runner.settings, self.engine, runner.registry, runner.executions, runner.artifacts)
        self.ground = Ground(self.runner, self.engine)
        self._together = [case for case in together or () if case.kind in ("probe", "engine")]
        self._probed: dict[str, Any] = {}
        self.values = {
            "outside": str(self.ground.outside),
            "long": "x" * 256,
            "long-utf8": "é" * 128,
            "very-long": "x" * 60_000,
        }

    def __enter__(self) -> Bench:
        self._push(HARMLESS, {"base": False, "add": [
            {"name": "SKILL.md", "text": _HARMLESS_MD}, {"name": "main.sh", "text": _HARMLESS_MAIN}]})  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.ground.close()

    def run(self, case: Case) -> Outcome:
        """Runs a case and everything that must hold after it."""
        trial = _Trial(case)
        began = time.monotonic()
        try:
            needed(case, self.engine)
            act: Callable[[_Trial], float] = getattr(self, f"_{case.kind}")
            with ExitStack() as stack:
                for target, value in case.spec.get("patched", {}).items():
                    stack.enter_context(patch(target, value))
                seconds = act(trial)
        except Skipped as why:
            return Outcome(case, str(why), skipped=True, seconds=time.monotonic() - began)
        except Exception as error:  # no case may end in an error that is not the project's own
            trial.faults.append(f"it raised {type(error).__name__}: {error}")
            seconds = time.monotonic() - began
        return Outcome(case, trial.said, tuple(trial.faults), False, seconds, trial.memory)

    # One method for each kind of case; each gives the seconds that the attack itself took.

    def _archive(self, trial: _Trial) -> float:
        return self._intake(trial, trial.case.spec)

    def _manifest(self, trial: _Trial) -> float:
        spec = trial.case.spec
        head = f"---\nname: {{name}}\ndescription: A hostile case.\n{_repeated(spec, 'front')}\n---\nDo it.\n"
        md = _repeated(spec, "md") if {"md", "md_repeat"} & spec.keys() else head
        made: dict[str, Any] = {"md": md, **spec.get("archive", {})}
        if "main" in spec:
            made["main"] = spec["main"]
        if "md_hex" in spec:
            made |= {"base": False, "add": [{"name": "SKILL.md", "hex": spec["md_hex"]}]}
        return self._intake(trial, made)

    def _intake(self, trial: _Trial, made: Mapping[str, Any]) -> float:
        """Pushes an archive: refused without a trace, or stored as the case says."""
        spec, name = trial.case.spec, f"h-{uuid.uuid4().hex[:12]}"
        stored = spec.get("status") == "stored"
        runner = self._runner_of(spec)
        with self._archive_of(made, name) as path:
            with self._timed(trial, stored, INTAKE_BOUND) as clock:
                try:
                    archive = runner.registry.push("default", path).archive
                except SkillboxError as error:
                    trial.said = f"refused: {error}"
                    trial.expect(not stored, f"it was refused: {error}")
                    trial.expect_words("says", str(error))
                    trial.expect(str(error).isprintable() and len(str(error)) < 2000, "the error is no short sentence")
                    return clock()
            trial.said = "stored"
            trial.expect(stored, "it was stored")
            for warning in trial.case.words("warns"):
                trial.expect(any(warning in w for w in archive.warnings), f"no warning of {warning}")
            modes = {file.path: f"{file.mode:o}" for file in archive.files}
            trial.expect(spec.get("modes", {}).items() <= modes.items(), f"modes are {modes}")
            trial.expect(set(spec.get("files", ())) <= modes.keys(), f"files are {sorted(modes)}")
            metadata = dict(archive.manifest.metadata)
            trial.expect(spec.get("metadata", {}).items() <= metadata.items(), f"metadata is {metadata}")
        if "runs" in spec:
            expected = {"status": spec["runs"], **({"output": spec["output"]} if "output" in spec else {})}
            self._ran(trial, runner, RunRequest(skill=name, env={"API_KEY": self.ground.secret}), expected=expected)
        return clock()

    def _skill(self, trial: _Trial) -> float:
        spec, script = trial.case.spec, trial.case.script
        assert script is not None
        lang = LANGS[script.suffix]
        with ExitStack() as stack:
            runner = self._runner_of(spec)
            front = spec.get("front", "")
            if "image" in spec:
                image = stack.enter_context(made_image(self.engine, runner.settings, spec["image"]))
                front += f"\nimage: {image}"
                settings = {"image_allowlist": (*runner.settings.image_allowlist, image)}
                runner = self._runner_of({**spec, "settings": {**spec.get("settings", {}), **settings}})
            name = f"h-{uuid.uuid4().hex[:12]}"
            md = f"---\nname: {name}\ndescription: A hostile case.\nlang: {lang}\n{front}\n---\n"
            main = {"name": f"main{script.suffix}", "text": script.read_text("utf-8")}
            self._push(name, {"base": False, "add": [{"name": "SKILL.md", "text": md}, main]})
            request = RunRequest(skill=name, input=spec.get("input"), env={"API_KEY": self.ground.secret})
            return self._ran(trial, runner, request, on_line=spec.get("meddle"))

    def _ran(
        self, trial: _Trial, runner: Runner, request: RunRequest, *, expected: Mapping[str, Any] | None = None,
        on_line: str | None = None,
    ) -> float:  # fmt: skip
        """Runs a skill, compares its result, its record and what the engine kept, and proves that the next one runs."""
        spec = expected or trial.case.spec
        options = RunOptions(**{"timeout": "20s", "cpu": "1", **trial.case.spec.get("options", {})})
        meddler = scenarios.Meddler(self.engine, request.skill, on_line)
        with self._timed(trial, True, trial.case.spec.get("within", RUN_BOUND)) as clock:
            result = runner.run(request, options, on_log=meddler, cancel=meddler.cancel)
        trial.said = f"{result.status}{f', {result.reason}' if result.reason else ''}: {result.error or 'no error'}"
        self._compare(trial, spec, result)
        row = runner.executions.get("default", result.execution_id)
        trial.expect(row.status == result.status, f"the record says {row.status}")
        trial.expect(row.finished_at is not None, "the record is not closed")
        trial.expect(self.ground.secret not in str(row.model_dump()), "the secret is in the record")
        trial.expect(max(self.engine.log_sizes, default=0) <= 2**21, f"the engine kept {self.engine.log_sizes} of log")
        self._next_run(trial)
        return clock()

    def _compare(self, trial: _Trial, spec: Mapping[str, Any], result: RunResult) -> None:
        statuses = (spec["status"],) if isinstance(spec["status"], str) else spec["status"]
        trial.expect(result.status in statuses, f"the status is {result.status} ({result.reason}): {result.error}")
        reasons = (spec["reason"],) if isinstance(spec.get("reason"), str) else spec.get("reason")
        if reasons and result.status == "failed":
            trial.expect(result.reason in reasons, f"the reason is {result.reason}: {result.error}")
        if "output" in spec:
            trial.expect(result.output == spec["output"], f"the output is {result.output!r}")
        if "files" in spec:
            trial.expect(sorted(result.files_list) == sorted(spec["files"]), f"files are {result.files_list[:10]}")
        if spec is trial.case.spec:
            trial.expect_words("says", result.error or "")
            trial.expect_words("logs", result.logs)
        limit = self.runner.settings.max_output_size
        trial.expect(len(result.logs.encode()) <= limit + 128 * 1024, f"{len(result.logs)} characters of logs are kept")
        trial.expect("\0" not in result.logs, "there is a NUL in the logs")
        trial.expect(bool(result.model_dump_json()), "the result is no JSON")

    def _probe(self, trial: _Trial) -> float:
        case = trial.case
        rows = [c for c in self._together if c.kind == "probe" and c.script == case.script] or [case]
        got, seconds = self._once(str(case.script), trial, lambda: self._probe_together(trial, rows))
        value = got.get(case.id)
        if isinstance(value, dict) and "skip" in value:
            raise Skipped(str(value["skip"]))
        spec = case.spec
        trial.said = f"gave {value!r}"[:200]
        if kind := spec.get("other_than_hosts"):
            self._beside_the_engine()
            trial.expect(value != str(Path(f"/proc/self/ns/{kind}").readlink()), f"the {kind} namespace is the host's")
        elif "gives_exactly" in spec:
            trial.expect(value == spec["gives_exactly"], f"it gave {value!r}")
        else:
            wanted = spec.get("gives", "EPERM")
            wanted = wanted if isinstance(wanted, list) else [wanted]
            trial.expect(any(value == w and type(value) is type(w) for w in wanted), f"it gave {value!r}, not {wanted}")
        return seconds

    def _probe_together(self, trial: _Trial, rows: list[Case]) -> Any:
        script = trial.case.script
        assert script is not None
        name = f"h-{uuid.uuid4().hex[:12]}"
        md = f"---\nname: {name}\ndescription: Probes.\nlang: python\n---\n"
        self._push(name, {"base": False, "add": [
            {"name": "SKILL.md", "text": md}, {"name": "main.py", "text": script.read_text("utf-8")}]})  # fmt: skip
        code = {row.id: row.spec["code"] for row in rows}
        request = RunRequest(skill=name, input=code, env={"API_KEY": self.ground.secret})
        result = self.runner.run(request, RunOptions(timeout="60s"))
        trial.expect(result.ok, f"the probes did not run: {result.error}: {result.logs[-500:]}")
        return result.output or {}

    def _engine(self, trial: _Trial) -> float:
        """What the engine says of a sandbox: `path` inside its answer, and what is there."""
        seen, seconds = self._once("inspect", trial, self._inspected)
        value: Any = seen
        for key in trial.case.spec["path"].split("."):
            value = value.get(key) if isinstance(value, dict) else None
        trial.said = f"is {value!r}"[:200]
        wanted = trial.case.spec.get("is")
        if "holds" in trial.case.spec:
            for word in trial.case.words("holds"):
                trial.expect(word in (value or ()) or word in str(value), f"{word!r} is not in {str(value)[:200]}")
        elif wanted == "nothing":
            trial.expect(not value, f"it is {value!r}")
        else:
            trial.expect(value == wanted, f"it is {value!r}, not {wanted!r}")
        return seconds

    def _inspected(self) -> Any:
        self.runner.run(RunRequest(skill=HARMLESS))
        return self.engine.seen[0]

    def _once(self, key: str, trial: _Trial, act: Callable[[], Any]) -> tuple[Any, float]:
        """What several cases share: done, and watched, for the first of them."""
        if key in self._probed:
            return self._probed[key], 0.0
        with self._timed(trial, True, 90.0) as clock:
            got = act()
        self._next_run(trial)
        if self._together:
            self._probed[key] = got
        return got, clock()

    def _request(self, trial: _Trial) -> float:
        """A call with a name, an input or an environment that is refused before anything exists."""
        spec = trial.case.spec
        env = {k: v * spec.get("env_times", 1) for k, v in spec.get("env", {}).items()}
        value: Any = spec.get("input")
        if "input_size" in spec:
            value = "x" * (spec["input_size"] - 2)
        for _ in range(spec.get("input_depth", 0)):
            value = [value]
        fields = {"skill": HARMLESS, "version": "", **spec.get("request", {})}
        runs = spec.get("status") == "success"
        request = RunRequest(input=value, env=env, **fields)
        options = RunOptions(**spec.get("options", {}))
        with self._timed(trial, runs, RUN_BOUND if runs else INTAKE_BOUND) as clock:
            try:
                result = self.runner.run(request, options)
            except SkillboxError as error:
                trial.said = f"refused: {error}"
                trial.expect(not runs, f"it was refused: {error}")
                trial.expect_words("says", str(error))
                trial.expect(str(error).isprintable() and len(str(error)) < 2000, "the error is no short sentence")
                return clock()
        trial.said = str(result.status)
        trial.expect(runs and result.ok, f"it ran: {result.status}, {result.error}")
        return clock()

    def _stream(self, trial: _Trial) -> float:
        """A tar that a lying sandbox could send, read as its output."""
        spec = trial.case.spec
        limit, document = spec.get("limit", 1 << 28), spec.get("max_document", 1 << 20)
        spool = self.runner.spool / f"{uuid.uuid4().hex}.tar.gz"
        with self._timed(trial, False, INTAKE_BOUND, spool) as clock:
            try:
                output = read_output(tars.chunks(spec), spool, limit=limit, max_document=document)
            except SkillboxError as error:
                trial.said = f"refused: {error}"
                trial.expect(spec.get("status") == "refused", f"it was refused: {error}")
                trial.expect_words("says", str(error))
                trial.expect(not spool.exists(), "the spool was left")
                return clock()
            shown = f"{output.problem or ''} {output.skipped}"
            trial.said = f"read, {len(output.files)} files, {shown}"[:200]
            trial.expect(spec.get("status") != "refused", "it was taken")
            trial.expect_words("says", shown)
            trial.expect(len(str(output.skipped)) < 64 * 1024, "what was left out fills the record")
            trial.expect(sorted(f.path for f in output.files) == sorted(spec.get("files", ())), f"{output.files[:9]}")
        return clock()

    def _document(self, trial: _Trial) -> float:
        """Bytes of an output.json."""
        spec = trial.case.spec
        data = bytes.fromhex(spec["hex"]) if "hex" in spec else _repeated(spec, "text").encode()
        with self._timed(trial, False, INTAKE_BOUND) as clock:
            try:
                parse_output_document(data)
            except SkillboxError as error:
                trial.said = f"refused: {error}"
                trial.expect(spec.get("status") != "taken", f"it was refused: {error}")
                trial.expect_words("says", str(error))
                return clock()
        trial.said = "taken"
        trial.expect(spec.get("status") == "taken", "it was taken")
        return clock()

    def _scenario(self, trial: _Trial) -> float:
        """A case that is a few lines of Python (scenarios.py)."""
        spec = trial.case.spec
        act = getattr(scenarios, spec["play"])
        with self._timed(trial, spec.get("changes", False), spec.get("within", 60.0)) as clock:
            trial.said = act(self, **spec.get("with", {}))
            trial.expect_words("says", trial.said)
        if spec.get("next", True):
            self._next_run(trial)
        return clock()

    @contextmanager
    def _timed(
        self, trial: _Trial, store_may_change: bool, bound: float, spool: Path | None = None
    ) -> Iterator[Callable[[], float]]:
        ended: list[float] = []
        began = time.monotonic()
        room = trial.case.spec.get("memory", 64) * 1024**2
        try:
            with self.ground.watched(trial.faults, store_may_change=store_may_change, memory_room=room):
                try:
                    yield lambda: (ended[0] if ended else time.monotonic()) - began
                finally:
                    ended.append(time.monotonic())
                    if spool:
                        spool.unlink(missing_ok=True)
        finally:
            trial.memory = self.ground.memory
            took = ended[0] - began
            trial.expect(took <= bound, f"it took {took:.1f} s, the bound is {bound:g} s")

    def _next_run(self, trial: _Trial) -> None:
        with self.ground.watched(trial.faults, store_may_change=True):
            result = self.runner.run(RunRequest(skill=HARMLESS, env={"API_KEY": self.ground.secret}))
        trial.expect(result.output == {"ok": True}, f"the next harmless run: {result.status}, {result.error}")

    def _runner_of(self, spec: Mapping[str, Any]) -> Runner:
        """The bench's runner, with the settings that a case changes."""
        changes = spec.get("settings")
        if not changes:
            return self.runner
        other = Runner.from_settings(self.runner.settings.model_copy(update=changes))
        return Runner(other.settings, self.engine, other.registry, other.executions, other.artifacts)

    def _push(self, name: str, made: Mapping[str, Any]) -> None:
        with self._archive_of(made, name) as path:
            self.runner.registry.push("default", path)

    @contextmanager
    def _archive_of(self, made: Mapping[str, Any], name: str) -> Iterator[Path]:
        path = self.ground.outside.parent / f"{uuid.uuid4().hex}.zip"
        try:
            archives.build(_filled(made, self.values), path, name)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _beside_the_engine(self) -> None:
        """Skips where the engine is not on this host, so that nothing here can be compared with it."""
        if not self.engine.url.startswith("unix://"):
            raise Skipped("the engine is on another host")


def _repeated(spec: Mapping[str, Any], key: str) -> str:
    """A text, or the one that `key_repeat = [before, piece, times, after]` describes."""
    if f"{key}_repeat" not in spec:
        return str(spec.get(key, ""))
    before, piece, times, *after = spec[f"{key}_repeat"]
    return str(before + piece * times + "".join(after))


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """A description with `{outside}` and the like put in."""
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    return [_filled(item, values) for item in value] if isinstance(value, list) else value
