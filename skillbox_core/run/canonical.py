"""What a caller asked for: the text a skill gets, and what makes two requests the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from skillbox_core.base.json_rules import json_problem
from skillbox_core.base.versions import Constraint
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Call, PlannedFile, RunOptions, RunRequest
from skillbox_core.run.json_values import NoJsonError, json_value


def canonical_input(value: Any, limit: int) -> str:
    """The JSON text that a skill gets: `{}` for none, no blanks, keys in the caller's order.

    The order is part of what is asked for: it decides the columns of a CSV that a skill makes of records. What is not
    JSON itself becomes so by `skillbox_core.run.json_values`.

    Raises:
        InvalidRequestError: Not JSON, too deep, or over the limit in bytes.
    """
    try:
        try:
            text = _dumped(value)
        except (TypeError, ValueError):
            # Most inputs are JSON as they are, and what looks for more takes ten times as long.
            value = json_value(value)
            text = _dumped(value)
    except RecursionError:
        raise InvalidRequestError("the input is nested too deeply") from None
    except (TypeError, ValueError) as error:
        hint = error.hint if isinstance(error, NoJsonError) else None
        raise InvalidRequestError(f"the input is not JSON: {error}", hint=hint) from None
    if len(text) > limit:
        raise InvalidRequestError(
            f"the input is {len(text)} bytes, this installation's limit is {limit}",
            hint="SKILLBOX_MAX_INPUT_SIZE",
        )
    if problem := json_problem(value):
        raise InvalidRequestError(f"the input {problem}")
    return text


def _dumped(value: Any) -> str:
    return json.dumps({} if value is None else value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)


def call_document(call: Call) -> dict[str, Any]:
    """A call as JSON values: the same for two that are the same."""
    return {"call": call.model_dump(mode="json")}


def request_digest(
    request: RunRequest,
    constraint: Constraint,
    document: str,
    options: RunOptions,
    files: Sequence[PlannedFile] = (),
) -> str:
    """What makes two requests the same: skill, version asked for, call, input, files, environment names, limits.

    Values of the environment may be secrets, so what tells them apart is for the caller to say. And not
    the version it means today: a repeated request must find its execution after `latest` has moved.
    """
    parts: list[Any] = [
        request.skill,
        constraint.text,
        document,
        sorted(request.env),
        options.timeout,
        options.cpu,
        options.memory,
        [(file.path, file.identity) for file in files],
    ]
    if options.env_identity:
        parts.append(options.env_identity)
    if options.call:
        parts.append(call_document(options.call))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
