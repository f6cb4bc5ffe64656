"""Parameters that a flow of ours does not have: where the server lets them through, the run fails with a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from copy import copy
from keyword import iskeyword
from typing import Any, ParamSpec, TypeVar

from prefect import Flow

from skillbox_core.base.meant import name_meant
from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError

P = ParamSpec("P")
R = TypeVar("R")


def can_be_parameter(name: str) -> bool:
    """Whether a Python function could have a parameter of this name."""
    return name.isidentifier() and not iskeyword(name)


def check_parameters(given: Iterable[str], known: Iterable[str], whose: str) -> None:
    """Refuses parameters that are not known.

    Raises:
        InvalidRequestError: Names them, and what may be meant.
    """
    there = list(known)
    unknown = sorted(set(given) - set(there))
    if unknown:
        meant = next(filter(None, (name_meant(name, there) for name in unknown)), None)
        hint = f"did you mean {meant}?" if meant else f"it has {', '.join(there[:10]) or 'none'}"
        raise InvalidRequestError(f"{whose} has no parameter {', '.join(map(shown, unknown[:5]))}", hint=hint)


class CheckedFlow(Flow[P, R]):
    """A flow that says in a sentence which parameter it doesn't have, where Prefect's own shows two lists."""

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """See `prefect.Flow.validate_parameters`."""
        check_parameters(parameters, inspect.signature(self.fn).parameters, self.name)
        return super().validate_parameters(parameters)


def checked(flow: Flow[P, R]) -> CheckedFlow[P, R]:
    """A decorator for a flow, above `@flow`, by which Prefect knows it in a file."""
    made = copy(flow)
    made.__class__ = CheckedFlow
    assert isinstance(made, CheckedFlow)
    return made
