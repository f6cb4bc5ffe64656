"""Docker's contexts, as its client keeps them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def add_context(folder: Path, name: str, host: str, *, tls: bool = False) -> None:
    """Adds a context to a folder such as `~/.docker`."""
    number = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / number / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    if tls:
        (folder / "contexts" / "tls" / number / "docker").mkdir(parents=True)
