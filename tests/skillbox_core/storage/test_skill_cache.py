"""What a process holds of the archives that it has read: the same until the file changes, and never too much."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from skillbox_core.skills.archive import MAX_ENTRIES, SkillArchive, inspect_archive
from skillbox_core.skills.package import package
from skillbox_core.storage import skill_cache
from skillbox_core.storage.skill_cache import SkillCache

SIZE = 2**20


@pytest.fixture
def cache(tmp_path: Path) -> SkillCache:
    return SkillCache(tmp_path / "cache", SIZE, 100 * SIZE, MAX_ENTRIES)


def _kept(cache: SkillCache, tmp_path: Path, number: int) -> SkillArchive:
    folder = tmp_path / f"skill-{number}"
    folder.mkdir()
    (folder / "SKILL.md").write_text(f"---\nname: held\nversion: 1.0.{number}\ndescription: Held.\n---\nText.\n")
    (folder / "main.py").write_text("print(1)\n")
    with cache.draft() as draft:
        package(folder, draft, SIZE)
        return cache.keep(draft, inspect_archive(draft, SIZE))


def test_an_archive_is_read_once(cache: SkillCache, tmp_path: Path) -> None:
    kept = _kept(cache, tmp_path, 0)
    assert cache.get(kept.digest) is kept


def _replace(path: Path) -> None:
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def _write(path: Path) -> None:
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the file system's clock ticks every few milliseconds
        path.write_bytes(path.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [_replace, _write, os.utime, lambda path: os.utime(path, (1, 1))])
def test_a_file_that_may_have_changed_is_read_again(
    cache: SkillCache, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    kept = _kept(cache, tmp_path, 0)
    change(kept.path)
    again = cache.get(kept.digest)
    assert again == kept
    assert again is not kept
    assert cache.get(kept.digest) is again


def test_one_that_has_gone_is_not_there_though_it_is_held(cache: SkillCache, tmp_path: Path) -> None:
    kept = _kept(cache, tmp_path, 0)
    kept.path.unlink()
    assert cache.get(kept.digest) is None


def _age(path: Path, seconds: float) -> None:
    """Makes an archive, and its mark, so much older than they are."""
    for each in (path, path.with_suffix(".asked")):
        if each.exists():
            then = each.stat().st_mtime - seconds
            os.utime(each, (then, then))


def test_one_that_is_used_is_marked_as_used_and_read_no_more_for_that(cache: SkillCache, tmp_path: Path) -> None:
    kept = _kept(cache, tmp_path, 0)
    _age(kept.path, skill_cache.TOUCH_EVERY + 1)
    held = cache.get(kept.digest)
    for _ in range(2):
        mark = kept.path.with_suffix(".asked")
        assert time.time() - mark.stat().st_mtime < skill_cache.TOUCH_EVERY
        os.utime(mark, (1, 1))
        assert cache.get(kept.digest) is held


def test_one_that_is_asked_for_stays_and_one_that_goes_takes_its_mark_along(tmp_path: Path) -> None:
    cache = SkillCache(tmp_path / "cache", SIZE, 1, MAX_ENTRIES)
    used, unused = (_kept(cache, tmp_path, number) for number in range(2))
    for each in (used, unused):
        _age(each.path, skill_cache.ABANDONED + 1)
        assert cache.get(each.digest)
    _age(unused.path, skill_cache.ABANDONED + 1)
    left, early = (used.path.with_name(f"{name}.asked") for name in ("left", "early"))
    for mark in (left, early):
        mark.touch()
    _age(left.with_suffix(".asked"), skill_cache.ABANDONED + 1)
    _kept(cache, tmp_path, 2)
    marks = [each.path.with_suffix(".asked") for each in (used, unused)]
    assert [path.exists() for path in (used.path, unused.path, *marks)] == [True, False, True, False]
    assert [mark.exists() for mark in (left, early)] == [False, True]


def test_a_cache_that_cannot_be_written_holds_what_was_read(
    cache: SkillCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = _kept(cache, tmp_path, 0)
    _age(kept.path, skill_cache.TOUCH_EVERY + 1)
    held = cache.get(kept.digest)
    kept.path.with_suffix(".asked").unlink()

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(os, "utime", refuse)
    assert held is not None
    assert cache.get(kept.digest) is held
    assert not kept.path.with_suffix(".asked").exists()


def test_no_more_is_held_than_fits(cache: SkillCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill_cache, "HELD_FILES", 5)
    kept = [_kept(cache, tmp_path, number) for number in range(4)]
    assert [cache.get(one.digest) is one for one in reversed(kept)] == [True, True, False, False]
