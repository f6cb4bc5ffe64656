"""`skillbox exec files --cat`, `--download` and `skillbox exec open`: a skill's files, for a person and for a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from skillbox_core import RunResult, Settings
from skillbox_core.cli.opening import desktop_program, is_text, open_file
from skillbox_core.errors import InvalidRequestError
from skillbox_core.installation import Installation
from tests.services.commands import Command
from tests.services.results import begun, left

SKILLBOX = str(Path(sys.executable).parent / "skillbox")
STEERING = b"red \x1b[31m title \x1b]0;x\x07 back\x08 \xc2\x9b1A\r\nnext \xc3\xa9 line\n"
FILES = {
    "rows.csv": b"kind,n\r\nb,5\r\n",
    "chart.png": b"\x89PNG\r\n\x1a\n\xff\0",
    "steering.txt": STEERING,
    "late.txt": b"text\n" * 20_000 + b"\xff\x1b[2J\n",
    "run.desktop": b"[Desktop Entry]\nExec=touch /tmp/never\n",
    "Makefile": b"all:\n",
    "deep/er/notes.md": b"# notes\n",
}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation.from_settings(Settings(home=tmp_path / "home", db_dsn="", s3_endpoint=""))


@pytest.fixture
def result(installation: Installation) -> RunResult:
    return left(installation, FILES)


@pytest.fixture
def environment(installation: Installation, tmp_path: Path) -> dict[str, str]:
    installation.settings.home.mkdir(exist_ok=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "temporary").mkdir()
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("SKILLBOX_", "DISPLAY", "WAYLAND"))
    }
    return {
        **ours,
        "SKILLBOX_HOME": str(installation.settings.home),
        "SKILLBOX_DB_DSN": "",
        "SKILLBOX_S3_ENDPOINT": "",
        "TMPDIR": str(tmp_path / "temporary"),
        # The command of this very checkout, wherever the environment's own is.
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
    }


def on_terminal(environment: dict[str, str], *arguments: str) -> str:
    """What the command draws on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([SKILLBOX, *arguments], env={**environment, "TERM": "xterm"}, stdout=theirs, stderr=theirs):
        os.close(theirs)
        drawn = b""
        try:
            while part := os.read(ours, 65536):
                drawn += part
        except OSError:
            pass
    os.close(ours)
    return drawn.decode()


@pytest.mark.parametrize("path", FILES)
def test_a_pipe_has_a_file_byte_by_byte(path: str, result: RunResult, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [SKILLBOX, "exec", "files", result.execution_id[:8], "--cat", path],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (FILES[path], b"")


def test_a_terminal_has_text_that_steers_nothing_and_no_other_bytes(
    result: RunResult, environment: dict[str, str]
) -> None:
    assert on_terminal(environment, "exec", "files", result.execution_id, "--cat", "rows.csv") == "kind,n\r\nb,5\r\n"
    drawn = on_terminal(environment, "exec", "files", result.execution_id, "--cat", "steering.txt")
    assert (r"red \x1b[31m" in drawn, r"back\x08 \x9b1A" in drawn, "é line" in drawn) == (True, True, True)
    assert drawn.replace("\r\n", "").isprintable()
    late = on_terminal(environment, "exec", "files", result.execution_id, "--cat", "late.txt")
    assert late.endswith("text\r\n\\xff\\x1b[2J\r\n")
    binary = on_terminal(environment, "exec", "files", result.execution_id, "--cat", "chart.png")
    assert "'chart.png' is not text, and this is a terminal" in binary
    assert "PNG" not in binary


@pytest.mark.parametrize(
    ("beginning", "text"),
    [
        (b"", True),
        (b"plain\n", True),
        ("é".encode()[:1], True),  # cut in the middle
        (b"\xff", False),
        (b"a\0b", False),
        ("a".encode("utf-16"), False),
    ],
)
def test_text_is_told_by_its_beginning(beginning: bytes, text: bool) -> None:
    assert is_text(beginning) is text


def test_files_are_listed_and_downloaded(
    command: Command, result: RunResult, environment: dict[str, str], tmp_path: Path
) -> None:
    listed = command("exec", "files", result.execution_id, env=environment)
    assert listed.stdout.split() == [*FILES]
    done = command("exec", "files", result.execution_id, "--download", str(tmp_path / "out"), env=environment)
    assert done.stdout.splitlines() == [str(tmp_path / "out" / path) for path in FILES]
    assert (tmp_path / "out" / "deep" / "er" / "notes.md").read_bytes() == FILES["deep/er/notes.md"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["files", "ID", "--cat", "row.csv"], 2, "did you mean 'rows.csv'?"),
        (["open", "ID", "row.csv"], 2, "did you mean 'rows.csv'?"),
        (["open", "ID", "../../etc/passwd.txt"], 2, "left no file"),
        (["files", "ID", "--cat", "rows.csv", "--download", "out"], 2, "only one of them"),
        (["files", "ID", "--cat", "rows.csv", "--tenant", "acme"], 2, "there is no execution"),
        (["open", "ID", "run.desktop"], 2, "'run.desktop' is not opened"),
        (["open", "ID", "Makefile"], 2, "does with a name without an extension"),
        (["files", "RUNNING", "--cat", "rows.csv"], 2, "still running"),
        (["files", "RUNNING", "--download", "out"], 2, "still running"),
        (["files", "RUNNING"], 0, "still running"),
        (["open", "RUNNING", "rows.csv"], 2, "still running"),
        (["open", "NONE", "rows.csv"], 2, "left no files"),
        (["files", "NONE", "--download", "out"], 0, "left no files"),
    ],
)
def test_what_can_not_be_had_is_said_in_one_sentence_and_leaves_nothing_behind(
    arguments: list[str], code: int, said: str, command: Command, installation: Installation, result: RunResult,
    environment: dict[str, str], tmp_path: Path,
) -> None:  # fmt: skip
    ids = {"ID": result.execution_id, "RUNNING": begun(installation).id, "NONE": left(installation, {}).execution_id}
    done = command("exec", *(ids.get(word, word) for word in arguments), env=environment, cwd=tmp_path)
    assert (done.returncode, done.stdout, said in done.stderr) == (code, "", True), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [*(tmp_path / "temporary").iterdir(), *tmp_path.glob("out/*")] == []


def test_files_that_are_gone_end_in_the_exit_code_of_the_store(
    command: Command, installation: Installation, result: RunResult, environment: dict[str, str], tmp_path: Path
) -> None:
    (installation.settings.home / "store" / "executions" / result.artifacts.key).unlink()
    for arguments in (["files", result.execution_id, "--cat", "rows.csv"], ["open", result.execution_id, "rows.csv"]):
        done = command("exec", *arguments, env=environment)
        assert (done.returncode, done.stdout, "no longer in the store" in done.stderr) == (4, "", True)
    assert list((tmp_path / "temporary").iterdir()) == []


def desktop(tmp_path: Path, script: str) -> None:
    """Makes this the program that opens files."""
    program = tmp_path / "bin" / "xdg-open"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="the desktop's program has another name")
def test_a_file_is_opened_with_the_desktops_program_which_gets_no_password(
    result: RunResult, environment: dict[str, str], tmp_path: Path
) -> None:
    desktop(tmp_path, f'echo "$1" > {tmp_path}/opened; env > {tmp_path}/seen')
    more = {"DISPLAY": ":7", "SKILLBOX_S3_SECRET_KEY": "hunter2"}
    opening = [SKILLBOX, "exec", "open", result.execution_id, "deep/er/notes.md"]
    done = subprocess.run(opening, env={**environment, **more}, capture_output=True, text=True)
    place = Path(done.stdout.strip())
    assert (done.returncode, done.stderr, (tmp_path / "opened").read_text()) == (0, "", f"{place}\n")
    assert place.read_bytes() == FILES["deep/er/notes.md"]
    assert place.is_relative_to(tmp_path / "temporary")
    assert place.parents[2].stat().st_mode & 0o777 == 0o700
    seen = (tmp_path / "seen").read_text()
    assert ("DISPLAY=:7" in seen, "hunter2" in seen) == (True, False)


@pytest.mark.skipif(sys.platform != "linux", reason="the desktop's program has another name")
def test_where_nothing_opens_a_file_it_is_said_where_it_lies(
    command: Command, result: RunResult, environment: dict[str, str], tmp_path: Path
) -> None:
    desktop(tmp_path, "exit 3")
    nobody = command("exec", "open", result.execution_id, "rows.csv", env=environment)
    assert (nobody.returncode, "no desktop here" in nobody.stderr) == (0, True)
    failed = command("exec", "open", result.execution_id, "rows.csv", env={**environment, "WAYLAND_DISPLAY": "w"})
    assert (failed.returncode, "(exit code 3)" in failed.stderr) == (1, True)
    for done in (nobody, failed):
        assert Path(done.stdout.strip()).read_bytes() == FILES["rows.csv"]


@pytest.mark.parametrize(
    ("platform", "environment", "there", "program"),
    [
        ("linux", {"DISPLAY": ":0"}, {"xdg-open"}, "xdg-open"),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, {"xdg-open"}, "xdg-open"),
        ("linux", {"DISPLAY": ":0"}, {"open"}, None),
        ("linux", {"DISPLAY": ""}, {"xdg-open"}, None),
        ("linux", {}, {"xdg-open"}, None),
        ("darwin", {}, {"open", "xdg-open"}, "open"),
        ("darwin", {}, set(), None),
    ],
)
def test_the_desktops_program_is_the_platforms(
    platform: str, environment: dict[str, str], there: set[str], program: str | None
) -> None:
    assert desktop_program(platform, environment, lambda name: name if name in there else None) == program


def test_a_run_that_ended_since_it_was_looked_at_opens_no_more_than_any_other(
    result: RunResult, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", environment["TMPDIR"])
    running = result.model_copy(update={"files_list": ()})
    with pytest.raises(InvalidRequestError, match="may be to run it"):
        open_file(running, "run.desktop")
    assert list(Path(environment["TMPDIR"]).iterdir()) == []
