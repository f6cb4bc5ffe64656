"""Which images may run, which stand in for others, and which are pinned."""

from __future__ import annotations

import pytest

from skillbox_core.base.names import split_digest
from skillbox_core.errors import ImageNotAllowedError
from skillbox_core.sandbox.allowlist import resolve_image, validate_image

ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")


def test_an_image_on_the_allowlist_is_allowed() -> None:
    validate_image("bash:5", ["python:3.12-slim", "bash:5"])


@pytest.mark.parametrize("image", ["", "Bash:5", "bash", "bash:5 ", "bash:50", "docker.io/library/bash:5"])
def test_an_image_that_is_not_exactly_on_the_allowlist_is_refused(image: str) -> None:
    with pytest.raises(ImageNotAllowedError):
        validate_image(image, ["bash:5", ""])


@pytest.mark.parametrize("nothing", [[], (), None])
def test_an_empty_allowlist_refuses_everything(nothing: list[str] | None) -> None:
    with pytest.raises(ImageNotAllowedError, match="none"):
        validate_image("bash:5", nothing)


@pytest.mark.parametrize(
    ("asked", "allowlist", "aliases", "used"),
    [
        ("a", ["a"], {}, "a"),
        ("a", ["a"], {"a": "b", "b": "c"}, "b"),
        ("a", [f"a@{ONE}"], {}, f"a@{ONE}"),
        (f"a@{ONE}", [f"a@{ONE}"], {}, f"a@{ONE}"),
        # A pin on the allowlist holds for whatever stands in, unless the alias has one of its own.
        ("a", [f"a@{ONE}"], {"a": "b"}, f"b@{ONE}"),
        ("a", [f"a@{ONE}"], {"a": f"b@{TWO}"}, f"b@{TWO}"),
        ("a", ["a"], {"a": f"b@{TWO}"}, f"b@{TWO}"),
        (f"a@{ONE}", [f"a@{ONE}"], {"a": f"b@{TWO}"}, f"b@{TWO}"),
    ],
)
def test_an_image_is_aliased_once_and_keeps_its_digest(
    asked: str, allowlist: list[str], aliases: dict[str, str], used: str
) -> None:
    validate_image(asked, allowlist)
    assert resolve_image(asked, allowlist, aliases) == used


@pytest.mark.parametrize("asked", [f"a@{TWO}", "a@", "a@sha256:1", f"b@{ONE}", ONE])
def test_a_digest_that_is_not_on_the_allowlist_is_refused(asked: str) -> None:
    with pytest.raises(ImageNotAllowedError):
        validate_image(asked, [f"a@{ONE}"])


@pytest.mark.parametrize(
    "image", ["a@", "a@b", "a@sha256:12", f"a@{ONE.upper()}", f"a@{ONE}\n", f"@{ONE}", f"a@{ONE}@{TWO}"]
)
def test_what_is_no_digest_is_refused(image: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        split_digest(image)
