"""An `.env` means the same to whoever reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from skillbox_core.base import env_file


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "/with blanks",
        "it's",
        'say "so"',
        "a'b\"c",
        "$HOME `id` #!",
        "a\\nb 'c'",
        "back\\",
        "",
        "a=b,c=d",
    ],
)
def test_a_value_is_the_same_to_a_shell_to_prefect_and_to_the_set_up(tmp_path: Path, value: str) -> None:
    file = tmp_path / ".env"
    file.write_text(env_file.merge("OTHER='as it is'\nNAME=old\n", {"NAME": value, "LAST": "x"}, ["NAME", "LAST"]))
    script = f"set -eua; . {file}; set +a; printenv NAME"
    said = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert said.stdout == f"{value}\n"
    for read in (dict(dotenv_values(file, interpolate=False)), env_file.parse(file.read_text())):
        assert read == {"OTHER": "as it is", "NAME": value, "LAST": "x"}


@pytest.mark.parametrize("value", ["two\nlines", "it's $5", "\udce9"])
def test_a_value_that_a_shell_and_prefect_would_read_apart_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="can't stand in"):
        env_file.merge("", {"NAME": value}, ["NAME"])
