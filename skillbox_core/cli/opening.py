"""A stored file for a person: on stdout, or with the program that the desktop has for it."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from skillbox_core.base.text import harmless
from skillbox_core.cli.output import EXIT_FAILED, fail, note
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import RunResult

OPENING_TIMEOUT = 5
"""Seconds after which the desktop's program has not failed; some end only when their window is closed."""
_BEGINNING = 64 * 1024
_SHOWN = frozenset(
    (
        *(".bmp", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".tif", ".tiff", ".webp"),
        *(".mp3", ".mp4", ".ogg", ".wav", ".webm"),
        *(".csv", ".geojson", ".htm", ".html", ".ipynb", ".json", ".jsonl", ".log", ".md", ".ndjson", ".tsv", ".txt"),
        *(".xml", ".yaml", ".yml"),
        *(".arrow", ".arrows", ".docx", ".feather", ".parquet", ".pdf", ".pptx", ".xlsx"),
    )
)
"""Extensions of what desktops show. The skill chose the name, and a .desktop, .terminal or .sh may be run instead."""


def print_file(result: RunResult, path: str) -> None:
    """Writes a file to stdout, byte by byte; to a terminal only text, of which nothing can steer it.

    Raises:
        InvalidRequestError: It is not text, and stdout is a terminal.
        SkillboxError: As `RunResult.open`.
    """
    with result.open(path) as file:
        if not sys.stdout.isatty():
            shutil.copyfileobj(file, sys.stdout.buffer)
            return
        if not is_text(file.read(_BEGINNING)):
            raise InvalidRequestError(
                f"{path!a} is not text, and this is a terminal",
                hint="send it to a file or a program with > or |, or see `skillbox exec open`",
            )
        file.seek(0)
        text = io.TextIOWrapper(file, "utf-8-sig", "backslashreplace")
        while part := text.read(_BEGINNING):
            sys.stdout.write(harmless(part))


def is_text(beginning: bytes) -> bool:
    """Whether the beginning of a file is UTF-8 text. Pure."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return b"\0" not in beginning


def open_file(result: RunResult, path: str) -> int:
    """Puts a file into a folder of its own, says where, and opens it with the desktop's program, if there is one.

    Returns:
        The exit code.

    Raises:
        InvalidRequestError: It is of a kind that a desktop may run.
        SkillboxError: As `RunResult.download`.
    """
    if path in result.files_list:
        _check_kind(path)
    folder = Path(tempfile.mkdtemp(prefix=f"skillbox-{result.execution_id[:8]}-"))
    try:
        (file,) = result.download(folder, path)
        # A run that ended meanwhile has files that this result does not list.
        _check_kind(path)
    except BaseException:
        shutil.rmtree(folder)
        raise
    print(file, flush=True)
    program = desktop_program(sys.platform, os.environ, shutil.which)
    if program is None:
        note("there is no desktop here that could open it")
        return 0
    # Whatever opens it has no use for our passwords.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SKILLBOX_")}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603 - a path of our own, which begins with a slash
        [program, str(file)], env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        code = process.wait(OPENING_TIMEOUT)
    except subprocess.TimeoutExpired:
        return 0
    if code:
        fail(f"{program} found no program for it, or failed (exit code {code}); the file stays there")
    return EXIT_FAILED if code else 0


def _check_kind(path: str) -> None:
    kind = PurePosixPath(path).suffix.lower()
    if kind not in _SHOWN:
        what = f"a {kind}" if kind else "a name without an extension"
        raise InvalidRequestError(
            f"{path!a} is not opened: what a desktop does with {what} is up to the desktop, and may be to run it",
            hint="`skillbox exec files ID --download DIR` puts it into a folder",
        )


def desktop_program(platform: str, environment: Mapping[str, str], which: Callable[[str], str | None]) -> str | None:
    """What opens files as a double click does; None where nobody would see it."""
    if platform == "darwin":
        return which("open")
    return which("xdg-open") if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY") else None
