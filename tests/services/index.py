"""The package index of this machine, which tests of real packages need."""

from __future__ import annotations

from functools import cache

from skillbox_core.environments.locking import make_lock
from skillbox_core.errors import IndexUnavailableError
from skillbox_core.models import Interpreter
from skillbox_core.skills.sources import PythonSource

PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")


@cache
def missing() -> str:
    """Why packages can't be had; empty where an index answers."""
    try:
        make_lock(PythonSource("requirements.txt", ("packaging",)), PYTHON)
    except IndexUnavailableError as error:
        return f"needs a package index: {error}"
    return ""
