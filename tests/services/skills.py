"""Skills made on the spot."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from skillbox_core import Runner

MAIN = {"python": "main.py", "node": "main.js", "bash": "main.sh"}


def push(
    runner: Runner,
    name: str,
    script: str,
    *,
    lang: str = "python",
    front: str = "",
    files: Mapping[str, str] | None = None,
    tenant: str = "default",
) -> None:
    """Stores a skill of one script.

    Args:
        front: More lines of SKILL.md's front matter.
        files: What else is in the archive.
    """
    md = f"---\nname: {name}\ndescription: A test.\nlang: {lang}\n{front}\n---\nDo it.\n"
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"{name}.zip"
        with zipfile.ZipFile(made, "w") as archive:
            for path, text in {"SKILL.md": md, MAIN[lang]: script, **(files or {})}.items():
                # With a date of its own, the same skill has the same bytes whenever it is made.
                archive.writestr(zipfile.ZipInfo(path), text)
        runner.installation.registry.push(tenant, made)
