"""What the tools that fetch packages get of this machine's environment, and how lists of dependencies are read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from skillbox_core.errors import InvalidSkillError

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
_PASSED_PREFIX = re.compile(r"npm_config_", re.IGNORECASE)


def tool_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """How npm reaches its registry, and no secret of this installation."""
    return {name: value for name, value in ours.items() if name.upper() in PASSED or _PASSED_PREFIX.match(name)}


def find_npm(path: str) -> str:
    """npm on this machine.

    Args:
        path: The skill's file that asks for packages, for messages.

    Raises:
        InvalidSkillError: There is none.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InvalidSkillError(
            f"{path} has dependencies, and npm is not here to prepare them",
            hint="install npm, bring node_modules along, or use an image that has them "
            "(`image:` and `environment: none` in SKILL.md)",
        )
    return npm


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
