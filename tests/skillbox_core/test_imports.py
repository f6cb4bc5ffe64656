"""The core stands alone: no scheduler underneath it, and nothing heavy before it is used."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import skillbox_core

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]

# The migrations are run by Alembic, which imports them with a context of its own.
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(skillbox_core.__path__, "skillbox_core.")
    if not name.startswith("skillbox_core.storage.migrations.")
]


def loaded_by(names: list[str]) -> set[str]:
    """All modules that there are once these are imported."""
    code = (
        "import importlib, json, sys\n"
        "for name in json.loads(sys.argv[1]): importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))\n"
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


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """What there is once the whole core is imported."""
    return loaded_by(MODULES)


def test_no_module_of_the_core_loads_prefect(loaded: set[str]) -> None:
    assert MODULES
    assert "prefect" not in loaded


@pytest.fixture(scope="module")
def first_imports(loaded: set[str]) -> dict[str, str]:
    """What went wrong with each module that was the first of ours to be imported in its process."""
    code = (
        "import contextlib, gc, importlib, json, os, sys, traceback\n"
        "ours, others = json.loads(sys.argv[1])\n"
        "for name in others:\n"
        "    with contextlib.suppress(ImportError): importlib.import_module(name)\n"
        "assert not [name for name in sys.modules if name.startswith('skillbox') or name.startswith('prefect')]\n"
        "gc.freeze()\n"
        "found = {}\n"
        "for name in ours:\n"
        "    reader, writer = os.pipe()\n"
        "    if not os.fork():\n"
        "        try: importlib.import_module(name); said = 'loads prefect' if 'prefect' in sys.modules else ''\n"
        "        except BaseException: said = traceback.format_exc(limit=-3)\n"
        "        os.write(writer, said.encode()); os._exit(0)\n"
        "    os.close(writer); found[name] = os.fdopen(reader).read(); os.wait()\n"
        "print(json.dumps(found))\n"
    )
    # Loaded once for all of them: only ours are to come in another order in each process.
    others = sorted(name for name in loaded if name.partition(".")[0] != "skillbox_core")
    command = [sys.executable, "-c", code, json.dumps([MODULES, others])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", MODULES)
def test_each_module_can_be_the_first_to_be_imported(name: str, first_imports: dict[str, str]) -> None:
    assert first_imports[name] == ""


def test_the_set_up_runs_on_a_python_without_packages() -> None:
    parts = [f"deployments.local.{path.stem}" for path in sorted((ROOT / "deployments" / "local").glob("*.py"))]
    code = (
        "import importlib, json, sys; sys.path.insert(0, sys.argv[1])\n"
        "for name in json.loads(sys.argv[2]): importlib.import_module(name)\n"
        "assert not [path for path in sys.path if 'site-packages' in path], sys.path\n"
    )
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        code,
        str(ROOT),
        json.dumps([*parts, "skillbox_core.base.engine_http"]),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", skillbox_core.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(skillbox_core, name) is not None
    assert name in dir(skillbox_core)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = skillbox_core.nonsense  # type: ignore[attr-defined]
