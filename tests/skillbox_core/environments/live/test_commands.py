"""The commands that an overlay requires are looked for in the image, once."""

from __future__ import annotations

import pytest

from skillbox_core.environments.commands import check_commands, read_answer
from skillbox_core.errors import InvalidSkillError
from skillbox_core.runner import Runner
from skillbox_core.sandbox.images import ready_image

IMAGE = "skillbox/python:3.11"


def test_an_image_is_asked_once_for_what_it_has_and_each_time_for_what_it_lacks(runner: Runner) -> None:
    parts = runner.installation
    records, settings = parts.environments.records, parts.settings
    check_commands(["python3", "ls"], IMAGE, parts.engine, records, settings)
    found = ready_image(parts.engine, IMAGE)
    assert [records.has_command(found.id, name) for name in ("python3", "ls", "no-such-tool")] == [True, True, False]

    def again(*_: object) -> frozenset[str]:
        raise AssertionError("the image is asked again")

    check_commands(["python3", "ls"], IMAGE, parts.engine, records, settings, again)
    with pytest.raises(InvalidSkillError, match=r"has no no-such-tool, which .*`make tools-image`"):
        check_commands(["ls", "no-such-tool"], IMAGE, parts.engine, records, settings)
    assert not records.has_command(found.id, "no-such-tool")
    # What an image has beside a Python is not its Python.
    last = records.last_interpreter(IMAGE)
    assert last is None or last.implementation == "cpython"


@pytest.mark.parametrize("answer", [None, 3, [], {"a": 1}, ["ls"]])
def test_an_answer_of_another_kind_names_nothing(answer: object) -> None:
    assert read_answer(answer) == frozenset()
