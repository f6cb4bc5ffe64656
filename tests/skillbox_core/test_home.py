"""The installation's folder: made for one user alone, and what the doctor says of one that is there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deployments.local import main as set_up
from skillbox_core import Settings
from skillbox_core.operations.doctor import home_check


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


def test_a_private_folder_with_room_is_fine_and_so_is_one_to_be_made(home: Path) -> None:
    check = home_check(Settings(home=home, max_concurrent_execs=1))
    assert (check.level, check.part) == ("OK", "home")
    assert check.found.startswith(f"{home}, ")
    assert list(home.iterdir()) == []
    check = home_check(Settings(home=home / "none" / "yet"))
    assert (check.level, check.found) == ("OK", f"{home}/none/yet will be made by the first run")
    assert not (home / "none").exists()


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_folder_that_others_can_enter_is_told_with_what_to_do(home: Path, mode: int) -> None:
    home.chmod(mode)
    check = home_check(Settings(home=home))
    assert (check.level, check.found) == ("WARN", f"{home} is open to other users (mode {mode:o})")
    assert check.advice == f"`chmod 700 {home}`"


def test_runs_that_may_want_more_than_is_free_are_told(home: Path) -> None:
    check = home_check(Settings(home=home, max_input_files_size=2**60, max_concurrent_execs=2))
    assert check.level == "WARN"
    assert check.found.endswith("2 runs at once may want 2147483648.5")
    assert "SKILLBOX_MAX_CONCURRENT_EXECS" in check.advice


def test_a_home_that_is_no_folder_is_told(home: Path) -> None:
    (home / "file").touch()
    check = home_check(Settings(home=home / "file"))
    assert (check.level, check.found) == ("FAIL", f"{home}/file can't be written: Not a directory")
    assert check.advice == "see SKILLBOX_HOME; `skillbox setup` makes one"


def test_the_set_up_makes_it_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / ".skillbox"
    monkeypatch.setattr(set_up, "STATE", state)
    monkeypatch.setattr(set_up, "LOGS", state / "log")
    for _ in range(2):
        with set_up._alone():
            assert stat.S_IMODE(state.stat().st_mode) == 0o700
    state.chmod(0o750)  # somebody's own decision
    with set_up._alone():
        assert stat.S_IMODE(state.stat().st_mode) == 0o750
