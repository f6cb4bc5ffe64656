"""Which wheels an image takes."""

from __future__ import annotations

import pytest

from skillbox_core.environments.interpreter import read_answer
from skillbox_core.environments.node_interpreter import read_node
from skillbox_core.environments.platforms import check_python, check_reach, uv_platform
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills.environment_lock import Lock

PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")
ANSWER = {
    **{"version": "3.11.2", "machine": "x86_64", "bits": 64, "libc": "glibc 2.36"},
    **{"implementation": "cpython", "abiflags": ""},
}


@pytest.mark.parametrize(
    ("machine", "libc", "platform"),
    [
        ("x86_64", "glibc 2.36", "x86_64-manylinux_2_36"),
        ("aarch64", "glibc 2.41", "aarch64-manylinux_2_40"),
        ("x86_64", "glibc 2.30", "x86_64-manylinux_2_28"),
        ("x86_64", "glibc 2.17", "x86_64-manylinux_2_17"),
        ("x86_64", "musl 1.2", "x86_64-unknown-linux-musl"),
    ],
)
def test_the_highest_listed_libc_at_or_below_the_images_is_taken(machine: str, libc: str, platform: str) -> None:
    assert uv_platform(Interpreter("3.11.2", machine, libc)) == platform


@pytest.mark.parametrize("libc", ["glibc 2.12", "musl 1.1"])
def test_an_image_that_is_too_old_is_refused(libc: str) -> None:
    with pytest.raises(InvalidSkillError, match=f"{libc}: it is too old"):
        uv_platform(Interpreter("3.11.2", "x86_64", libc))


@pytest.mark.parametrize(
    ("version", "specifier", "fits"),
    [
        ("3.11.2", "", True),
        ("3.11.2", ">=3.11", True),
        ("3.11.2", ">=3.11.4", False),
        ("3.11", ">=3.11.4", True),
        ("3.11.2", ">=3.12", False),
        ("3.14.0", "<3.14", False),
    ],
)
def test_the_python_that_a_skill_asks_for_must_be_the_images(version: str, specifier: str, fits: bool) -> None:
    interpreter = Interpreter(version, "x86_64", "glibc 2.36")
    if fits:
        check_python(interpreter, specifier, "main.py")
        return
    with pytest.raises(InvalidSkillError, match=rf"main\.py needs Python {specifier}, and .* image has {version}"):
        check_python(interpreter, specifier, "main.py")


def test_what_an_image_says_of_its_python_is_read() -> None:
    assert read_answer(ANSWER) == Interpreter("3.11.2", "x86_64", "glibc 2.36")
    other = {**ANSWER, "machine": "arm64", "libc": "musl 1.2.5"}
    assert read_answer(other) == Interpreter("3.11.2", "aarch64", "musl 1.2")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"implementation": "pypy"}, "usual 64-bit CPython"),
        ({"abiflags": "t"}, "usual 64-bit CPython"),
        ({"bits": 32}, "usual 64-bit CPython"),
        ({"machine": "riscv64"}, "no wheels for an image"),
        ({"libc": ""}, "no wheels for an image"),
        ({"version": "2.7.18"}, "no wheels for an image"),
        ({"version": "3.11.2\n--find-links"}, "no wheels for an image"),
        ({"libc": {"a": 1}}, "no wheels for an image"),
    ],
)
def test_an_image_without_packages_for_it_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidSkillError, match=says):
        read_answer({**ANSWER, **change})


@pytest.mark.parametrize("answer", [None, [], "x", {}])
def test_an_image_may_say_anything(answer: object) -> None:
    with pytest.raises(InvalidSkillError):
        read_answer(answer)


@pytest.mark.parametrize(
    ("universal", "interpreter", "reaches"),
    [
        (True, PYTHON, True),
        (True, Interpreter("3.13.0", "aarch64", "musl 1.2"), True),
        (True, Interpreter("3.10.9", "x86_64", "glibc 2.36"), False),
        (False, Interpreter("3.11.9", "x86_64", "glibc 2.36"), True),
        (False, Interpreter("3.12.1", "x86_64", "glibc 2.36"), False),
        (False, Interpreter("3.11.2", "aarch64", "glibc 2.36"), False),
        (False, Interpreter("3.11.2", "x86_64", "glibc 2.28"), False),
    ],
)
def test_a_lock_says_whether_it_reaches_an_interpreter(
    universal: bool, interpreter: Interpreter, reaches: bool
) -> None:
    lock = Lock("requirements.txt", "a" * 64, PYTHON.text, universal, ())
    if reaches:
        check_reach(lock, interpreter)
        return
    with pytest.raises(InvalidSkillError, match=rf"made for Python 3\.11\.2 .* does not reach {interpreter.version}"):
        check_reach(lock, interpreter)


@pytest.mark.parametrize(
    ("version", "machine", "libc", "text"),
    [
        ("18.20.4", "x64", "glibc 2.36", "node 18.20.4 x86_64 glibc 2.36"),
        ("22.1.0", "arm64", "musl 1.2.5", "node 22.1.0 aarch64 musl 1.2"),
        ("18.20.4", "ia32", "glibc 2.36", None),
        ("18.20.4", "x64", "musl ", None),
        ("18", "x64", "glibc 2.36", None),
        ("18.20.4 x86_64 glibc 2.36\n", "x64", "glibc 2.36", None),
    ],
)
def test_what_an_image_says_of_its_node_is_read(version: str, machine: str, libc: str, text: str | None) -> None:
    answer = {"version": version, "machine": machine, "libc": libc}
    if text is not None:
        found = read_node(answer)
        assert (found.text, found.implementation) == (text, "node")
        assert Interpreter.parse(text) == found
        return
    with pytest.raises(InvalidSkillError, match="no packages for an image with the Node"):
        read_node(answer)


@pytest.mark.parametrize("answer", [None, [], {}, {"version": ["18.20.4"]}])
def test_an_image_that_says_nothing_of_its_node_has_none(answer: object) -> None:
    with pytest.raises(InvalidSkillError, match="no packages for an image with the Node"):
        read_node(answer)
