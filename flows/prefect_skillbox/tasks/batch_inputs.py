"""The inputs of a batch as they are given, read one after the other and only as far as they are needed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from prefect import unmapped
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.utilities.annotations import BaseAnnotation
from prefect.utilities.engine import resolve_inputs_sync
from pydantic import BaseModel

from skillbox_core.errors import InvalidRequestError

WHOLE = (Mapping, BaseModel)
"""What can be iterated over, but is one value: a dict, a result, a state. So is a table."""


class FutureOfMany(PrefectFuture[list[Any]]):
    """A future that gives one value for each run of something; so it is taken where a list of futures is."""


class Part(NamedTuple):
    """What one task run of a batch is given.

    Attributes:
        first: Index of its first input.
        inputs: In their order.
        files: Of each input; None where no input has files.
    """

    first: int
    inputs: list[Any]
    files: list[Any] | None


def is_whole(value: Any) -> bool:
    """Whether something that can be iterated over is one value, not one for each run."""
    return isinstance(value, WHOLE) or hasattr(value, "__arrow_c_stream__")


def check_inputs(inputs: Any, files: Any) -> None:
    """Refuses what gives no batch.

    Raises:
        InvalidRequestError: Neither the inputs nor the files are one for each run.
    """
    if _each(inputs, is_input=True) is None and _each(files, is_input=False) is None:
        raise InvalidRequestError(
            f"a batch takes an input for each run, and this is one {type(inputs).__name__}",
            hint="a list, a generator, or anything else to iterate over; skill(...)(input) runs it once",
        )


def parts(inputs: Any, files: Any, size: int) -> Iterator[Part]:
    """The parts of a batch. What is given is read up to the end of the part that is asked for, and no further.

    Args:
        inputs: One for each run: anything to iterate over, or the future of a task that gives it. Where the files are
            one for each run, one value for all.
        files: For each run its own, or the same for all; see `SkillTask.map`.
        size: Inputs in a part, at most.

    Raises:
        InvalidRequestError: There are more of one than of the other.
        BaseException: What reading them raises, after a part with those that were read before.
    """
    pairs = _pairs(inputs, files)
    first, broke_off = 0, None
    while broke_off is None:
        read: list[tuple[Any, Any]] = []
        try:
            for pair in itertools.islice(pairs, size):
                read.append(pair)
        except BaseException as error:
            broke_off = error
        if not read and broke_off is None:
            return
        if read:
            given = [item for _, item in read]
            yield Part(first, [item for item, _ in read], None if all(item is None for item in given) else given)
        first += len(read)
    raise broke_off


def _pairs(inputs: Any, files: Any) -> Iterator[tuple[Any, Any]]:
    one, other = _each(inputs, is_input=True), _each(files, is_input=False)
    if one is None:
        # As it was checked: the files are one for each run.
        yield from ((_value(inputs), item) for item in other or ())
    elif other is None:
        yield from ((item, _value(files)) for item in one)
    else:
        for number, (item, file) in enumerate(itertools.zip_longest(one, other, fillvalue=_NONE_LEFT)):
            if item is _NONE_LEFT or file is _NONE_LEFT:
                what, less = ("files", "inputs") if item is _NONE_LEFT else ("inputs", "files")
                raise InvalidRequestError(
                    f"there are {what} for more runs of the batch than {less}, of which there are {number}",
                    hint="files=unmapped([...]) gives each run the same several files",
                )
            yield item, file


_NONE_LEFT = object()


def _each(value: Any, *, is_input: bool) -> Iterator[Any] | None:
    """One value after the other; None for what is the same for all runs.

    Raises:
        UpstreamTaskError: It is the future of a task that failed.
    """
    again: Callable[[Any], Any] = _same
    if isinstance(value, unmapped):
        return None
    if isinstance(value, BaseAnnotation):
        again, value = value.rewrap, value.unwrap()
    if isinstance(value, (PrefectFuture, State)):
        if not is_input and not isinstance(value, FutureOfMany):
            return None
        return _later(value, again)
    if isinstance(value, (str, bytes, Path)) or is_whole(value) or not isinstance(value, Iterable):
        return None
    return map(again, value)


def _later(future: PrefectFuture[Any] | State[Any], again: Callable[[Any], Any]) -> Iterator[Any]:
    """What a task gives, when it has ended."""
    value = resolve_inputs_sync({"inputs": future}, max_depth=0)["inputs"]
    each = None if isinstance(value, (PrefectFuture, State)) else _each(value, is_input=True)
    if each is None:
        raise InvalidRequestError(f"a batch takes an input for each run, and the task gave one {type(value).__name__}")
    yield from map(again, each)


def _value(value: Any) -> Any:
    return value.unwrap() if isinstance(value, unmapped) else value


def _same(value: Any) -> Any:
    return value
