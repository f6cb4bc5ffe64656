"""What prepared packages cost: the first build of pandas, pyarrow and duckdb, and a cold run beside `docker run`.

The wheels are fetched first, into a folder that is the only index from then on. So the build is what an engine and a
worker do after the download: unpacking, laying out, bytecode, the tar, the store, the layer. A cold run and `docker run
--rm` of the same image with the same import take turns, so that a machine that slows down weighs on both; both have all
processors, and then both half of one, which is what a skill gets that asks for none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from skillbox_core import Runner, RunRequest, Settings, wait_for_removals
from skillbox_core.base.home import load_env_file
from skillbox_core.base.progress import Progress
from skillbox_core.installation import Installation
from skillbox_core.models import RunOptions
from skillbox_core.operations.pool import drain
from skillbox_core.run.loading import sandbox_image
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.layer import LABEL_TREE
from skillbox_core.sandbox.site_packages import USER_BASE
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.package import package
from tests.benchmarks.ground import GONE, Scale, check_left, gone
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Contestant, TurnError, compare, take_turns
from tests.hostile.images import remove_environments
from tests.services.wheels import use_folder

PACKAGES = ("pandas", "pyarrow", "duckdb")
IMPORT = "import pandas"
BUDGET = 1.1
WAITING_BUDGET = 0.1
SCRIPT = f"""# /// script
# dependencies = {list(PACKAGES)}
# ///
{IMPORT}
with open("/sandbox/out/output.json", "w") as file:
    file.write("1")
"""


def fetch(folder: Path) -> str:
    """Brings the wheels for the test images' Python into a folder; says why where that fails."""
    target = ["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    done = subprocess.run([*command, *target, "--dest", str(folder), *PACKAGES], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""


@contextmanager
def said(part: Part, what: str) -> Iterator[None]:
    """Notes how long something took, and the processor time of this process and of what it started."""
    began, used = time.monotonic(), _processor()
    yield
    part.figure(what, "s", time.monotonic() - began)
    part.figure(f"{what}: processor time", "s", _processor() - used)


def _processor() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def push(installation: Installation, folder: Path, version: str, script: str) -> SkillArchive:
    """Packages and pushes the skill."""
    source = folder / "skill"
    source.mkdir(exist_ok=True)
    head = f"---\nname: bench\ndescription: Imports pandas.\nversion: {version}\nresources: {{memory: 512Mi}}\n---\n"
    (source / "SKILL.md").write_text(head)
    (source / "main.py").write_text(script)
    locker = installation.environments.locker("default", lambda _: None)
    made = package(source, folder / "bench.zip", installation.settings.max_skill_size, locker=locker)
    return installation.registry.push("default", made.path).archive


def pairs(part: Part, runner: Runner, pooled: Runner, image: str, rounds: int, cpu: str) -> None:
    """Cold runs, runs in containers that waited, and `docker run` in turns, of this much processor.

    Args:
        pooled: A runner on the same records, whose containers wait.
    """
    engine = runner.installation.settings.engine_url
    command = ["docker", "--host", engine, "run", "--rm", "--network", "none", "--env", f"PYTHONUSERBASE={USER_BASE}"]
    command += ["--cpus", cpu, image, "python3", "-c", IMPORT]

    def run(by: Runner) -> str:
        result = by.run(RunRequest(skill="bench"), RunOptions(cpu=cpu))
        if not result.ok:
            raise TurnError(f"a run failed: {result.error}\n{result.logs}")
        return result.execution_id

    taken: list[str] = []

    def waited() -> None:
        taken.append(run(pooled))

    def settle() -> None:
        wait_for_removals(GONE)
        row = pooled.installation.executions.get("default", taken[-1])
        if row.claimed is None:
            raise TurnError("a run found no container that waited")

    def ours() -> None:
        run(runner)

    def theirs() -> None:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise TurnError(f"`docker run` ended with {done.returncode}: {done.stderr.strip()[-500:]}")

    names = (
        f"Skillbox, `{IMPORT}`, {cpu} processors",
        f"docker run --rm --cpus {cpu}, `{IMPORT}`",
        f"Skillbox, `{IMPORT}` in a container that waited, {cpu} processors",
    )
    run(pooled)
    wait_for_removals(GONE)
    contestants = [
        Contestant(names[0], ours, partial(gone, runner.installation)),
        Contestant(names[1], theirs),
        Contestant(names[2], waited, settle),
    ]
    times = take_turns(contestants, rounds)
    for name in names:
        if times[name].problem:
            part.fail(f"{name}: {times[name].problem}")
            return
        part.times(name, times[name])
    part.ratio(" / ".join(names[:2]), compare(times[names[0]], times[names[1]]), budget=BUDGET)
    part.ratio(f"{names[2]} / {names[1]}", compare(times[names[2]], times[names[1]]), budget=WAITING_BUDGET)


def measured(part: Part, installation: Installation, folder: Path, rounds: int) -> None:
    """The first build, what follows it, and the runs."""
    settings, environments = installation.settings, installation.environments
    image = resolve_image(settings.default_images["python"], settings.image_allowlist, settings.image_aliases)
    with said(part, "push: locked from a folder of wheels"):
        archive = push(installation, folder, "1.0.0", SCRIPT)
    began = time.monotonic()

    def say(progress: Progress) -> None:
        part.say(f"    {time.monotonic() - began:5.1f} s  {progress.text}")

    with said(part, f"first build of {', '.join(PACKAGES)}"):
        tree = environments.prepare(archive, image, say)
        _, made = sandbox_image(installation, image, tree, say)
    assert tree is not None
    part.figure("its size", "MB", tree.size / 1e6)
    try:
        with said(part, "push of another script that asks for the same"):
            archive = push(installation, folder, "1.0.1", f"{SCRIPT}\n")
        with said(part, "making its environment ready, which is there"):
            tree = environments.prepare(archive, image)
            sandbox_image(installation, image, tree)
        all_of_them = f"{min(os.cpu_count() or 1, float(settings.max_cpu)):g}"
        pooled = Installation.from_settings(
            settings.model_copy(update={"pool_max": 2, "pool_min": 1, "instance": f"{settings.instance}-pool"})
        )
        try:
            for cpu in (all_of_them, settings.default_cpu):
                pairs(part, Runner(installation), Runner(pooled), made.id, rounds, cpu)
        finally:
            wait_for_removals(GONE)
            drain(pooled)
    finally:
        check_left(part, installation)
        remove_environments(installation.engine, LABEL_TREE, tree.digest)


def measure(scale: Scale, part: Part) -> None:
    """Makes an installation in a folder that goes away."""
    load_env_file()
    if not shutil.which("docker"):
        part.skip("packages", "the docker command is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as temporary:
        folder = Path(temporary)
        (folder / "wheels").mkdir()
        if why := fetch(folder / "wheels"):
            part.skip("packages", f"they can't be fetched: {why}")
            return
        settings = Settings(home=folder / "home", instance=f"bench-{uuid.uuid4().hex[:12]}", db_dsn="", s3_endpoint="")
        with pytest.MonkeyPatch.context() as environment:
            use_folder(folder / "wheels", environment)
            measured(part, Installation.from_settings(settings), folder, scale.turns)
