"""What a terminal shows of a run while it goes on."""

from __future__ import annotations

import io

from rich.console import Console

from skillbox_core.cli.terminal_log import TerminalLog


def shown(*lines: tuple[str, str]) -> str:
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    with TerminalLog(console, "running [b]x") as log:
        for stream, line in lines:
            log.show(stream, line)
    return terminal.getvalue()


def test_progress_is_a_bar_and_its_lines_are_not_printed() -> None:
    text = shown(
        ("stdout", "first"), ("stderr", "::progress 12"), ("stdout", "second"), ("stderr", "::progress 40 rows")
    )
    assert "40%" in text
    assert "rows" in text
    assert "━" in text
    assert "::progress" not in text
    assert [line for line in ("first", "second") if line in text] == ["first", "second"]
    assert text.index("first") < text.index("━") < text.index("40%"), "the bar comes with the first word of progress"


def test_what_is_no_progress_is_an_ordinary_line() -> None:
    text = shown(("stderr", "::progress soon"), ("stdout", "::progress 40"), ("stderr", "::progress 101"))
    assert [line for line in ("::progress soon", "::progress 40", "::progress 101") if line in text] != []
    assert text.count("::progress") == 3
    assert "━" not in text


def test_a_stranger_words_beside_the_bar_are_text() -> None:
    text = shown(("stderr", "::progress 40 [red]a[/red]\x1b[2J\u202e"))
    assert "[red]a[/red]\\x1b[2J\\u202e" in text
    assert "\x1b[2J" not in text
    assert "running [b]x" in text
