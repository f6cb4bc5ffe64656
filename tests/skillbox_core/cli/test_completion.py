"""Shell completion: what it offers, and that it loads nothing that a key press would have to wait for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from skillbox_core.cli.app import app

MAIN = "import sys\nfrom skillbox_core.cli import main\n"
HEAVY = ("pydantic_settings", "sqlalchemy", "docker", "prefect", "rich.progress", "skillbox_core.settings")


def completed(words: str, number: int, shell: str = "bash") -> tuple[list[str], list[str]]:
    """What a shell is offered, and which heavy modules were loaded for it."""
    code = (
        f"{MAIN}try: main()\nexcept SystemExit: pass\n"
        f"print('|', *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    environment = {
        **os.environ, "_SKILLBOX_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": str(number),
        "_TYPER_COMPLETE_ARGS": words,
    }  # fmt: skip
    command = [sys.executable, "-c", f"import sys; sys.argv = ['skillbox']\n{code}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split(), done.stderr.split("|")[1].split()


@pytest.mark.parametrize(
    ("words", "number", "offered"),
    [
        ("skillbox ru", 1, ["run"]),
        (
            "skillbox skill ",
            2,
            ["package", "lint", "push", "list", "index", "show", "delete", "export", "import", "adopt"],
        ),
        ("skillbox env ", 2, ["list", "show", "build", "prune"]),
        ("skillbox pool ", 2, ["list", "drain"]),
        ("skillbox run --me", 2, ["--memory"]),
        ("skillbox exec list --status c", 4, ["cancelled"]),
    ],
)
def test_commands_options_and_choices_are_completed_at_once(words: str, number: int, offered: list[str]) -> None:
    assert completed(words, number) == (offered, [])


def test_the_script_for_a_shell_can_be_shown() -> None:
    environment = {**os.environ, "_SKILLBOX_COMPLETE": "source_zsh"}
    command = [sys.executable, "-c", f"import sys; sys.argv = ['skillbox']\n{MAIN}main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert "#compdef skillbox" in done.stdout


def test_help_names_the_options_for_it() -> None:
    told = CliRunner().invoke(app, ["--help"]).stdout
    assert "--install-completion" in told
    assert "--show-completion" in told
