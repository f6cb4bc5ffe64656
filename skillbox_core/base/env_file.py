"""The text of an `.env`, which a shell, python-dotenv and a set-up without packages read alike.

Standard library only.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path


def read(path: Path) -> dict[str, str]:
    """The values of an `.env`; empty when there is none."""
    return parse(path.read_text("utf-8-sig")) if path.is_file() else {}


def parse(text: str) -> dict[str, str]:
    """Lines of NAME=VALUE; comments and blank lines are passed over."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): _unquoted(value.strip()) for name, _, value in pairs}


def _unquoted(text: str) -> str:
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        return text
    inner = text[1:-1]
    return re.sub(r'\\(["\\])', r"\1", inner) if text[0] == '"' else inner


def quoted(value: str) -> str:
    """A value as all of them read it.

    Raises:
        ValueError: There is no such form: the two quote otherwise, or it is not Unicode.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{value!a} can't stand in an .env: it is not UTF-8") from None
    if not set("'\\\n\r") & set(value):
        return shlex.quote(value)
    if set("$`\n\r") & set(value):
        raise ValueError(f"{value!r} can't stand in an .env: it has a line break, or ' or \\ beside $ or `")
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def merge(text: str, ours: Mapping[str, str], managed: Collection[str]) -> str:
    """The text of an `.env` with our values in it; lines that are not ours stay as they are.

    Args:
        managed: Every name that the set-up may write: those without a value now are taken out.

    Raises:
        ValueError: A value can't stand there.
    """
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in managed]
    return "\n".join([*kept, *(f"{name}={quoted(value)}" for name, value in ours.items())]) + "\n"


def write(path: Path, values: Mapping[str, str], managed: Collection[str]) -> None:
    """Updates an `.env`, whole or not at all, for its user alone.

    Raises:
        ValueError: A value can't stand there.
        OSError: It can't be written.
    """
    merged = merge(path.read_text("utf-8-sig") if path.is_file() else "", values, managed)
    draft = path.with_name(f".env.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(merged, "utf-8")
    draft.replace(path)
