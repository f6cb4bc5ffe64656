"""Dependencies, prepared when a skill is packaged: a sandbox has no network to fetch them from.

Python's `requirements.txt` becomes `vendor/`, Node's `package.json` becomes `node_modules/`. Only packages
without compiled code can travel this way: the scratch area is mounted `noexec`, so compiled modules belong
into the image.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import VENDOR
from skillbox_core.skills.requirements import checked_packages, checked_requirements

_TIMEOUT = 600
_LONGEST = 16 * 1024 * 1024
"""Bytes of a list of dependencies; real locks have a few megabytes."""
_PASSED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
        *("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_CACHE_HOME", "NETRC"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    }
)
_NPM_WALLS = {f"npm_config_allow_{kind}": "none" for kind in ("git", "remote", "file", "directory")}
"""For what packages of the registry depend on in turn, where npm knows these settings."""
_PASSED_PREFIX = re.compile(r"PIP_|npm_config_", re.IGNORECASE)
_IMAGE = "or use an image that has it (`image:` in SKILL.md)"


@dataclass(frozen=True)
class Needs:
    """What must be prepared for a skill.

    Attributes:
        python: Checked lines for pip.
        node: Files for npm by name, checked.
    """

    python: tuple[str, ...] = ()
    node: Mapping[str, str] = field(default_factory=dict)


def find_needs(folder: Path) -> Needs:
    """What a skill needs beside the files in its folder. Reads, and runs nothing.

    Raises:
        InvalidSkillError: It asks for more than packages of an index, can't be read, or the tool is not here that
            prepares it.
    """
    python: tuple[str, ...] = ()
    node: Mapping[str, str] = {}
    if not (folder / VENDOR).exists():
        python = tuple(checked_requirements(_text(folder / "requirements.txt") or ""))
    if not (folder / "node_modules").exists():
        package, lock = _text(folder / "package.json"), _text(folder / "package-lock.json")
        node = {} if package is None else checked_packages(package, lock)
    if node:
        _npm()
    return Needs(python, node)


@contextmanager
def prepared(needs: Needs) -> Iterator[Path | None]:
    """A temporary folder with what the skill needs beside its own files; None when it needs nothing more.

    Raises:
        InvalidSkillError: A dependency can't be prepared; says which tool said what.
    """
    if not (needs.python or needs.node):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="skillbox-deps-") as temporary:
        target = Path(temporary)
        if needs.python:
            _prepare_python(needs.python, target)
        if needs.node:
            _prepare_node(needs.node, target)
        yield target


def tool_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of pip and npm: how they reach their index, and no secret of this installation."""
    return {name: value for name, value in ours.items() if name.upper() in _PASSED or _PASSED_PREFIX.match(name)}


def _text(path: Path) -> str | None:
    try:
        size = path.stat().st_size
        if not path.is_file() or size > _LONGEST:
            raise InvalidSkillError(f"{path.name} can't be read: it is no file of at most {_LONGEST} bytes")
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidSkillError(f"{path.name} can't be read: {reason}") from None


def _prepare_python(requirements: Sequence[str], folder: Path) -> None:
    target, asked = folder / VENDOR, folder / "requirements.txt"
    asked.write_text("\n".join(requirements) + "\n", "ascii")
    # "any" is the platform of wheels without compiled code; pip then refuses all others.
    platform = ("--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none")
    # Not pip's --isolated: its configuration and PIP_* say where this installation's index is.
    command = [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--target", str(target), *platform, "--requirement", str(asked)]
    _run(command, folder, "requirements.txt")
    asked.unlink()
    target.mkdir(exist_ok=True)
    # Console scripts have this machine's paths in them and are of no use in a sandbox.
    shutil.rmtree(target / "bin", ignore_errors=True)


def _npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise InvalidSkillError(
            "package.json has dependencies, and npm is not here to prepare them",
            hint=f"install npm, bring node_modules along, {_IMAGE}",
        )
    return npm


def _prepare_node(files: Mapping[str, str], target: Path) -> None:
    npm = _npm()
    for name, text in files.items():
        (target / name).write_text(text, "utf-8")
    install = "ci" if "package-lock.json" in files else "install"
    # No package's own scripts run on the packager's machine, no repository is cloned; no links, which archives
    # don't hold.
    options = ("--ignore-scripts", "--git=/nonexistent", "--omit=dev", "--no-audit", "--no-fund", "--no-bin-links")
    _run([npm, install, *options], target, "package.json")
    for name in ("package.json", "package-lock.json"):
        (target / name).unlink(missing_ok=True)


def _run(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, and arguments that are paths
            command,
            cwd=folder,
            env={**tool_environment(os.environ), **_NPM_WALLS},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=False,
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
