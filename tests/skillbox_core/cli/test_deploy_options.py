"""What `skillbox deploy` makes of `--file` and `--secret`."""

from __future__ import annotations

import pytest

from skillbox_core.cli.deploy import read_files, read_secrets
from skillbox_core.errors import InvalidRequestError


def test_files_and_secrets_are_pairs() -> None:
    assert read_files(["a.csv=/x/y=z", "*.png=https://x/?a=b", "*.png=p", "e="]) == [
        ("a.csv", "/x/y=z"),
        ("*.png", "https://x/?a=b"),
        ("*.png", "p"),
        ("e", ""),
    ]
    assert read_secrets(["KEY=my-key", "OTHER=my-key"]) == {"KEY": "my-key", "OTHER": "my-key"}


@pytest.mark.parametrize("value", ["orders.csv", "=/x", "https://x/?a=b"])
def test_a_file_without_a_name_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequestError, match="does not say which of the skill's files it is"):
        read_files(["a=b", value])


@pytest.mark.parametrize("value", ["hunter2", "=hunter2", "hunter2="])
def test_a_secret_that_is_no_pair_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(InvalidRequestError, match="--secret number 2 is not ENV=BLOCK") as caught:
        read_secrets(["A=b", value])
    assert "hunter2" not in str(caught.value)
    with pytest.raises(InvalidRequestError, match="--secret gives A twice"):
        read_secrets(["A=b", "A=c"])
