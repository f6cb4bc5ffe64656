"""The cache of skills: healed, bounded, and never in the way of a run."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, Status
from skillbox_core.errors import ChangedObjectError, DiskError, InvalidSkillError
from skillbox_core.installation import Installation
from skillbox_core.run.steps import Steps
from skillbox_core.skills.archive import SkillArchive, SkillFile
from skillbox_core.storage import skill_cache as cache_module
from tests.services.skills import push
from tests.skillbox_core.storage.live.test_pushing import other
from tests.skillbox_core.storage.live.test_storage import archive


def test_a_fetched_archive_is_on_the_disk_before_it_is_in_the_cache(
    local: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.registry.push("default", archive(tmp_path))
    cached_at_sync: list[list[Path]] = []
    cache = local.settings.home / "cache" / "skills"
    monkeypatch.setattr(os, "fsync", lambda _: cached_at_sync.append(list(cache.glob("*/*.zip"))))
    assert local.registry.load("default", "echo", "1.0.0").path.is_file()
    assert cached_at_sync == [[]]


def test_what_an_installation_has_no_room_for_is_not_fetched_again_and_again(
    store: Installation, tmp_path: Path
) -> None:
    store.registry.push("default", archive(tmp_path))
    store.registry.load("default", "echo", "1.0.0")
    small = Installation.from_settings(store.settings.model_copy(update={"max_skill_size": 100}))
    with pytest.raises(InvalidSkillError, match="SKILLBOX_MAX_SKILL_SIZE"):
        small.registry.load("default", "echo", "1.0.0")


@pytest.mark.parametrize("damage", ["cut to nothing", "another skill", "one byte", "one byte, at its old time"])
def test_a_cached_archive_that_has_become_another_is_fetched_anew(
    store: Installation, tmp_path: Path, damage: str
) -> None:
    store.registry.push("default", archive(tmp_path))
    whole = store.registry.load("default", "echo", "1.0.0")
    original = whole.path.read_bytes()
    damaged = {
        "cut to nothing": b"",
        "another skill": other(tmp_path).read_bytes(),
        "one byte": original.replace(b"kept", b"keqt"),
    }
    damaged["one byte, at its old time"] = damaged["one byte"]
    assert damaged[damage] != original
    before = whole.path.stat()
    whole.path.write_bytes(damaged[damage])
    if damage.endswith("time"):
        os.utime(whole.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.registry.load("default", "echo", "1.0.0").digest == whole.digest
    assert whole.path.read_bytes() == original


def test_a_cache_that_cannot_be_written_is_a_fault_of_the_disk(local: Installation, tmp_path: Path) -> None:
    local.registry.push("default", archive(tmp_path))
    (local.settings.home / "cache").write_bytes(b"in the way")
    with pytest.raises(DiskError, match="SKILLBOX_HOME/cache"):
        local.registry.load("default", "echo", "1.0.0")


def fill(installation: Installation, tmp_path: Path, count: int) -> list[Path]:
    """Loads so many versions, as if the first had been asked for last long ago, and each later one a minute later."""
    cached = []
    for number in range(count):
        version = f"1.0.{number}"
        (tmp_path / version).mkdir()
        installation.registry.push("default", archive(tmp_path / version, version=version))
        cached.append(installation.registry.load("default", "echo", version).path)
        asked_for = time.time() - 60 * (1000 - number)
        os.utime(cached[-1], (asked_for, asked_for))
    return cached


def roomy_for(installation: Installation, archives: list[Path]) -> Installation:
    """The installation with room for these and half a one more."""
    room = sum(path.stat().st_size for path in archives) + archives[0].stat().st_size // 2
    return Installation.from_settings(installation.settings.model_copy(update={"max_cache_size": room}))


def test_what_was_asked_for_longest_ago_goes_when_the_cache_is_full(local: Installation, tmp_path: Path) -> None:
    first, second, third, fourth = fill(local, tmp_path, 4)
    small = roomy_for(local, [first, second, third])
    assert small.registry.load("default", "echo", "1.0.0").path == first
    fourth.unlink()
    assert small.registry.load("default", "echo", "1.0.3").path == fourth
    assert [path.exists() for path in (first, second, third, fourth)] == [True, False, True, True]
    assert small.registry.load("default", "echo", "1.0.1").path.read_bytes()
    assert [path.exists() for path in (first, second, third, fourth)] == [True, True, False, True]


def test_what_was_asked_for_just_now_stays_though_the_cache_is_full(local: Installation, tmp_path: Path) -> None:
    cached = fill(local, tmp_path, 3)
    small = Installation.from_settings(local.settings.model_copy(update={"max_cache_size": 1}))
    for number in (0, 1):
        small.registry.load("default", "echo", f"1.0.{number}")
    cached[2].unlink()
    small.registry.load("default", "echo", "1.0.2")
    assert [path.exists() for path in cached] == [True, True, True]


def test_a_cache_that_cannot_be_tidied_up_serves(
    local: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = fill(local, tmp_path, 2)
    second.unlink()
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == first:
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert roomy_for(local, [first]).registry.load("default", "echo", "1.0.1").path == second
    assert "can't be tidied up: [Errno 13]" in caplog.text


def test_the_drafts_of_the_dead_go_and_those_of_the_living_stay(local: Installation, tmp_path: Path) -> None:
    (cached,) = fill(local, tmp_path, 1)
    cached.unlink()
    dead, living = (cached.parents[1] / f".{uuid.uuid4().hex}.zip" for _ in range(2))
    for draft in (dead, living):
        draft.touch()
    long_ago = time.time() - cache_module.ABANDONED - 60
    os.utime(dead, (long_ago, long_ago))
    local.registry.load("default", "echo", "1.0.0")
    assert (dead.exists(), living.exists()) == (False, True)


def test_a_cache_that_may_only_be_read_serves(
    local: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cached,) = fill(local, tmp_path, 1)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refuse)
    assert local.registry.load("default", "echo", "1.0.0").path == cached


def test_a_skill_that_left_the_cache_while_its_run_waited_is_fetched_again(runner: Runner) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    push(runner, name, "echo '{\"ran\": true}' >/sandbox/out/output.json", lang="bash")
    request, options = RunRequest(skill=name), RunOptions(key=uuid.uuid4().hex)
    steps = Steps(
        runner.installation,
    )
    execution = steps.create_record(request, options)
    skill = steps.load_skill(execution, options)
    runner.installation.registry.load("default", name, "1.0.0").path.unlink()
    steps.create_container(execution, skill, request, options)
    result = Runner(Installation.from_settings(runner.installation.settings)).run(request, options)
    assert (result.status, result.output) == (Status.SUCCESS, {"ran": True}), result


def test_a_skill_that_leaves_the_cache_while_it_is_delivered_is_delivered_anew(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"t-{uuid.uuid4().hex[:12]}"
    push(runner, name, "echo '{\"ran\": true}' >/sandbox/out/output.json", lang="bash")
    cached = runner.installation.registry.load("default", name, "1.0.0").path
    reads, gone = SkillArchive.read, []

    def read(archive: SkillArchive, file: SkillFile) -> Iterator[bytes]:
        if archive.path == cached and not gone:
            cached.unlink()
            gone.append(file.path)
        return reads(archive, file)

    monkeypatch.setattr(SkillArchive, "read", read)
    result = Runner(Installation.from_settings(runner.installation.settings)).run(RunRequest(skill=name))
    assert (result.status, result.output) == (Status.SUCCESS, {"ran": True}), result
    assert gone
    assert cached.is_file()


def test_a_skill_that_became_another_while_its_run_waited_does_not_run(local: Installation, tmp_path: Path) -> None:
    local.registry.push("default", archive(tmp_path))
    loaded = local.registry.load("default", "echo", "1.0.0")
    local.registry.delete("default", "echo", "1.0.0")
    local.registry.push("default", other(tmp_path))
    assert local.registry.again("default", "echo", "1.0.0", loaded.digest).digest == loaded.digest
    loaded.path.unlink()
    with pytest.raises(ChangedObjectError, match="pushed anew"):
        local.registry.again("default", "echo", "1.0.0", loaded.digest)
