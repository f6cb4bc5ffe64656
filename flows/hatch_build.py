"""The version of both distributions is the core's; this one needs that very core."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class CustomMetadataHook(MetadataHookInterface):
    """Gives version and dependencies where the one place for the version can't be reached by a table."""

    def update(self, metadata: dict[str, Any]) -> None:
        """See `MetadataHookInterface.update`."""
        version = _version(Path(self.root))
        metadata["version"] = version
        metadata["dependencies"] = [f"skillbox-core=={version}", *self.config["dependencies"]]
        metadata["optional-dependencies"] = {
            extra: [f"skillbox-core[{extra}]=={version}"] for extra in ("postgres", "tables")
        }


def _version(root: Path) -> str:
    core = root.parent / "skillbox_core" / "__init__.py"
    if core.is_file():
        found = re.search(r'^__version__ = "(.+)"$', core.read_text("utf-8"), re.MULTILINE)
    else:
        # In a source distribution of its own, which was given its version when it was made.
        found = re.search(r"^Version: (.+)$", (root / "PKG-INFO").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{core} says no __version__")
    return found[1]
