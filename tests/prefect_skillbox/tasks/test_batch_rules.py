"""What makes a batch: its parts, how far inputs are read, and what is refused before anything runs."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import allow_failure, unmapped
from prefect.futures import PrefectFuture
from prefect.states import Completed

from prefect_skillbox import SKILL_DIGEST, skill
from prefect_skillbox.execution.chunk import side_by_side
from prefect_skillbox.execution.map_index import span
from prefect_skillbox.tasks.batch import Batch
from prefect_skillbox.tasks.batch_inputs import Part, check_inputs, parts
from prefect_skillbox.tasks.batch_reading import ahead
from skillbox_core import RunResult, Status
from skillbox_core.base.cancel import CancelToken
from skillbox_core.errors import InvalidRequestError

RESULT = RunResult(execution_id="0" * 32, status=Status.SUCCESS)


@pytest.mark.parametrize(
    ("inputs", "files", "expected"),
    [
        ([], None, []),
        ([1, 2, 3], None, [Part(0, [1, 2], None), Part(2, [3], None)]),
        (range(4), None, [Part(0, [0, 1], None), Part(2, [2, 3], None)]),
        (iter("ab"), "data", [Part(0, ["a", "b"], ["data", "data"])]),
        ([1, 2], ["a", None], [Part(0, [1, 2], ["a", None])]),
        ([1, 2], iter([None, None]), [Part(0, [1, 2], None)]),
        ({"n": 1}, ["a", "b", "c"], [Part(0, [{"n": 1}] * 2, ["a", "b"]), Part(2, [{"n": 1}], ["c"])]),
        (unmapped([1, 2]), ["a"], [Part(0, [[1, 2]], ["a"])]),
        ([1], unmapped(["a", "b"]), [Part(0, [1], [["a", "b"]])]),
        ([1], {"x": "a"}, [Part(0, [1], [{"x": "a"}])]),
        ([1], RESULT, [Part(0, [1], [RESULT])]),
        ([1], Path("a"), [Part(0, [1], [Path("a")])]),
        (Completed(data=[1, 2, 3]), None, [Part(0, [1, 2], None), Part(2, [3], None)]),
    ],
)
def test_the_parts_of_a_batch(inputs: Any, files: Any, expected: list[Part]) -> None:
    check_inputs(inputs, files)
    assert list(parts(inputs, files, 2)) == expected


def test_a_word_for_all_inputs_holds_for_each() -> None:
    (part,) = parts(allow_failure([1, 2]), None, 5)
    assert [(type(one), one.unwrap()) for one in part.inputs] == [(allow_failure, 1), (allow_failure, 2)]


def test_nothing_is_read_beyond_the_part_that_is_asked_for() -> None:
    read: list[int] = []

    def endless() -> Iterator[int]:
        for n in itertools.count():
            read.append(n)
            yield n

    given = parts(endless(), None, 3)
    assert read == []
    assert [next(given).inputs, read] == [[0, 1, 2], [0, 1, 2]]
    assert [next(given).first, len(read)] == [3, 6]


def test_what_was_read_before_an_error_is_a_part_of_its_own() -> None:
    def breaks_off() -> Iterator[int]:
        yield from range(5)
        raise OSError("no more rows")

    given = parts(breaks_off(), None, 3)
    assert [next(given), next(given)] == [Part(0, [0, 1, 2], None), Part(3, [3, 4], None)]
    with pytest.raises(OSError, match="no more rows"):
        next(given)


def test_a_callback_that_breaks_off_keeps_no_other_from_being_called(caplog: pytest.LogCaptureFixture) -> None:
    batch, called = Batch(), []

    def breaks_off(_: PrefectFuture[Any]) -> None:
        raise OSError("of its own")

    for callback in (breaks_off, called.append, breaks_off):
        batch.add_done_callback(callback)
    assert called == []
    batch.all_read(None)
    assert called == [batch]
    batch.add_done_callback(breaks_off)
    assert [record.message for record in caplog.records] == [
        "what was to be called at the end of a batch broke off"
    ] * 3


def test_an_error_ends_the_others_of_a_part_at_once() -> None:
    cancel, begun = CancelToken(), threading.Event()

    def one(number: int) -> int:
        if number == 0:
            begun.set()
            give_up = time.monotonic() + 30
            while not cancel.cancelled:
                assert time.monotonic() < give_up, "nobody told the first that the second had failed"
                time.sleep(0.001)
            return number
        assert begun.wait(30)
        raise OSError("the second")

    with pytest.raises(OSError, match="the second"):
        side_by_side(one, 2, 2, cancel)
    assert side_by_side(lambda number: number * 2, 3, 2, CancelToken()) == [0, 2, 4]


@pytest.mark.parametrize(
    ("inputs", "files", "message"),
    [
        ([1, 2, 3], ["a", "b"], "there are inputs for more runs of the batch than files, of which there are 2"),
        (iter([1]), iter(["a", "b"]), "there are files for more runs of the batch than inputs, of which there are 1"),
    ],
)
def test_inputs_and_files_are_as_many(inputs: Any, files: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        list(parts(inputs, files, 100))


@pytest.mark.parametrize("value", [None, {"n": 1}, "text", b"bytes", 5, RESULT, unmapped([1])])
def test_one_value_is_no_batch(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="a batch takes an input for each run, and this is one "):
        check_inputs(value, None)


def test_what_a_task_gave_must_be_several() -> None:
    with pytest.raises(InvalidRequestError, match="the task gave one dict"):
        list(parts(Completed(data={"n": 1}), None, 5))


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ({}, {"isolation": "shared"}, r'isolation="shared" is not offered yet \("run" gives each input a container'),
        ({}, {"isolation": "rum"}, r'isolation is "run", not "rum" \(did you mean run\?\)'),
        ({}, {"isolation": None}, 'isolation is "run", not None'),
        ({}, {"size": 0}, "size is a number of inputs from 1 up, not 0"),
        ({}, {"size": True}, "size is a number of inputs from 1 up, not True"),
        ({}, {"size": "10"}, "size is a number of inputs from 1 up, not '10'"),
        ({"cache_policy": SKILL_DIGEST}, {}, "a batch of word-count can't have a cache"),
        ({"cache_key_fn": lambda _context, _parameters: "key"}, {}, "a batch of word-count can't have a cache"),
        ({"task_run_name": "by {input[by]}"}, {}, r"task_run_name has \{input\[by\]\} of one input in it"),
        ({"task_run_name": "of {files}"}, {}, r"task_run_name has \{files\} of one input in it"),
    ],
)
def test_what_would_have_no_effect_or_is_not_offered_is_refused(
    options: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        skill("word-count", **options).batch([1, 2], **arguments)


@pytest.mark.parametrize(
    ("size", "places", "here", "elsewhere"),
    [(100, 10, 2, 16), (10, 10, 2, 16), (4, 10, 4, 16), (1, 10, 11, 16), (1, 40, 41, 41), (1000, 1, 2, 16)],
)
def test_so_many_task_runs_are_submitted_at_once(size: int, places: int, here: int, elsewhere: int) -> None:
    assert (ahead(size, places, here=True), ahead(size, places, here=False)) == (here, elsewhere)


@pytest.mark.parametrize(("first", "count", "text"), [(0, 100, "[0-99]"), (100, 1, "[100]"), (3, 2, "[3-4]")])
def test_a_task_run_is_called_by_the_indexes_of_its_inputs(first: int, count: int, text: str) -> None:
    assert span(first, count) == text
