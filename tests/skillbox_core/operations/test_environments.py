"""What three places say of environments, and which one is meant."""

from __future__ import annotations

import pytest

from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Interpreter, Tree
from skillbox_core.operations.environments import find_environment, merged, why_kept
from skillbox_core.sandbox.pruning import RECENT, StoredEnvironment
from skillbox_core.storage.environment_records import KnownTree

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
AB = f"sha256:{'a' * 10}{'b' * 54}"
BASE = f"sha256:{'0' * 64}"
PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")
NEWER = Interpreter("3.12.1", "x86_64", "glibc 2.36")


def row(digest: str, interpreter: Interpreter = PYTHON, lock: str = "sha256:lock") -> KnownTree:
    return KnownTree(lock, interpreter, Tree(digest, 10))


def image(digest: str, used: float, base: str = BASE) -> StoredEnvironment:
    return StoredEnvironment(f"skillbox-environment:{digest[7:]}", digest, base, 10, used)


def test_what_each_place_knows_is_told_together_and_the_last_used_first() -> None:
    found = merged([row(A), row(A, NEWER), row(B)], [A, C], [image(A, 5.0), image(B, 7.0), image(A, 6.0, B)])
    told = [(one.digest, one.size, one.interpreters, one.stored, one.used) for one in found]
    assert told == [
        (B, 10, (PYTHON.text,), False, 7.0),
        (A, 10, (PYTHON.text, NEWER.text), True, 6.0),
        (C, None, (), True, None),
    ]
    assert [one.used for one in found[1].images] == [6.0, 5.0]


def test_a_document_names_the_bases_of_images_that_are_known() -> None:
    document = merged([row(A)], [A], [image(A, 0.0)])[0].document({BASE: "python:3.12-slim"})
    assert document == {
        "digest": A,
        "size": 10,
        "interpreters": [PYTHON.text],
        "stored": True,
        "on_engine": [
            {
                "image": f"skillbox-environment:{'a' * 64}",
                "base": BASE,
                "base_name": "python:3.12-slim",
                "used_at": "1970-01-01T00:00:00+00:00",
            }
        ],
    }


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("sha256:aaaaaaa", "8 or more hexadecimal digits"),
        ("sha256:AAAAAAAAAA", "8 or more hexadecimal digits"),
        ("sha256:", "8 or more hexadecimal digits"),
        (A + "a", "8 or more hexadecimal digits"),
        ("sha256:aaaaaaaaaa", "2 environments begin with"),
        ("sha256:dddddddddd", "there is no environment"),
    ],
)
def test_a_digest_that_tells_no_single_environment_is_an_error(asked: str, told: str) -> None:
    found = merged([row(A), row(AB)], [], [])
    with pytest.raises(InvalidRequestError) as raised:
        find_environment(found, asked)
    assert told in str(raised.value)


def test_the_beginning_of_a_digest_is_enough() -> None:
    found = merged([row(A), row(AB)], [], [])
    assert find_environment(found, "sha256:aaaaaaaaaab").digest == AB
    assert find_environment(found, A).digest == A


def test_what_stays_is_in_use_or_was_used_a_moment_ago() -> None:
    left = [image(A, 0.0), image(B, RECENT)]
    assert [why for _, why in why_kept(left, RECENT + 1)] == ["a container is made from it", "it was used a moment ago"]
