"""Cases that need a few lines of Python: two callers at once, somebody else's hand, another tenant.

Each function gets the bench, does its harm, asserts nothing itself but what only it can see (by `expect`), and
returns what happened in a few words, which the case's `says` is compared with.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest.mock import patch

from skillbox_core import CancelToken, Runner, RunOptions, RunRequest
from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.sandbox.engine import Engine
from tests.hostile.environments import tree_that_does_harm as tree_that_does_harm
from tests.hostile.exports import export_that_lies as export_that_lies
from tests.hostile.waiting import claimed_at_once as claimed_at_once
from tests.hostile.waiting import claimed_by_another_installation as claimed_by_another_installation
from tests.hostile.waiting import tampered_while_it_waits as tampered_while_it_waits

if TYPE_CHECKING:
    from tests.hostile.bench import Bench


class Meddler:
    """Listens to a skill's first line, and then does to its container what somebody else might.

    Args:
        instance: The installation, of which nothing else runs meanwhile.
        deed: remove, kill, stop, pause, rename, cancel, or None for nothing. "an hour ahead" and "an hour back" are
            done to the worker's clock instead; only to what this process sees of it, since the machine has one. "read
            slowly" is done at each line.
        seconds: How long it takes for each line that it is told of.
    """

    CLOCKS: ClassVar = {"an hour ahead": 3600.0, "an hour back": -3600.0}

    def __init__(self, engine: Engine, instance: str, deed: str | None, seconds: float = 0.0) -> None:
        self._engine, self._instance, self._deed, self._seconds = engine, instance, deed, seconds
        self.cancel = CancelToken()
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Meddler:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def __call__(self, _stream: str, _line: str) -> None:
        if self._seconds:
            time.sleep(self._seconds)
        if self._deed == "read slowly":
            time.sleep(0.005)
            return
        deed, self._deed = self._deed, None
        if deed == "cancel":
            self.cancel.cancel()
        elif deed in self.CLOCKS:
            now, jump = time.time, self.CLOCKS[deed]
            self._undo.enter_context(patch("time.time", lambda: now() + jump))
        elif deed:
            for container in self._engine.containers({"skillbox.instance": self._instance}):
                self._do(deed, container["Id"])

    def _do(self, deed: str, container: str) -> None:
        api = self._engine._api
        deeds: dict[str, Callable[[], Any]] = {
            "remove": lambda: api.remove_container(container, force=True),
            "kill": lambda: api.kill(container),
            "stop": lambda: api.stop(container, timeout=0),
            "pause": lambda: api.pause(container),
            "rename": lambda: api.rename(container, f"somebody-elses-{uuid.uuid4().hex[:12]}"),
        }
        deeds[deed]()


def pushed_twice_at_once(bench: Bench, workers: int) -> str:
    """Different archives of one version, pushed at the same moment: one wins, the others are told."""
    name, folder = f"h-{uuid.uuid4().hex[:12]}", bench.ground.outside.parent
    paths = [_archive(folder / f"{uuid.uuid4().hex}.zip", name, f"# {n}\n") for n in range(workers)]
    barrier, said = threading.Barrier(workers), [""] * workers

    def push(n: int) -> None:
        barrier.wait()
        said[n] = _tried(lambda: bench.runner.installation.registry.push("default", paths[n]))

    _at_once([lambda n=n: push(n) for n in range(workers)])  # type: ignore[misc]
    stored = bench.runner.installation.registry.load("default", name, "1.0.0").digest
    won = [n for n, word in enumerate(said) if word == "done"]
    for path in paths:
        path.unlink()
    # While the winner is uploading, the others can't know what will be there.
    told = ("other contents", "another push")
    right = all(word == "done" or any(words in word for words in told) for word in said) and len(stored) == 64
    return f"{len(won)} won, the others were told: {right}"


def swapped_in_the_bucket(bench: Bench) -> str:
    """An object that somebody replaced in the store after its push."""
    name, folder = f"h-{uuid.uuid4().hex[:12]}", bench.ground.outside.parent
    path = _archive(folder / "pushed.zip", name, "")
    bench.runner.installation.registry.push("default", path)
    _archive(path, name, "print('swapped')\n")
    bench.runner.installation.registry._bucket.put(path, f"default/{name}/1.0.0/skill.zip")
    path.unlink()
    result = bench.runner.run(RunRequest(skill=name))
    return f"{result.status}: {result.error}"


def swapped_for_another_skill(bench: Bench) -> str:
    """One skill's object stored under another's key."""
    names, folder = [f"h-{uuid.uuid4().hex[:12]}" for _ in range(2)], bench.ground.outside.parent
    path = _archive(folder / "other.zip", names[0], "")
    bench.runner.installation.registry._bucket.put(path, f"default/{names[1]}/1.0.0/skill.zip")
    path.unlink()
    result = bench.runner.run(RunRequest(skill=names[1]))
    bench.runner.installation.registry._bucket.delete(f"default/{names[1]}/1.0.0/skill.zip")
    return f"{result.status}: {result.error}"


def pushed_again_with_other_contents(bench: Bench) -> str:
    """A version that is there, pushed with other bytes."""
    path = _archive(bench.ground.outside.parent / "again.zip", "harmless", "# other\n")
    try:
        return _tried(lambda: bench.runner.installation.registry.push("default", path))
    finally:
        path.unlink()


def another_tenants(bench: Bench, what: str) -> str:
    """Reads of an execution and a skill by a tenant who has neither."""
    runner = bench.runner
    mine = runner.installation.executions.list("default", limit=1)[0].id
    reads: dict[str, Callable[[], Any]] = {
        "record": lambda: runner.installation.executions.get("other", mine),
        "result": lambda: runner.installation.executions.result("other", mine),
        "list": lambda: runner.installation.executions.list("other"),
        "skill": lambda: runner.run(RunRequest(skill="harmless"), RunOptions(tenant="other")),
        "versions": lambda: runner.installation.registry.versions("other", "harmless"),
        "skills": lambda: runner.installation.registry.skills("other"),
        "load": lambda: runner.installation.registry.load("other", "harmless", "1.0.0"),
        "delete": lambda: runner.installation.registry.delete("other", "harmless", "1.0.0"),
    }
    got = _tried(reads[what])
    return got if got != "done" else f"found {len(reads[what]())}"


def bad_execution_id(bench: Bench, value: str) -> str:
    """A record asked for by something that is no id."""
    return _tried(lambda: bench.runner.installation.executions.result("default", value))


def same_key_other_body(bench: Bench) -> str:
    """One idempotency key, two requests."""
    key = uuid.uuid4().hex
    bench.runner.run(RunRequest(skill="harmless"), RunOptions(key=key))
    return _tried(lambda: bench.runner.run(RunRequest(skill="harmless", input=1), RunOptions(key=key)))


def same_key_at_once(bench: Bench, callers: int) -> str:
    """One key and one request, by several callers at the same moment: one execution, one container."""
    key, ids = uuid.uuid4().hex, []

    def call() -> None:
        with contextlib.suppress(SkillboxError):
            ids.append(bench.runner.run(RunRequest(skill="harmless"), RunOptions(key=key)).execution_id)

    _at_once([call] * callers)
    return f"{len(set(ids))} execution for {callers} callers"


def many_at_once(bench: Bench, runs: int, limit: int) -> str:
    """More runs than may be in containers at once."""
    settings = bench.runner.installation.settings.model_copy(update={"max_concurrent_execs": limit})
    parts = bench.runner.installation
    runner = Runner(Installation(settings, bench.engine, parts.registry, parts.executions, parts.artifacts))
    results: list[str] = []
    most, done = [0], threading.Event()

    def count() -> None:
        while not done.wait(0.05):
            most[0] = max(most[0], len(bench.engine.containers({"skillbox.instance": settings.instance})))

    counter = threading.Thread(target=count)
    counter.start()
    _at_once([lambda: results.append(str(runner.run(RunRequest(skill="harmless")).status))] * runs)
    done.set()
    counter.join()
    crowd = "never more" if most[0] <= limit else "more"
    return f"{results.count('success')} of {runs} succeeded, {crowd} than allowed"


def image_removed(bench: Bench) -> str:
    """The image that a skill wants is gone from the engine, and no registry has it."""
    gone = "skillbox-hostile/gone:1"
    settings = bench.runner.installation.settings.model_copy(
        update={"default_images": {"bash": gone}, "image_allowlist": (gone,)}
    )
    parts = bench.runner.installation
    runner = Runner(Installation(settings, bench.engine, parts.registry, parts.executions, parts.artifacts))
    result = runner.run(RunRequest(skill="harmless"))
    return f"{result.status}, {result.reason}: {result.error}"


def engine_is_not_there(bench: Bench) -> str:
    """No engine listens at the address."""
    settings = bench.runner.installation.settings
    engine = Engine(f"unix://{settings.home}/nobody.sock")
    parts = bench.runner.installation
    runner = Runner(Installation(settings, engine, parts.registry, parts.executions, parts.artifacts))
    result = runner.run(RunRequest(skill="harmless"))
    return f"{result.status}, {result.reason}: {result.error}"


def cancel_against_completion(bench: Bench, times: int) -> str:
    """A cancel that comes just as the skill ends: one final status, the same in record and result."""
    found = set()
    for n in range(times):
        token = CancelToken()
        timer = threading.Timer(0.15 + n * 0.04, token.cancel)
        timer.start()
        result = bench.runner.run(RunRequest(skill="harmless"), cancel=token)
        timer.join()
        again = bench.runner.installation.executions.result("default", result.execution_id)
        found.add(result.status in ("success", "cancelled") and again.status == result.status)
    return f"one status each: {found == {True}}"


def shown_in_artifacts(bench: Bench, text: str) -> str:
    """Text from a stranger in logs, output, file names and error, rendered as the Prefect UI does."""
    from markdown_it import MarkdownIt

    from prefect_skillbox.observe.reporting import summary
    from skillbox_core import RunResult

    result = RunResult(
        execution_id="0" * 32, status="failed", output={text: [text]}, logs=text, error=text, skill="harmless",
        version="1.0.0", files_list=(text,), reason="exit",
    )  # fmt: skip
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(summary(result))
    flat = [token for top in tokens for token in (top, *(top.children or ()))]
    alive = [t for t in flat if t.type in ("html_block", "html_inline", "link_open", "image", "heading_open")]
    headings = sum(token.type == "heading_open" for token in alive)
    return f"nothing but {headings} headings of our own" if headings == len(alive) == 5 else f"alive: {alive}"


def shown_on_a_terminal(bench: Bench, text: str) -> str:
    """Text from a stranger as the command line prints it."""
    from skillbox_core.cli.output import harmless

    shown = harmless(text)
    return "harmless" if all(char.isprintable() or char in "\n\t" for char in shown) else f"alive: {shown!r}"


def _archive(path: Path, name: str, comment: str) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("SKILL.md", f"---\nname: {name}\nversion: 1.0.0\ndescription: x\nlang: bash\n---\n")
        packed.writestr("main.sh", f"{comment}echo '{{}}' >$SANDBOX_OUTPUT\n")
    return path


def _tried(act: Callable[[], Any]) -> str:
    try:
        act()
    except SkillboxError as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def _at_once(acts: list[Callable[[], Any]]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
