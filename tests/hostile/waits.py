"""The cases that have a sandbox, once more in containers that waited for their job.

Such a container was started before anybody knew what for, and with nobody attached: none of that may weaken a wall.
For each run one is made, and taken by it at once, so that after a case there is as little left as after any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from skillbox_core.installation import Installation
from skillbox_core.models import Execution, Sandbox
from skillbox_core.run import pool
from skillbox_core.sandbox.container import LABEL_EXECUTION
from skillbox_core.sandbox.waiting import Kind
from skillbox_core.storage.launches import Launch

SETTINGS = {"pool_max": 8}


@contextmanager
def used() -> Iterator[None]:
    """Has a container wait for each run, and none left behind it."""
    claim, refill = pool.claim, pool.refill

    def ready(
        installation: Installation, execution: Execution, launch: Launch, kind: Kind, **how: Any
    ) -> Sandbox | None:
        refill(installation, kind)
        return claim(installation, execution, launch, kind, **how)

    with patch.object(pool, "claim", ready), patch.object(pool, "refill", lambda *_: None):
        yield


def missing(seen: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Sandboxes of executions, as an engine describes them, that did not wait."""
    for sandbox in seen:
        if LABEL_EXECUTION in (sandbox["Config"].get("Labels") or {}):
            yield "a sandbox was made for its job, and did not wait for it"
