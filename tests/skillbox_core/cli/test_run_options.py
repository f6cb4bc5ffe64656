"""What `skillbox run` says of an option that is not its own."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from skillbox_core.cli.app import app
from skillbox_core.errors import InvalidRequestError


@pytest.mark.parametrize(
    "arguments",
    [
        ["pdf", "scripts/x.py", "--strict"],
        ["pdf", "scripts/x.py", "-x", "in.pdf"],
        ["pdf", "scripts/x.py", "in.pdf", "--version"],
        ["pdf", "--strict"],
    ],
)
def test_where_a_scripts_arguments_go_is_said_to_who_forgot_the_dashes(arguments: list[str]) -> None:
    option = next(word for word in arguments if word.startswith("-"))
    ended = CliRunner().invoke(app, ["run", *arguments], env={"COLUMNS": "200"})
    assert ended.exit_code == 2
    assert f"arguments of a script go behind `--`: skillbox run NAME SCRIPT -- {option}" in ended.output


def test_an_option_of_our_own_without_its_value_is_no_scripts() -> None:
    ended = CliRunner().invoke(app, ["run", "pdf", "--input"], env={"COLUMNS": "200"})
    assert (ended.exit_code, "requires an argument" in ended.output, "behind" in ended.output) == (2, True, False)


@pytest.mark.parametrize("words", [["--", "in.pdf"], ["in.pdf"]])
def test_a_file_behind_an_entrypoint_is_told_its_way(words: list[str]) -> None:
    ended = CliRunner().invoke(app, ["run", "pdf#check", *words])
    assert isinstance(ended.exception, InvalidRequestError)
    said = str(ended.exception)
    assert '"in.pdf" is one more, or a script, which is another call (files go by --file and values' in said


def test_an_entrypoint_takes_no_arguments_beside_those_of_its_overlay() -> None:
    ended = CliRunner().invoke(app, ["run", "pdf#check", "--", "--strict", "x"])
    assert isinstance(ended.exception, InvalidRequestError)
    assert 'the arguments of `pdf#check` are said by its overlay, and "--strict" is one more' in str(ended.exception)
