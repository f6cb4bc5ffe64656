"""`make run` after the set-up: pushes the example's skills, and runs its flow.

The skills of examples/tables use packages. Where no index answers, the flow in plain Python runs instead.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from deployments.local.common import ROOT, say, step
from skillbox_core import Installation
from skillbox_core.errors import IndexUnavailableError, SkillboxError
from skillbox_core.skills.environment_lock import lock_of
from skillbox_core.skills.package import package

EXAMPLES = ROOT / "examples"


def push(installation: Installation, folders: Iterable[Path]) -> list[str]:
    """Stores skills, with their packages locked.

    Returns:
        What was stored, and how many packages each is locked to.

    Raises:
        IndexUnavailableError: Packages must be locked, and no index answers.
    """
    settings = installation.settings
    locker = installation.environments.locker("default", say)
    stored = []
    with tempfile.TemporaryDirectory() as scratch:
        for folder in sorted(folders):
            target = Path(scratch) / f"{folder.name}.zip"
            limits = {"max_size": settings.max_skill_size, "max_entries": settings.max_skill_files}
            archive = package(folder, target, locker=locker, **limits)
            installation.registry.push("default", archive.path)
            lock = lock_of(archive)
            pins = f" ({len(lock.pins)} locked)" if lock else ""
            stored.append(f"{archive.manifest.name}{pins}")
    return stored


def flow_to_run(installation: Installation) -> str:
    """Pushes the skills; the flow in examples that can run here."""
    with step("skills") as found:
        plain = push(installation, (EXAMPLES / "skills").iterdir())
        found.append(f"pushed {len(plain)} of the standard library")
        try:
            found.append(f"with packages: {', '.join(push(installation, (EXAMPLES / 'tables').iterdir()))}")
        except IndexUnavailableError as error:
            found.append(f"{error}: this is the example in plain Python")
            return "plain.py"
    return "pipeline.py"


def main() -> None:
    """Becomes the flow."""
    try:
        flow = EXAMPLES / flow_to_run(Installation.from_settings())
    except SkillboxError as error:
        sys.exit(f"example: {error}")
    os.execv(sys.executable, [sys.executable, str(flow)])


if __name__ == "__main__":
    main()
