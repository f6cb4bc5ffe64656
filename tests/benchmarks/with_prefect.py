"""A Prefect server and a fresh installation, both on one Postgres, for the parts that measure flows."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skillbox_core import Runner
from skillbox_core.base.home import load_env_file
from tests.benchmarks import job
from tests.benchmarks.ground import Ground, check_left, push
from tests.benchmarks.report import Part
from tests.services.postgres import missing, postgres
from tests.services.prefect import prefect_server


@contextmanager
def with_prefect(part: Part, what: str, **variables: str) -> Iterator[Ground | None]:
    """Starts them in a folder that goes away, and makes them this process's own; what is left behind fails the part.

    Args:
        what: Is skipped where there is no Postgres; then None is given.
        variables: Of the environment, beside those that are needed.
    """
    load_env_file()
    if why := missing():
        part.skip(what, why)
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as temporary:
        folder = Path(temporary)
        for name in ("postgres", "prefect", "home"):
            (folder / name).mkdir()
        with postgres(folder / "postgres") as url, prefect_server(folder / "prefect", url) as server:
            os.environ |= {
                "PREFECT_API_URL": server.api,
                "PREFECT_LOGGING_LEVEL": "WARNING",
                "SKILLBOX_HOME": str(folder / "home"),
                "SKILLBOX_INSTANCE": f"bench-{uuid.uuid4().hex[:12]}",
                "SKILLBOX_DB_DSN": url,
                **variables,
            }
            runner = Runner.from_settings()
            push(runner, job.SKILL, folder / "skill.zip")
            try:
                yield Ground(folder, runner, "", "")
            finally:
                check_left(part, runner.installation)
            for line in server.complaints()[:10]:
                part.fail(f"the server's log: {line}")
