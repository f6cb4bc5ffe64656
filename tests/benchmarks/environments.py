"""What prepared packages cost: the first build of pandas, pyarrow and duckdb, and a cold run beside `docker run`.

    python -m tests.benchmarks.environments [--pairs 20]

The wheels are fetched first, into a folder that is the only index from then on. So the build is what an engine and a
worker do after the download: unpacking, laying out, bytecode, the tar, the store, the layer. A cold run and `docker run
--rm` of the same image with the same import take turns, so that a machine that slows down weighs on both; both have all
processors, and then both half of one, which is what a skill gets that asks for none. Ends with 1 if a run fails; never
because of a time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from skillbox_core import Runner, RunRequest, Settings
from skillbox_core.base.home import load_env_file
from skillbox_core.base.progress import Progress
from skillbox_core.base.quantities import format_bytes
from skillbox_core.installation import Installation
from skillbox_core.models import RunOptions
from skillbox_core.run.loading import sandbox_image
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.layer import LABEL_TREE
from skillbox_core.sandbox.site_packages import USER_BASE
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.package import package
from tests.hostile.images import remove_environments
from tests.services.wheels import use_folder

PACKAGES = ("pandas", "pyarrow", "duckdb")
IMPORT = "import pandas"
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
def said(what: str) -> Iterator[None]:
    """Prints how long something took, and the processor time of this process and of what it started."""
    began, used = time.monotonic(), _processor()
    yield
    print(f"{what:58} {time.monotonic() - began:6.1f} s, {_processor() - used:.1f} of processor time", flush=True)


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


def pairs(runner: Runner, image: str, count: int, cpu: str) -> bool:
    """Cold runs and `docker run` in turns, of this much processor: medians and their ratio; false if one failed."""
    engine = runner.installation.settings.engine_url
    command = ["docker", "--host", engine, "run", "--rm", "--network", "none", "--env", f"PYTHONUSERBASE={USER_BASE}"]
    command += ["--cpus", cpu, image, "python3", "-c", IMPORT]
    ours, theirs = [], []
    for number in range(count + 1):
        began = time.monotonic()
        result = runner.run(RunRequest(skill="bench"), RunOptions(cpu=cpu))
        between = time.monotonic()
        subprocess.run(command, check=True)
        ended = time.monotonic()
        if not result.ok:
            print(f"a run failed: {result.error}\n{result.logs}")
            return False
        # The first of both finds cold caches of the disk.
        if number:
            ours.append((between - began) * 1000)
            theirs.append((ended - between) * 1000)
    ratio = statistics.median(ours) / statistics.median(theirs)
    each = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    print(f"{f'cold run with {cpu} processors, median of {count}':58} {statistics.median(ours):6.0f} ms")
    print(f"{f'docker run --rm --cpus {cpu}, same image, `{IMPORT}`':58} {statistics.median(theirs):6.0f} ms")
    print(f"{'ratio (the budget is 1.1)':58} {ratio:6.2f}; of pairs {each[0]:.2f} to {each[-1]:.2f}")
    return True


def measure(installation: Installation, folder: Path, count: int) -> int:
    """Prints all figures, and returns the exit code."""
    settings, environments = installation.settings, installation.environments
    image = resolve_image(settings.default_images["python"], settings.image_allowlist, settings.image_aliases)
    with said("push: locked from a folder of wheels"):
        archive = push(installation, folder, "1.0.0", SCRIPT)
    began = time.monotonic()

    def say(progress: Progress) -> None:
        print(f"  {time.monotonic() - began:5.1f} s  {progress.text}", flush=True)

    with said(f"first build of {', '.join(PACKAGES)} after its download"):
        tree = environments.prepare(archive, image, say)
        _, made = sandbox_image(installation, image, tree, say)
    assert tree is not None
    print(f"{'its size':58} {format_bytes(tree.size):>8}")
    try:
        with said("push of another script that asks for the same"):
            archive = push(installation, folder, "1.0.1", f"{SCRIPT}\n")
        with said("making its environment ready, which is there"):
            tree = environments.prepare(archive, image)
            sandbox_image(installation, image, tree)
        runner, all_of_them = Runner(installation), f"{min(os.cpu_count() or 1, float(settings.max_cpu)):g}"
        return 0 if all(pairs(runner, made.id, count, cpu) for cpu in (all_of_them, settings.default_cpu)) else 1
    finally:
        remove_environments(installation.engine, LABEL_TREE, tree.digest)


def main() -> int:
    """Makes an installation in a folder that goes away."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=20)
    arguments = parser.parse_args()
    load_env_file()
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as temporary:
        folder = Path(temporary)
        (folder / "wheels").mkdir()
        if why := fetch(folder / "wheels"):
            print(f"the packages can't be fetched: {why}")
            return 0
        settings = Settings(home=folder / "home", instance=f"bench-{uuid.uuid4().hex[:12]}", db_dsn="", s3_endpoint="")
        with pytest.MonkeyPatch.context() as environment:
            use_folder(folder / "wheels", environment)
            return measure(Installation.from_settings(settings), folder, arguments.pairs)


if __name__ == "__main__":
    sys.exit(main())
