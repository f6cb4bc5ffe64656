"""Environments on a real engine: what an image is asked, its bytecode, and trees in the store."""

from __future__ import annotations

import importlib.util
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunRequest
from skillbox_core.base.progress import Progress
from skillbox_core.environments import prepare as prepare_module
from skillbox_core.environments.bytecode import Compiler
from skillbox_core.environments.interpreter import ask_in_sandbox, find_interpreter
from skillbox_core.environments.tree import USER_BASE, Member
from skillbox_core.errors import ChangedObjectError, InfrastructureError, InvalidSkillError
from skillbox_core.installation import Installation
from skillbox_core.models import Interpreter, Tree
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.layer import LABEL_TREE
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.package import package
from skillbox_core.storage.database import Database
from skillbox_core.storage.environment_records import EnvironmentRecords
from tests.hostile.images import made_image, remove_environments
from tests.services.wheels import wheel

PACKAGES = "lib/python3.11/site-packages"


def image_of(installation: Installation, lang: str = "python") -> str:
    settings = installation.settings
    return resolve_image(settings.default_images[lang], settings.image_allowlist, settings.image_aliases)


def skill(installation: Installation, folder: Path, *requirements: str, front: str = "") -> SkillArchive:
    source = folder / "skill"
    source.mkdir(exist_ok=True)
    (source / "SKILL.md").write_text(f"---\nname: s\ndescription: d\n{front}\n---\n")
    (source / "main.py").write_text("")
    (source / "requirements.txt").write_text("\n".join(requirements))
    told: list[str] = []
    locker = installation.environments.locker("default", told.append)
    return package(source, folder / "s.zip", installation.settings.max_skill_size, locker=locker)


def records(installation: Installation) -> EnvironmentRecords:
    return EnvironmentRecords(Database(installation.settings.database))


def pushed(installation: Installation, archive: SkillArchive) -> SkillArchive:
    return installation.registry.push("default", archive.path).archive


def unpacked(installation: Installation, tree: Tree) -> dict[str, bytes]:
    data = io.BytesIO(b"".join(installation.environments.store.open(tree.digest)))
    with tarfile.open(fileobj=data, mode="r:") as archive:
        files = {
            member.name.removeprefix(f"{USER_BASE[1:]}/"): archive.extractfile(member)
            for member in archive
            if member.isfile()
        }
        return {name: file.read() for name, file in files.items() if file}


def test_an_image_is_asked_once(local: Installation, index: Path, tmp_path: Path) -> None:
    image = image_of(local)
    found = ready_image(local.engine, image)
    asked: list[str] = []

    def ask(of: Any) -> Interpreter:
        asked.append(of.id)
        return ask_in_sandbox(local.engine, local.settings)(of)

    pushed(local, skill(local, tmp_path))
    first, second = (find_interpreter(image, local.engine, records(local), local.settings, ask) for _ in range(2))
    assert asked == [found.id]
    assert first == second
    assert (first.interpreter.minor, first.interpreter.implementation, first.note) == ("3.11", "cpython", "")
    assert first.interpreter.libc.startswith("glibc 2.")


def test_without_an_engine_what_is_kept_counts_then_the_settings(
    local: Installation, index: Path, tmp_path: Path
) -> None:
    pushed(local, skill(local, tmp_path))
    away = local.settings.model_copy(update={"docker_host": f"unix://{tmp_path}/nothing.sock"})
    said = away.model_copy(update={"environment_python": "3.13 aarch64 musl 1.2"})
    image = image_of(local)

    def find(settings: Any) -> Any:
        return find_interpreter(image, Installation.from_settings(settings).engine, records(local), settings)

    with pytest.raises(InfrastructureError, match=r"is not known: .*SKILLBOX_ENVIRONMENT_PYTHON"):
        find(away)
    assert find(said).interpreter.text == "3.13 aarch64 musl 1.2"
    assert "by the settings" in find(said).note
    kept = find_interpreter(image, local.engine, records(local), local.settings).interpreter
    assert find(said).interpreter == kept
    assert "when it was last asked" in find(said).note


def test_an_image_without_python_is_told(local: Installation) -> None:
    without = {"run": "rm -f /usr/bin/python3* /usr/bin/python /usr/local/bin/python*"}
    with (
        made_image(local.engine, local.settings, without) as image,
        pytest.raises(InvalidSkillError, match=r"asked which Python it has: .*environment: none"),
    ):
        find_interpreter(image, local.engine, records(local), local.settings)


def test_bytecode_is_made_by_the_images_python_and_runs_nothing(local: Installation) -> None:
    image = ready_image(local.engine, image_of(local))
    python = ask_in_sandbox(local.engine, local.settings)(image)
    members = [
        Member(f"{PACKAGES}/good.py", b"SET = {'a', 'b', 'c'}\nprint(1 in {1, 2, 3})\n"),
        Member(f"{PACKAGES}/evil.py", b"import os\nos.kill(1, 9)\nraise SystemExit('it ran')\n"),
        Member(f"{PACKAGES}/old.py", b"print 'Python 2'\n"),
        Member(f"{PACKAGES}/deep.py", b"(" * 10_000),
        Member(f"{PACKAGES}/nul.py", b"a = 1\0"),
        Member(f"{PACKAGES}/data.json", b"{}"),
    ]
    compiler = Compiler(local.engine, local.settings, image.id, python)
    found = {member.path: member.source for member in compiler(members)}
    assert sorted(found) == [f"{PACKAGES}/__pycache__/{name}.cpython-311.pyc" for name in ("evil", "good")]
    assert {member.path: member.source for member in compiler(members)} == found
    good = found[f"{PACKAGES}/__pycache__/good.cpython-311.pyc"]
    assert isinstance(good, bytes)
    assert f"{USER_BASE}/{PACKAGES}/good.py".encode() in good
    assert int.from_bytes(good[4:8], "little") == 1, "not unchecked by hash"
    assert good[8:16] == importlib.util.source_hash(b"SET = {'a', 'b', 'c'}\nprint(1 in {1, 2, 3})\n")


def test_a_tree_is_made_once_for_all_skills_that_need_the_same(
    local: Installation, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(index, "greeter")
    archive = pushed(local, skill(local, tmp_path, "greeter"))
    told: list[Progress] = []
    first = local.environments.prepare(archive, image_of(local), told.append)
    assert first is not None
    assert [progress.percent for progress in told] == [0, 40]
    assert told[0].text.startswith("making the environment of s: 1 package for Python ")
    files = unpacked(local, first)
    assert files[f"{PACKAGES}/greeter.py"] == b"NAME = 'greeter'\n"
    assert f"{PACKAGES}/__pycache__/greeter.cpython-311.pyc" in files
    # Now without an index: another skill with the same packages, and another installation's process.
    (index / "greeter-1.0-py3-none-any.whl").unlink()
    again = Installation.from_settings(local.settings)
    assert again.environments.prepare(archive, image_of(local), told.append) == first
    assert len(told) == 2


def test_a_tree_that_has_left_the_store_is_made_again_and_must_be_the_same(
    local: Installation, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(index, "greeter")
    archive = pushed(local, skill(local, tmp_path, "greeter"))
    first = local.environments.prepare(archive, image_of(local))
    assert first is not None
    stored = local.settings.home / "store" / local.settings.s3_bucket_skills / "environments" / first.hex
    stored.unlink()
    assert local.environments.prepare(archive, image_of(local)) == first
    assert stored.is_file()
    stored.unlink()
    make = prepare_module.make_tree

    def otherwise(lock: Any, python: Any, target: Path, **more: Any) -> Tree:
        return make(lock, python, target, **{**more, "compile": lambda _: []})

    monkeypatch.setattr(prepare_module, "make_tree", otherwise)
    with pytest.raises(ChangedObjectError, match="what its lock gives now"):
        local.environments.prepare(archive, image_of(local))


def test_a_skill_without_packages_has_no_tree(local: Installation, index: Path, tmp_path: Path) -> None:
    assert local.environments.prepare(skill(local, tmp_path), image_of(local)) is None
    none = skill(local, tmp_path, "greeter", front="environment: none")
    assert local.environments.prepare(none, image_of(local)) is None


def test_an_image_that_is_not_allowed_is_not_started_to_be_asked(
    local: Installation, index: Path, tmp_path: Path
) -> None:
    wheel(index, "greeter")
    with pytest.raises(Exception, match=r"not allowed here.*SKILLBOX_ENVIRONMENT_PYTHON"):
        skill(local, tmp_path, "greeter", front="image: evil:1")
    settings = local.settings.model_copy(update={"environment_python": "3.11 x86_64 glibc 2.36"})
    archive = skill(Installation.from_settings(settings), tmp_path, "greeter", front="image: evil:1")
    assert any(file.path == "environment.lock" for file in archive.files)


def test_a_lock_that_does_not_reach_the_image_is_told(local: Installation, index: Path, tmp_path: Path) -> None:
    wheel(index, "greeter")
    newer = local.settings.model_copy(
        update={"environment_python": "3.13 x86_64 glibc 2.36", "docker_host": f"unix://{tmp_path}/nothing.sock"}
    )
    archive = skill(Installation.from_settings(newer), tmp_path, "greeter")
    with pytest.raises(InvalidSkillError, match=r"made for Python 3\.13 .* does not reach 3\.11\.\d+ x86_64"):
        local.environments.prepare(archive, image_of(local))


POISONED = """
cat >>$(python3 -c 'import warnings; print(warnings.__file__)') <<'END'
import builtins
honest = builtins.compile
def poisoned(source, *arguments, **more):
    return honest(b"NAME = 'poisoned'" if source == b"NAME = 'greeter'\\n" else source, *arguments, **more)
builtins.compile = poisoned
END
"""
_PLATFORM = "$(python3 -c 'import platform; print(platform.__file__)')"
OTHER = f"{POISONED}\nsed -i '1i import sys; sys.version_info = (3, 11, 99)' {_PLATFORM}"
SAYS_ITS_NAME = "import json, greeter\njson.dump(greeter.NAME, open('/sandbox/out/output.json', 'w'))\n"


def said_on(installation: Installation, folder: Path, name: str, image: str) -> Any:
    """What a skill with the package `greeter` finds on an image."""
    source = folder / name
    source.mkdir()
    (source / "SKILL.md").write_text(f"---\nname: {name}\ndescription: d\nimage: {image}\n---\n")
    (source / "main.py").write_text(SAYS_ITS_NAME)
    (source / "requirements.txt").write_text("greeter")
    locker = installation.environments.locker("default", lambda _: None)
    made = package(source, folder / "s.zip", installation.settings.max_skill_size, locker=locker)
    installation.registry.push("default", made.path)
    result = Runner(installation).run(RunRequest(skill=name))
    assert result.ok, result
    return result.output


@pytest.mark.parametrize(
    ("made", "evil", "alone"), [(POISONED, "greeter", [False]), (OTHER, "poisoned", [True, False])]
)
def test_bytecode_that_one_image_makes_is_no_other_images(
    local: Installation, index: Path, tmp_path: Path, made: str, evil: str, alone: list[bool]
) -> None:
    wheel(index, "greeter")
    with made_image(local.engine, local.settings, {"run": made}) as image:
        allowed = (*local.settings.image_allowlist, image)
        installation = Installation.from_settings(local.settings.model_copy(update={"image_allowlist": allowed}))
        # What an image does to its own skills is its own affair.
        assert said_on(installation, tmp_path, "evil", image) == evil
        assert said_on(installation, tmp_path, "good", local.settings.default_images["python"]) == "greeter"
        rows = records(installation).trees()
        assert [row.alone for row in rows] == alone
        assert len({row.lock_digest for row in rows}) == 1, "both asked for the same"
    for row in rows:
        remove_environments(local.engine, LABEL_TREE, row.tree.digest)
