"""An environment in a sandbox behaves as site-packages do, also where the image's Python is a virtual environment."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunRequest, RunResult, Status
from skillbox_core.environments.prepare import Environments
from skillbox_core.environments.store import EnvironmentStore
from skillbox_core.models import Tree
from skillbox_core.run import loading
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.engine import Engine, Image
from skillbox_core.sandbox.images import ready_image
from skillbox_core.skills.archive import SkillArchive
from tests.conftest import MakeSkill
from tests.hostile.images import made_image
from tests.services.trees import SITE, installed, tree

SCRIPT = b"#!/usr/bin/env python3\nimport hello\nprint('from the script', hello.WHO)\n"
METADATA = b"Metadata-Version: 2.1\nName: hello\nVersion: 4.2\n"
FILES: Mapping[str, bytes] = {
    f"{SITE}/hello/__init__.py": b"WHO = 'environment'\n",
    f"{SITE}/hello/data.txt": b"told",
    f"{SITE}/hello-4.2.dist-info/METADATA": METADATA,
    f"{SITE}/hello-4.2.dist-info/RECORD": b"",
    f"{SITE}/hello-4.2.dist-info/entry_points.txt": b"[console_scripts]\nhello = hello:main\n",
    f"{SITE}/spread/one/__init__.py": b"",
    # A module of the standard library, and one that the image has in its own site-packages.
    f"{SITE}/json/__init__.py": b"raise RuntimeError('the standard library wins')\n",
    f"{SITE}/theirs.py": b"WHO = 'environment'\n",
    f"{SITE}/more.pth": b"/opt/skillbox/more\nimport sys; sys.told_by_pth = True\n",
    "more/by_path.py": b"",
    "bin/hello": SCRIPT,
}
ANSWER = """
import json
def answer(**said):
    json.dump(said, open("/sandbox/out/output.json", "w"))
"""
RunIn = Callable[..., RunResult]


@pytest.fixture(scope="module")
def engine(runner: Runner) -> Engine:
    return runner.installation.engine


BARE_VENV = """
python3 -m venv --without-pip /venv
site=$(/venv/bin/python3 -c 'import site; print(site.getsitepackages()[0])')
echo 'WHO = "image"' >$site/theirs.py
# Debian's Python has one in front of this.
rm -f /usr/lib/python3.*/sitecustomize.py
"""
VENV = f"{BARE_VENV}\necho 'import sys; sys.images_own = True' >$site/sitecustomize.py\n"
_VENVS = {"Env": ["PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin", "VIRTUAL_ENV=/venv"]}
PLAIN = """
site=$(python3 -c 'import site; print(site.getsitepackages()[-1])')
mkdir -p $site
echo 'WHO = "image"' >$site/theirs.py
"""
BASES: dict[str, dict[str, Any]] = {
    "plain": {"run": PLAIN, "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONNOUSERSITE=1"]}},
    "virtual environment": {"run": BARE_VENV, "config": _VENVS},
    "one with a sitecustomize": {"run": VENV, "config": _VENVS},
}


@pytest.fixture(scope="module", params=list(BASES))
def base(request: pytest.FixtureRequest, runner: Runner, engine: Engine) -> Iterator[Image]:
    with made_image(engine, runner.installation.settings, BASES[request.param]) as name:
        yield ready_image(engine, name)


@pytest.fixture
def run_in(
    runner: Runner, engine: Engine, base: Image, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunIn]:
    """Runs a script in an environment of these files: `run_in(tree_files, script, files=...)`."""
    built: list[str] = []

    def run(packages: Mapping[str, bytes], script: str, **details: Any) -> RunResult:
        own = tree({**packages, f"{SITE}/_unique": uuid.uuid4().bytes})
        built.append(layer.environment_name(own.digest, base.id))
        with monkeypatch.context() as patch:
            # As if this were what comes of the skill's lock, and its image were this one.
            patch.setattr(loading, "ready_image", lambda _engine, _reference: base)
            patch.setattr(SkillArchive, "locked", True)
            patch.setattr(Environments, "prepare", lambda *_: Tree(own.digest, own.size))
            patch.setattr(EnvironmentStore, "open", lambda *_: own.open())
            return runner.run(RunRequest(skill=make_skill(ANSWER + script, **details)))

    yield run
    for name in built:
        engine.remove_image(name)


def output(result: RunResult) -> Any:
    assert result.status is Status.SUCCESS, result
    return result.output


def test_the_standard_library_wins_then_the_environment_then_the_image(run_in: RunIn) -> None:
    said = output(
        run_in(
            FILES,
            """
import os, sys, hello, json, theirs
answer(json=json.__file__, hello=hello.__file__, theirs=theirs.WHO, path=sys.path, first=sys.path[0])
""",
        )
    )
    assert said["theirs"] == "environment"
    assert said["hello"] == "/opt/skillbox/lib/python3.11/site-packages/hello/__init__.py"
    assert not said["json"].startswith("/opt/skillbox")
    assert said["first"] == "/sandbox/scripts"
    assert "/sandbox/.site" not in said["path"]
    assert len(said["path"]) == len(set(said["path"]))


def test_metadata_namespaces_data_path_files_and_what_the_image_customizes_work(run_in: RunIn) -> None:
    said = output(
        run_in(
            FILES,
            """
import importlib.metadata, importlib.resources, os, site, sys, by_path, spread.one
answer(
    version=importlib.metadata.version("hello"),
    scripts=[e.name for e in importlib.metadata.entry_points(group="console_scripts")],
    data=importlib.resources.files("hello").joinpath("data.txt").read_text(),
    namespace=list(spread.__path__), pth=sys.told_by_pth,
    customized=hasattr(sys, "images_own"), custom=os.path.exists(site.getsitepackages()[0] + "/sitecustomize.py"),
)
""",
        )
    )
    assert said["version"] == "4.2"
    assert said["scripts"] == ["hello"]
    assert said["data"] == "told"
    assert said["namespace"] == ["/opt/skillbox/lib/python3.11/site-packages/spread"]
    assert said["pth"] is True
    assert said["customized"] == said["custom"]


def test_console_scripts_and_interpreters_that_a_skill_starts_find_it(run_in: RunIn) -> None:
    said = output(
        run_in(
            FILES,
            """
import subprocess, sys
def told(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
answer(script=told("hello"), child=told(sys.executable, "-c", "import hello; print(hello.WHO)"),
       tools=told("sh", "-c", "command -v sh tar"))
""",
        )
    )
    assert said["script"] == "from the script environment"
    assert said["child"] == "environment"
    assert "/opt/skillbox" not in said["tools"]


def test_caches_have_a_place_and_the_environment_can_not_be_written(run_in: RunIn) -> None:
    said = output(
        run_in(
            FILES,
            """
import os
made = []
for name in ("MPLCONFIGDIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
    os.makedirs(os.environ[name]); open(os.environ[name] + "/x", "w").close(); made.append(name)
try:
    open("/opt/skillbox/lib/x", "w")
except OSError as error:
    refused = error.errno
import hello
answer(made=len(made), refused=refused, bytecode=os.path.exists(os.path.dirname(hello.__file__) + "/__pycache__"))
""",
        )
    )
    assert said["made"] == 3
    assert said["refused"] in (13, 30)
    assert said["bytecode"] is False


def test_what_a_skill_brings_along_comes_first(run_in: RunIn) -> None:
    brought = {"vendor/theirs.py": "WHO = 'skill'\n", "node_modules/x/index.js": "module.exports = 1\n"}
    said = output(run_in(FILES, "import hello, theirs\nanswer(theirs=theirs.WHO, hello=hello.WHO)\n", files=brought))
    assert said == {"theirs": "skill", "hello": "environment"}


def test_compiled_modules_of_real_wheels_load(run_in: RunIn, tmp_path: Path) -> None:
    try:
        files = installed(tmp_path, "pyyaml", "markupsafe")
    except RuntimeError as error:
        pytest.skip(f"no index: {error}")
    said = output(
        run_in(
            files,
            """
import yaml, markupsafe, markupsafe._speedups
answer(c=yaml.__with_libyaml__, read=yaml.load("a: [1, 2]", Loader=yaml.CSafeLoader), safe=str(markupsafe.escape("<")))
""",
        )
    )
    assert said == {"c": True, "read": {"a": [1, 2]}, "safe": "&lt;"}
