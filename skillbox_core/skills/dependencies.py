"""Node's dependencies, prepared when a skill is packaged: a sandbox has no network to fetch them from.

`package.json` becomes `node_modules/`. Only packages without compiled code can travel this way: the scratch area is
mounted `noexec`, so compiled modules belong in the image. For Python's see `skillbox_core.environments`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.requirements import checked_packages

_TIMEOUT = 600
_LONGEST = 16 * 1024 * 1024
"""Bytes of a list of dependencies; real locks have a few megabytes."""
PASSED = frozenset(
    {
        # How a tool reaches its index, and no secret of this installation.
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"),
        *("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_CACHE_HOME", "NETRC"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    }
)
_NPM_WALLS = {f"npm_config_allow_{kind}": "none" for kind in ("git", "remote", "file", "directory")}
"""For what packages of the registry depend on in turn, where npm knows these settings."""
_PASSED_PREFIX = re.compile(r"npm_config_", re.IGNORECASE)
_IMAGE = "or use an image that has it (`image:` in SKILL.md)"


def find_needs(folder: Path) -> Mapping[str, str]:
    """Files for npm by name, checked; empty when a skill needs nothing of it. Reads, and runs nothing.

    Raises:
        InvalidSkillError: It asks for more than packages of a registry, can't be read, or npm is not here.
    """
    if (folder / "node_modules").exists():
        return {}
    package, lock = read_text(folder / "package.json"), read_text(folder / "package-lock.json")
    node = {} if package is None else checked_packages(package, lock)
    if node:
        _npm()
    return node


@contextmanager
def prepared(needs: Mapping[str, str]) -> Iterator[Path | None]:
    """A temporary folder with what the skill needs beside its own files; None when it needs nothing more.

    Raises:
        InvalidSkillError: A dependency can't be prepared; says what npm said.
    """
    if not needs:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="skillbox-deps-") as temporary:
        target = Path(temporary)
        _prepare_node(needs, target)
        yield target


def tool_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of npm: how they reach their index, and no secret of this installation."""
    return {name: value for name, value in ours.items() if name.upper() in PASSED or _PASSED_PREFIX.match(name)}


def read_text(path: Path) -> str | None:
    """A list of dependencies, or a script that may have one; None where there is no such file.

    Raises:
        InvalidSkillError: It is too large, or no UTF-8.
    """
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
