"""What `skillbox run` loads, and what asks an engine: no more than a skill uses that has no packages."""

from __future__ import annotations

import pytest

from skillbox_core import Runner
from tests.services.loaded import ARCHIVES, DATABASE, ENGINE, loaded_by

RUN = ["run", "word-count", "--input", '{"text": "to be or not to be"}']
OPERATIONS = {*DATABASE, *ARCHIVES, *ENGINE, "operations"}


@pytest.mark.parametrize(
    ("command", "loads"),
    [
        (RUN, {*DATABASE, *ARCHIVES, *ENGINE, "run", "runner"}),
        (["health"], {*OPERATIONS, "fsspec"}),
        (["cleanup", "--dry-run"], OPERATIONS),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_what_speaks_to_an_engine_loads_no_more_than_it_uses(
    runner: Runner, cli_environment: dict[str, str], command: list[str], loads: set[str]
) -> None:
    registry = runner.installation.registry
    # A first run fetches it into the cache, and loads what fetches.
    registry.load("default", "word-count", registry.resolve("default", "word-count", ""))
    found = loaded_by(command, {**cli_environment, "SKILLBOX_DB_DSN": "", "SKILLBOX_S3_ENDPOINT": ""})
    assert found.code == 0, found.said
    assert found.heavy - loads == set()
