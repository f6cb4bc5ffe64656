"""Dependencies, prepared when a skill is packaged: a sandbox has no network to fetch them from.

Python's `requirements.txt` becomes `vendor/`, Node's `package.json` becomes `node_modules/`. Only packages
without compiled code can travel this way: the scratch area is mounted `noexec`, so compiled modules belong
into the image.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import VENDOR

_TIMEOUT = 600
_IMAGE = "or use an image that has it (`image:` in SKILL.md)"


@contextmanager
def prepared(folder: Path) -> Iterator[Path | None]:
    """A temporary folder with what the skill needs beside its own files; None when it needs nothing more.

    Raises:
        InvalidSkillError: A dependency can't be prepared; says which tool said what.
    """
    python = (folder / "requirements.txt").is_file() and not (folder / VENDOR).exists()
    node = _has_node_dependencies(folder) and not (folder / "node_modules").exists()
    if not (python or node):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="skillbox-deps-") as temporary:
        target = Path(temporary)
        if python:
            _prepare_python(folder / "requirements.txt", target / VENDOR)
        if node:
            _prepare_node(folder, target)
        yield target


def _has_node_dependencies(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / "package.json").read_text("utf-8")).get("dependencies"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidSkillError(f"package.json can't be read: {error}") from None


def _prepare_python(requirements: Path, target: Path) -> None:
    # "any" is the platform of wheels without compiled code; pip then refuses all others.
    platform = ("--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--target", str(target), *platform, "--requirement", str(requirements.resolve())]
    _run(command, target.parent, "requirements.txt")
    target.mkdir(exist_ok=True)
    # Console scripts have this machine's paths in them and are of no use in a sandbox.
    shutil.rmtree(target / "bin", ignore_errors=True)


def _prepare_node(folder: Path, target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise InvalidSkillError(
            "package.json has dependencies, and npm is not here to prepare them",
            hint=f"install npm, bring node_modules along, {_IMAGE}",
        )
    for name in ("package.json", "package-lock.json"):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)
    install = "ci" if (target / "package-lock.json").is_file() else "install"
    # No package's own scripts run on the packager's machine; no links, which archives don't hold.
    options = ("--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--no-bin-links")
    _run([npm, install, *options], target, "package.json")
    for name in ("package.json", "package-lock.json"):
        (target / name).unlink(missing_ok=True)


def _run(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, and arguments that are paths
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise InvalidSkillError(f"preparing {what} took longer than {_TIMEOUT} s") from None
    if done.returncode:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if "error" in line.lower()] or said
        raise InvalidSkillError(
            f"{what} can't be prepared: {' '.join(errors[-2:])[:400]}",
            hint=f"compiled packages can't travel in a skill; leave them out {_IMAGE}",
        )
