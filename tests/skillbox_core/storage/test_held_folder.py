"""Folders of the spool that belong to a process: theirs while it lives, the clean-up's when it is gone."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from skillbox_core.storage import held_folder
from skillbox_core.storage.held_folder import HeldFolder, abandoned, is_abandoned, remove_abandoned
from skillbox_core.storage.spool import discard

HOLD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from skillbox_core.storage.held_folder import HeldFolder\n"
    "folder = HeldFolder(Path(sys.argv[1]))\n"
    "(folder.path / '0').write_text('rows')\n"
    "print(folder.path.name, flush=True)\n"
    "sys.stdin.read()\n"
)


def holder(spool: Path) -> tuple[subprocess.Popen[str], Path]:
    """Another process with a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, spool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, spool / process.stdout.readline().strip()


def test_a_folder_is_private_and_gone_when_it_is_closed(tmp_path: Path) -> None:
    folder = HeldFolder(tmp_path)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    (folder.path / "0").write_text("rows")
    folder.close()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_nobody_refers_to_is_gone(tmp_path: Path) -> None:
    HeldFolder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_a_program_removes_its_folder(tmp_path: Path) -> None:
    process, folder = holder(tmp_path)
    assert folder.exists()
    process.communicate("")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_its_folder_to_the_clean_up(tmp_path: Path) -> None:
    process, folder = holder(tmp_path)
    assert abandoned(tmp_path) == []
    discard(folder)
    assert (folder / "0").exists()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert abandoned(tmp_path) == [folder]
    discard(folder)
    discard(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_this_process_is_not_abandoned(tmp_path: Path) -> None:
    folder = HeldFolder(tmp_path)
    assert not is_abandoned(folder.path)
    remove_abandoned(folder.path)
    assert folder.path.exists()


def test_a_forked_child_leaves_the_folder_to_its_parent(tmp_path: Path) -> None:
    read = "print(folder.path.name, flush=True)\nsys.stdin.read()\n"
    forked = read.replace("print", "    os.wait()\n    print").replace("sys.std", "    sys.std")
    program = HOLD.replace(read, f"import os\nif os.fork():\n{forked}")
    process = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    folder = tmp_path / process.stdout.readline().strip()
    assert (folder / "0").exists()
    process.communicate("")
    assert not folder.exists()


def test_a_clean_up_between_a_folder_and_its_lock_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, first = held_folder._locked, []

    def late(folder: Path, *, wait: bool) -> int | None:
        if wait and not first:
            first.append(folder)
            assert abandoned(tmp_path) == [folder]
            discard(folder)
        return locked(folder, wait=wait)

    monkeypatch.setattr(held_folder, "_locked", late)
    folder = HeldFolder(tmp_path)
    assert folder.path != first[0]
    assert os.listdir(tmp_path) == [folder.path.name]  # noqa: PTH208
