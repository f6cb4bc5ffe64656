"""From what a skill asks for to a lock, by uv, on an index that is a folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from skillbox_core.environments import locking, process, uv
from skillbox_core.environments.locking import make_lock
from skillbox_core.errors import IndexUnavailableError, InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills.sources import PythonSource, find_source
from tests.services.wheels import served, wheel

PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")
LINUX = "cp311-cp311-manylinux_2_28_x86_64"


def asks(*requirements: str, **more: object) -> PythonSource:
    return PythonSource("requirements.txt", requirements, **more)  # type: ignore[arg-type]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_packages_and_what_they_need_are_locked_with_their_hashes(index: Path) -> None:
    wheels = [wheel(index, "greeter", requires=["words>=1"]), wheel(index, "words", "1.5"), wheel(index, "other")]
    lock = make_lock(asks("greeter"), PYTHON)
    assert [(pin.exact, pin.hashes) for pin in lock.pins] == [
        ("greeter==1.0", (sha256(wheels[0]),)),
        ("words==1.5", (sha256(wheels[1]),)),
    ]
    assert lock.universal
    assert "://" not in lock.text
    assert str(index) not in lock.text
    assert make_lock(asks("greeter"), PYTHON).text == lock.text


def test_a_lock_reaches_other_machines_and_newer_pythons(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tag in (LINUX, LINUX.replace("x86_64", "aarch64"), LINUX.replace("cp311", "cp313")):
        wheel(index, "compiled", tag=tag)
    wheel(index, "older")
    with served(index, monkeypatch):
        lock = make_lock(asks("compiled", "older; python_version < '3.12'", "other; sys_platform == 'win32'"), PYTHON)
    assert [len(pin.hashes) for pin in lock.pins] == [3, 1]
    assert "3.12" in lock.pins[1].marker


def test_the_version_is_one_that_the_image_can_use(index: Path) -> None:
    wheel(index, "compiled", "1.0", tag=LINUX)
    wheel(index, "compiled", "2.0", tag=LINUX.replace("2_28", "2_39"))
    wheel(index, "compiled", "3.0", tag=LINUX.replace("x86_64", "aarch64"))
    assert [pin.exact for pin in make_lock(asks("compiled"), PYTHON).pins] == ["compiled==1.0"]


def test_a_skill_that_asks_for_nothing_has_an_empty_lock(index: Path) -> None:
    assert make_lock(asks(), PYTHON).pins == ()
    assert make_lock(asks("other; sys_platform == 'win32'"), PYTHON).pins == ()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (asks("misstyped"), "misstyped"),
        (asks("compiled==1.0"), r"compiled==1\.0 has no wheel .*cp39"),
        (asks("greeter>2"), r"greeter.*(2|1\.0)"),
        (asks("greeter", "old<1"), "old"),
        (asks("both==1.0"), r"both==1\.0 has no wheel .*nothing is built; there are wheels for Python 3\.9, 3\.13 \("),
        (asks("evil"), r"evil==1\.0 has no wheel for Python 3\.11 .*; there is source only"),
        (asks("greeter", requires_python=">=3.12"), r"needs Python >=3\.12, and the skill's image has 3\.11\.2"),
        (asks("greeter==1.0", hashes={"greeter": ("a" * 64,)}), r"other files of greeter==1\.0"),
    ],
)
def test_what_can_not_be_locked_is_said(index: Path, tmp_path: Path, source: PythonSource, says: str) -> None:
    wheel(index, "greeter")
    wheel(index, "compiled", tag=LINUX.replace("cp311", "cp39"))
    wheel(index, "old", requires=["greeter>3"])
    for name in ("evil", "both"):
        with tarfile.open(index / f"{name}-1.0.tar.gz", "w:gz") as archive:
            archive.add(index, f"{name}-1.0", recursive=False)
    wheel(index, "both", tag=LINUX.replace("cp311", "cp39"))
    wheel(index, "both", tag=LINUX.replace("cp311", "cp313"))
    with pytest.raises(InvalidSkillError, match=says) as raised:
        make_lock(source, PYTHON)
    assert "requirements.txt" in str(raised.value)
    assert "skillbox-lock" not in str(raised.value)
    assert raised.value.hint


def test_given_hashes_are_the_only_ones_that_are_taken(index: Path) -> None:
    mine = wheel(index, "compiled", tag=LINUX)
    wheel(index, "compiled", tag=LINUX.replace("x86_64", "aarch64"))
    lock = make_lock(asks("compiled==1.0", hashes={"compiled": (sha256(mine), "a" * 64)}), PYTHON)
    assert [pin.hashes for pin in lock.pins] == [(sha256(mine),)]


def test_a_lock_of_the_authors_decides_the_versions(index: Path) -> None:
    old, words = wheel(index, "greeter", "1.0", requires=["words"]), wheel(index, "words")
    wheel(index, "greeter", "2.0", requires=["words"])
    known = {"greeter==1.0": (sha256(old),), "words==1.0": (sha256(words),)}
    source = PythonSource("uv.lock", ("greeter",), ("greeter==1.0", "words==1.0"), known)
    assert [pin.exact for pin in make_lock(source, PYTHON).pins] == ["greeter==1.0", "words==1.0"]
    stale = PythonSource("uv.lock", ("greeter",), ("greeter==1.0",), {"greeter==1.0": (sha256(old),)}, whole=True)
    with pytest.raises(InvalidSkillError, match=r"uv\.lock does not have words==1\.0"):
        make_lock(stale, PYTHON)


def test_an_index_that_is_away_is_trouble_that_passes(monkeypatch: pytest.MonkeyPatch, index: Path) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(IndexUnavailableError, match=r"127\.0\.0\.1:1/simple") as raised:
        make_lock(asks("greeter"), PYTHON)
    assert raised.value.retryable


def test_what_takes_too_long_or_too_much_is_stopped(
    monkeypatch: pytest.MonkeyPatch, index: Path, tmp_path: Path
) -> None:
    wheel(index, "greeter", files={"greeter.bin": b"\0" * 1_000_000})
    monkeypatch.setattr(uv, "LOCK_TIMEOUT", 0.0)
    monkeypatch.setattr(process, "_LOOK_INTERVAL", 0.001)
    with pytest.raises(InvalidSkillError, match=r"preparing the packages of requirements\.txt took longer than 0 s"):
        make_lock(asks("greeter"), PYTHON)
    monkeypatch.undo()
    monkeypatch.setattr(locking, "MAX_LOCK", 10)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with pytest.raises(InvalidSkillError, match="too many packages"):
        make_lock(asks("greeter"), PYTHON)


def test_configuration_of_the_folders_around_is_not_read(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(index, "greeter")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(locking.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "uv.toml").write_text("this is no configuration")
    (tmp_path / "pyproject.toml").write_text("[tool.uv]\nno-binary-package = ['greeter']\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "uv").mkdir(parents=True)
    (tmp_path / "config" / "uv" / "uv.toml").write_text("this is no configuration")
    assert [pin.exact for pin in make_lock(asks("greeter"), PYTHON).pins] == ["greeter==1.0"]


def test_a_lock_that_uv_wrote_is_followed(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        "[project]\nname = 'mine'\nversion = '1'\nrequires-python = '>=3.11'\ndependencies = ['greeter']\n"
        "[dependency-groups]\ndev = ['other']\n"
    )
    for name in ("words", "other"):
        wheel(index, name)
    first = wheel(index, "greeter", "1.0", requires=["words"])
    with served(index, monkeypatch) as address:
        command = [find_uv_bin(), "lock", "--no-config", "--quiet", "--python", sys.executable]
        environment = {"PATH": os.defpath, "UV_DEFAULT_INDEX": address, "UV_CACHE_DIR": str(tmp_path / "cache")}
        subprocess.run(command, cwd=project, env=environment, check=True)
    wheel(index, "greeter", "2.0", requires=["words"])
    files = {path.name: path.read_text() for path in project.iterdir()}
    assert address in files["uv.lock"]
    source = find_source({"main.py": "", **files}.get, "main.py").source
    assert source is not None
    assert "127.0.0.1" not in repr(source)
    with served(index, monkeypatch):
        lock = make_lock(source, PYTHON)
    assert [pin.exact for pin in lock.pins] == ["greeter==1.0", "words==1.0"]
    assert lock.pins[0].hashes == (sha256(first),)


@pytest.mark.parametrize(
    "needs",
    [
        "evil @ file://{elsewhere}/evil-1.0-py3-none-any.whl",
        "evil @ git+file://{elsewhere}/repository",
        "evil @ http://127.0.0.1:1/evil-1.0-py3-none-any.whl",
    ],
)
def test_what_a_package_needs_in_turn_comes_from_the_index_too(index: Path, tmp_path: Path, needs: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    wheel(tmp_path / "elsewhere", "evil")
    wheel(index, "greeter", requires=[needs.replace("{elsewhere}", str(tmp_path / "elsewhere"))])
    with pytest.raises(InvalidSkillError, match="needs evil from an address") as raised:
        make_lock(asks("greeter"), PYTHON)
    assert "requirements.txt" in str(raised.value)


def test_a_folder_of_packages_is_found_from_the_folder_of_the_command(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(index, "greeter")
    monkeypatch.chdir(index.parent)
    monkeypatch.setenv("PIP_FIND_LINKS", index.name)
    assert [pin.exact for pin in make_lock(PythonSource("requirements.txt", ("greeter",)), PYTHON).pins] == [
        "greeter==1.0"
    ]
    monkeypatch.setenv("PIP_FIND_LINKS", "nowhere")
    with pytest.raises(IndexUnavailableError, match='names "nowhere", which is no address'):
        make_lock(PythonSource("requirements.txt", ("greeter",)), PYTHON)
