"""What another machine has: another engine with the same store and no index, and the same bytes from the same lock."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from skillbox_core import Runner, RunRequest
from skillbox_core.environments import prepare as preparing
from skillbox_core.errors import IndexUnavailableError
from skillbox_core.installation import Installation
from skillbox_core.sandbox import building, layer
from skillbox_core.sandbox.engine import Engine
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.package import package
from tests.services import engine as engines
from tests.services.wheels import use_folder, wheel
from tests.skillbox_core.environments.live.test_environments_on_engine import image_of

SCRIPT = """
import json, greeter
json.dump([greeter.NAME, greeter.__file__], open("/sandbox/out/output.json", "w"))
"""
FOUND = ["greeter", "/opt/skillbox/lib/python3.11/site-packages/greeter.py"]


def pushed(installation: Installation, folder: Path, version: str = "1.0.0") -> SkillArchive:
    source = folder / "skill"
    source.mkdir(exist_ok=True)
    (source / "SKILL.md").write_text(f"---\nname: s\ndescription: d\nversion: {version}\n---\n")
    (source / "main.py").write_text(f"# {version}\n{SCRIPT}")
    (source / "requirements.txt").write_text("greeter\n")
    locker = installation.environments.locker("default", lambda _: None)
    made = package(source, folder / "s.zip", installation.settings.max_skill_size, locker=locker)
    return installation.registry.push("default", made.path).archive


@pytest.fixture
def closed_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every index is a port of this host at which nobody listens: held, so that nobody begins to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{held.getsockname()[1]}/simple")
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield


@pytest.fixture
def second(local: Installation) -> Iterator[Engine]:
    """Another engine, with the base image and nothing else."""
    if why := engines.missing():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="sbx-"))
    try:
        with engines.engine(folder) as found:
            engines.copy_image(local.engine, found, image_of(local))
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def on(installation: Installation, engine: Engine) -> Installation:
    return Installation.from_settings(installation.settings.model_copy(update={"docker_host": engine.url}))


def test_a_second_engine_builds_from_the_store_with_the_index_blocked(
    local: Installation, tmp_path: Path, index: Path, second: Engine, request: pytest.FixtureRequest
) -> None:
    wheel(index, "greeter")
    pushed(local, tmp_path)
    assert Runner(local).run(RunRequest(skill="s")).output == FOUND
    request.getfixturevalue("closed_index")
    with pytest.raises(IndexUnavailableError):
        pushed(local, tmp_path, "2.0.0")
    assert second.images([layer.LABEL_TREE]) == []
    result = Runner(on(local, second)).run(RunRequest(skill="s"))
    assert (result.output, result.logs) == (FOUND, ""), result
    (tree,) = local.environments.store.digests()
    for engine in (local.engine, second):
        (image,) = engine.images([f"{layer.LABEL_TREE}={tree}"])
        engine.remove_image(image["Id"])


def test_a_push_with_the_same_packages_prepares_nothing(
    local: Installation, tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(index, "greeter")
    first = pushed(local, tmp_path)
    assert Runner(local).run(RunRequest(skill="s")).output == FOUND
    second = pushed(local, tmp_path, "1.0.1")
    assert second.digest != first.digest

    def prepared(*_: object, **__: object) -> None:
        raise AssertionError("something was prepared")

    monkeypatch.setattr(preparing, "make_tree", prepared)
    monkeypatch.setattr(building, "_build", prepared)
    assert Runner(local).run(RunRequest(skill="s", version="1.0.1")).output == FOUND
    # The very same once more, where nothing answers: nothing is even locked.
    use_folder(tmp_path / "empty", monkeypatch)
    assert pushed(local, tmp_path, "1.0.1").digest == second.digest
    (tree,) = local.environments.store.digests()
    (image,) = local.engine.images([f"{layer.LABEL_TREE}={tree}"])
    local.engine.remove_image(image["Id"])


MAKE = """
import sys
from pathlib import Path
from skillbox_core import Settings
from skillbox_core.installation import Installation
home, archive, image = sys.argv[1:]
installation = Installation.from_settings(Settings(home=Path(home), db_dsn="", s3_endpoint=""))
stored = installation.registry.push("default", Path(archive)).archive
print(installation.environments.prepare(stored, image).digest)
"""


def made_elsewhere(installation: Installation, folder: Path, wheels: Path, umask: int, **variables: str) -> str:
    """The digest that a process of another machine gets for the environment of `s.zip`."""
    for name in ("tmp", "wheels", "person"):
        (folder / name).mkdir(parents=True)
    for path in sorted(wheels.glob("*.whl"), reverse=umask == 0o077):
        shutil.copyfile(path, folder / "wheels" / path.name)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    own = {"TMPDIR": str(folder / "tmp"), "HOME": str(folder / "person"), "SKILLBOX_HOME": str(folder / "home")}
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels")}
    environment |= {**own, **index, "SKILLBOX_INSTANCE": installation.settings.instance, **variables}
    archive = wheels.parent / "s.zip"
    command = [sys.executable, "-c", MAKE, str(folder / "home"), str(archive), image_of(installation)]
    done = subprocess.run(command, env=environment, cwd=folder, umask=umask, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_two_builds_on_two_machines_give_the_same_digest(local: Installation, tmp_path: Path, index: Path) -> None:
    code = "NAME = 'greeter'\nprint(NAME in {'one', 'two', 'three', 'four'}, __file__)\n"
    entry = "[console_scripts]\ngreet = greeter:main\n"
    wheel(
        index,
        "greeter",
        files={"greeter.py": code, "both/a.py": "A = 1\n", "{info}/entry_points.txt": entry},
        requires=["other"],
    )
    wheel(
        index, "other", files={"both/a.py": "A = 2\n", "{data}/scripts/run": "#!python\n", "{data}/data/share/x": "ä"}
    )
    pushed(local, tmp_path)
    here = made_elsewhere(local, tmp_path / "here", index, 0o022, TZ="UTC", LC_ALL="C", PYTHONHASHSEED="1")
    there = made_elsewhere(
        local, tmp_path / "there" / "deeper", index, 0o077, TZ="Asia/Kathmandu", LC_ALL="C.UTF-8", PYTHONHASHSEED="2"
    )
    assert here == there
    assert here.startswith("sha256:")
