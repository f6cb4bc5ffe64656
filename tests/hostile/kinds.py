"""How each kind of case is run. Each function makes the attack, and tells its trial what it saw."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from skillbox_core import Runner, RunOptions, RunRequest, wait_for_removals
from skillbox_core.errors import SkillboxError
from skillbox_core.sandbox.output import parse_output_document, read_output
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.package import package
from tests.hostile import scenarios, tars
from tests.hostile.cases import LANGS, Case
from tests.hostile.images import made_image
from tests.hostile.neighbours import quota
from tests.hostile.skips import Skipped
from tests.hostile.trial import Trial

if TYPE_CHECKING:
    from tests.hostile.bench import Bench

RUN_BOUND = 30.0
"""Seconds in which a run has its final status, unless the case says another bound."""
INTAKE_BOUND = 10.0
ENGINE_LOG = 2 * 1024**2
"""Bytes of log that the engine may have kept of a container; headers of its stream included."""
LOG_NOTES = 128 * 1024
"""Room beside the capped log for what was not collected."""


def archive(bench: Bench, trial: Trial) -> None:
    """An archive is pushed."""
    _intake(bench, trial, trial.case.spec)


def source(bench: Bench, trial: Trial) -> None:
    """A folder is packaged, as a push of it does first: refused without a trace."""
    files = bench.filled(trial.case.spec["files"])
    with TemporaryDirectory(prefix="skillbox-hostile-source-") as temporary:
        folder = Path(temporary) / "skill"
        for path, text in {"SKILL.md": "---\nname: a\ndescription: d\n---\n", "main.py": "", **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
        installation = bench.runner.installation
        locker = installation.environments.locker("default", lambda _: None)
        try:
            with bench.watched(trial, store_may_change=False, bound=INTAKE_BOUND):
                package(folder, Path(temporary) / "a.zip", installation.settings.max_skill_size, locker=locker)
        except SkillboxError as error:
            trial.refused(error, rightly=True)
            return
        trial.expect(False, "it was packaged")


def manifest(bench: Bench, trial: Trial) -> None:
    """A SKILL.md is pushed, in an archive that has nothing against it."""
    spec = trial.case.spec
    head = f"---\nname: {{name}}\ndescription: A hostile case.\n{_repeated(spec, 'front')}\n---\nDo it.\n"
    made: dict[str, Any] = {"md": _repeated(spec, "md") if {"md", "md_repeat"} & spec.keys() else head}
    if "main" in spec:
        made["main"] = spec["main"]
    if "md_hex" in spec:
        made |= {"base": False, "add": [{"name": "SKILL.md", "hex": spec["md_hex"]}]}
    _intake(bench, trial, {**made, **spec.get("archive", {})})


def _intake(bench: Bench, trial: Trial, made: Mapping[str, Any]) -> None:
    """Pushes an archive: refused without a trace, or stored as the case says."""
    spec, name = trial.case.spec, f"h-{uuid.uuid4().hex[:12]}"
    stored = spec.get("status") == "stored"
    runner = bench.runner_with(spec.get("settings", {}))
    with bench.archive_of(made, name) as path:
        try:
            with bench.watched(trial, store_may_change=stored, bound=INTAKE_BOUND):
                taken = runner.installation.registry.push("default", path).archive
        except SkillboxError as error:
            trial.refused(error, rightly=not stored)
            return
        trial.said = "stored"
        trial.expect(stored, "it was stored")
        _compare_archive(trial, taken)
    if "runs" in spec:
        expected = {"status": spec["runs"], **{key: spec[key] for key in ("output", "reason") if key in spec}}
        request = RunRequest(skill=f"{name}{spec.get('entrypoint', '')}", env={"API_KEY": bench.ground.secret})
        result = _run(bench, trial, runner, request, expected)
        trial.expect_words("says", result.error or "")


def _compare_archive(trial: Trial, taken: SkillArchive) -> None:
    spec = trial.case.spec
    for warning in trial.case.words("warns"):
        trial.expect(any(warning in said for said in taken.warnings), f"no warning of {warning}")
    modes = {file.path: f"{file.mode:o}" for file in taken.files}
    trial.expect(spec.get("modes", {}).items() <= modes.items(), f"modes are {modes}")
    trial.expect(set(spec.get("files", ())) <= modes.keys(), f"files are {sorted(modes)}")
    metadata = dict(taken.manifest.metadata)
    trial.expect(spec.get("metadata", {}).items() <= metadata.items(), f"metadata is {metadata}")


def skill(bench: Bench, trial: Trial) -> None:
    """A script is pushed as a skill and run, in an image made for it if it wants one."""
    spec, script = trial.case.spec, trial.case.script
    assert script is not None
    name, front, settings = f"h-{uuid.uuid4().hex[:12]}", spec.get("front", ""), dict(spec.get("settings", {}))
    with ExitStack() as stack:
        if "image" in spec:
            image = stack.enter_context(made_image(bench.engine, bench.runner.installation.settings, spec["image"]))
            front += f"\nimage: {image}"
            settings["image_allowlist"] = (*bench.runner.installation.settings.image_allowlist, image)
        md = f"---\nname: {name}\ndescription: A hostile case.\nlang: {LANGS[script.suffix]}\n{front}\n---\n"
        bench.push(name, md, {"name": f"main{script.suffix}", "text": script.read_text("utf-8")})
        env = {"API_KEY": bench.ground.secret, **spec.get("env", {})}
        request = RunRequest(skill=name, input=spec.get("input"), env=env)
        result = _run(bench, trial, bench.runner_with(settings), request, spec)
        trial.expect_words("says", result.error or "")
        trial.expect_warnings(result)
        trial.expect_words("logs", result.logs)


def _run(bench: Bench, trial: Trial, runner: Runner, request: RunRequest, expected: Mapping[str, Any]) -> Any:
    """Runs a skill, and compares its result, its record and what the engine kept."""
    spec = trial.case.spec
    usual = {} if spec.get("own_limits") else {"timeout": "20s", "cpu": "1"}
    options = RunOptions(**{**usual, **spec.get("options", {})})
    bound, meddle = spec.get("within", RUN_BOUND), spec.get("meddle")
    with (
        bench.watched(trial, store_may_change=True, bound=bound),
        scenarios.Meddler(
            bench.engine, runner.installation.settings.instance, meddle, spec.get("listener_takes", 0.0)
        ) as meddler,
    ):
        result = runner.run(request, options, on_log=meddler, cancel=meddler.cancel)
    trial.ended(result, expected, runner.installation.settings.max_output_size + LOG_NOTES)
    row = runner.installation.executions.get("default", result.execution_id)
    trial.expect(row.status == result.status, f"the record says {row.status}")
    trial.expect(row.finished_at is not None, "the record is not closed")
    trial.expect(bench.ground.secret not in str(row.model_dump()), "the secret is in the record")
    trial.expect_untold(row, result)
    kept = max(map(len, bench.engine.logs_kept), default=0)
    trial.expect(kept <= ENGINE_LOG, f"the engine kept {kept} bytes of log")
    bench.next_run(trial)
    return result


def probe(bench: Bench, trial: Trial) -> None:
    """A line of Python that is run inside, and what it must give."""
    case, spec = trial.case, trial.case.spec
    rows = [other for other in bench.together if (other.kind, other.script) == ("probe", case.script)] or [case]
    value = bench.shared(str(case.script), trial, lambda: _probed(bench, trial, rows)).get(case.id)
    if isinstance(value, dict) and "skip" in value:
        raise Skipped(str(value["skip"]))
    trial.said = f"gave {value!r}"[:200]
    if namespace := spec.get("other_than_hosts"):
        if not bench.engine.url.startswith("unix://"):
            raise Skipped("the engine is on another host, whose namespaces can't be compared with")
        hosts = str(Path(f"/proc/self/ns/{namespace}").readlink())
        trial.expect(value != hosts, f"the {namespace} namespace is the host's")
    elif "gives_exactly" in spec:
        trial.expect(value == spec["gives_exactly"], f"it gave {value!r}")
    else:
        wanted = spec.get("gives", "EPERM")
        wanted = wanted if isinstance(wanted, list) else [wanted]
        # 0 is not False here.
        same = any(value == one and type(value) is type(one) for one in wanted)
        trial.expect(same, f"it gave {value!r}, not {wanted}")


def _probed(bench: Bench, trial: Trial, rows: list[Case]) -> Any:
    script, name = trial.case.script, f"h-{uuid.uuid4().hex[:12]}"
    assert script is not None
    md = f"---\nname: {name}\ndescription: Probes.\nlang: python\n---\n"
    bench.push(name, md, {"name": "main.py", "text": script.read_text("utf-8")})
    code = {row.id: row.spec["code"] for row in rows}
    request = RunRequest(skill=name, input=code, env={"API_KEY": bench.ground.secret})
    result = bench.runner.run(request, RunOptions(timeout="60s"))
    trial.expect(result.ok, f"the probes did not run: {result.error}: {result.logs[-500:]}")
    return result.output or {}


def engine(bench: Bench, trial: Trial) -> None:
    """What the engine says of a sandbox: `path` inside its answer, and what is there."""

    def inspected() -> Any:
        bench.runner.run(RunRequest(skill="harmless"))
        assert wait_for_removals(60)
        # Inside an environment, the container in which that was built comes first.
        return bench.engine.seen[-1]

    spec, value = trial.case.spec, bench.shared("engine", trial, inspected)
    for key in spec["path"].split("."):
        value = value.get(key) if isinstance(value, dict) else None
    trial.said = f"is {value!r}"[:200]
    if "holds" in spec:
        for word in trial.case.words("holds"):
            trial.expect(word in str(value), f"{word!r} is not in {str(value)[:200]}")
    elif spec["is"] == "nothing":
        trial.expect(not value, f"it is {value!r}")
    else:
        trial.expect(value == spec["is"], f"it is {value!r}, not {spec['is']!r}")


def request(bench: Bench, trial: Trial) -> None:
    """A call with a name, an input or an environment that is refused before anything exists."""
    spec = bench.filled(trial.case.spec)
    env = {name: value * spec.get("env_times", 1) for name, value in spec.get("env", {}).items()}
    value = "x" * (spec["input_size"] - 2) if "input_size" in spec else spec.get("input")
    for _ in range(spec.get("input_depth", 0)):
        value = [value]
    runs = spec.get("status") == "success"
    asked = RunRequest(input=value, env=env, **{"skill": "harmless", **spec.get("request", {})})
    try:
        with bench.watched(trial, store_may_change=runs, bound=RUN_BOUND if runs else INTAKE_BOUND):
            result = bench.runner.run(asked, RunOptions(**spec.get("options", {})))
    except SkillboxError as error:
        trial.refused(error, rightly=not runs)
        return
    trial.said = str(result.status)
    trial.expect(runs and result.ok, f"it ran: {result.status}, {result.error}")


def stream(bench: Bench, trial: Trial) -> None:
    """A tar that a lying sandbox could send, read as its output."""
    spec = trial.case.spec
    spool = bench.ground.outside.parent / "spool"
    try:
        with bench.watched(trial, store_may_change=False, bound=INTAKE_BOUND):
            output = read_output(
                tars.chunks(spec),
                spool,
                limit=spec.get("limit", 1 << 28),
                max_document=spec.get("max_document", 1 << 20),
            )
    except SkillboxError as error:
        trial.refused(error, rightly=spec.get("status") == "refused")
        trial.expect(not spool.exists(), "the spool was left")
        return
    finally:
        spool.unlink(missing_ok=True)
    shown = f"{output.problem or ''} {output.skipped}"
    trial.said = f"read, {len(output.files)} files, {shown}"[:200]
    trial.expect(spec.get("status") != "refused", "it was taken")
    trial.expect_words("says", shown)
    trial.expect(len(str(output.skipped)) < LOG_NOTES, "what was left out fills the record")
    trial.expect(sorted(f.path for f in output.files) == sorted(spec.get("files", ())), f"{output.files[:9]}")


def document(bench: Bench, trial: Trial) -> None:
    """The bytes of an output.json."""
    spec = trial.case.spec
    data = bytes.fromhex(spec["hex"]) if "hex" in spec else _repeated(spec, "text").encode()
    try:
        with bench.watched(trial, store_may_change=False, bound=INTAKE_BOUND):
            parse_output_document(data)
    except SkillboxError as error:
        trial.refused(error, rightly=spec.get("status") != "taken")
        return
    trial.said = "taken"
    trial.expect(spec.get("status") == "taken", "it was taken")


def scenario(bench: Bench, trial: Trial) -> None:
    """A case that is a few lines of Python (scenarios.py)."""
    spec = trial.case.spec
    with bench.watched(trial, store_may_change=spec.get("changes", False), bound=spec.get("within", 60.0)):
        trial.said = getattr(scenarios, spec["play"])(bench, **spec.get("with", {}))
    trial.expect_words("says", trial.said)
    if spec.get("next", True):
        bench.next_run(trial)


def _repeated(spec: Mapping[str, Any], key: str) -> str:
    """A text, or the one that `key_repeat = [before, piece, times, after]` describes."""
    if f"{key}_repeat" not in spec:
        return str(spec.get(key, ""))
    before, piece, times, *after = spec[f"{key}_repeat"]
    return str(before + piece * times + "".join(after))


KINDS: dict[str, Callable[[Bench, Trial], None]] = {
    made.__name__: made
    for made in (archive, source, manifest, skill, probe, engine, request, stream, document, scenario, quota)
}
