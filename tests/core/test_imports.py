"""The core stands alone: no scheduler underneath it, and nothing heavy before it is used."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import skillbox_core

# The migrations are run by Alembic, which imports them with a context of its own.
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(skillbox_core.__path__, "skillbox_core.")
    if not name.startswith("skillbox_core.storage.migrations.")
]


def loaded_by(names: list[str]) -> set[str]:
    code = (
        "import importlib, json, sys\n"
        "for name in json.loads(sys.argv[1]): importlib.import_module(name)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(names)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by(["skillbox_core"]) & {
        "prefect",
        "docker",
        "s3fs",
        "sqlalchemy",
        "sqlmodel",
        "pydantic",
        "yaml",
    }


def test_no_module_of_the_core_loads_prefect() -> None:
    assert MODULES
    assert "prefect" not in loaded_by(MODULES)


@pytest.mark.parametrize("name", [m for m in MODULES if m.count(".") == 1])
def test_each_module_can_be_the_first_to_be_imported(name: str) -> None:
    assert "prefect" not in loaded_by([name])


@pytest.mark.parametrize("name", skillbox_core.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(skillbox_core, name) is not None
    assert name in dir(skillbox_core)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = skillbox_core.nonsense  # type: ignore[attr-defined]
