"""An entrypoint in a reference is a call of that entrypoint, and of nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Call, RunOptions, RunRequest, addressed, referenced


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("pdf", ("pdf", None)),
        ("pdf#check", ("pdf", Call(entrypoint="check"))),
        ("pdf@^1.2#check", ("pdf@^1.2", Call(entrypoint="check"))),
    ],
)
def test_a_reference_is_taken_apart_at_its_sign(reference: str, found: Any) -> None:
    assert referenced(reference) == found


@pytest.mark.parametrize("reference", ["pdf#", "pdf#Check", "pdf#a#b", "pdf#check@1.0", "pdf#../x", "pdf#a\n"])
def test_what_is_no_name_is_refused(reference: str) -> None:
    with pytest.raises(InvalidRequestError, match="entrypoint"):
        referenced(reference)
    with pytest.raises(InvalidRequestError, match="names no entrypoint behind its #"):
        referenced("pdf#")


def test_a_request_is_addressed_by_its_skill_and_a_call() -> None:
    request, options = addressed(RunRequest(skill="pdf#check", version="^1"), RunOptions(timeout="9s"))
    assert (request.skill, request.version) == ("pdf", "^1")
    assert (options.call, options.timeout) == (Call(entrypoint="check"), "9s")
    same = RunRequest(skill="pdf"), RunOptions(call=Call(script="a.py"))
    assert addressed(*same) == same


def test_two_calls_in_one_request_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r'"pdf#check" names .* and the script "a.py" is another'):
        addressed(RunRequest(skill="pdf#check"), RunOptions(call=Call(script="a.py")))
    with pytest.raises(InvalidRequestError, match="names both"):
        RunOptions(call=Call(script="a.py", entrypoint="check"))
    with pytest.raises(InvalidRequestError, match="args is said by the overlay"):
        Call(entrypoint="check", args=("x",))
    with pytest.raises(InvalidRequestError, match="neither a script nor an entrypoint"):
        Call()


def test_a_call_is_read_back_as_it_was_written() -> None:
    calls = [
        Call(entrypoint="check"),
        Call(script="a.py", entrypoint="check", args=("x",)),
        Call(script="a.py", ok_exit_codes=frozenset({0, 1})),
    ]
    assert [Call.model_validate_json(call.model_dump_json()) for call in calls] == calls
    assert calls[0].text == '{"entrypoint": "check"}'
    assert "entrypoint" not in calls[2].model_dump()
