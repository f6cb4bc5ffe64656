"""What the engine's client raises, as this package's errors."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import docker.errors
import requests
import urllib3

from skillbox_core.base.text import without_user
from skillbox_core.errors import EngineError, InfrastructureError, PolicyError

_TRANSPORT = (
    docker.errors.DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    # Half an answer: JSON that breaks off, or lacks what it must have; http.client's own, below urllib3.
    ValueError,
    LookupError,
    HTTPException,
)
"""What docker-py and the layers below it raise when the engine does not answer as it should."""


class ContainerGoneError(InfrastructureError):
    """The engine does not know this container (any more), or it has ended.

    Not retryable as a step: what the container held is gone, only a new attempt can help.
    """

    retryable = False


class ContainerRunningError(EngineError):
    """A container that runs is not removed by a removal without force."""

    retryable = False


class NameTakenError(EngineError):
    """A container of this name exists already."""

    retryable = False


@contextmanager
def engine_faults(action: str, url: str = "") -> Iterator[None]:
    """Whatever goes wrong inside while the engine was asked to `action`, as an `EngineError` or a kind of it.

    Args:
        url: The engine's address, where the reader may need it.
    """
    try:
        yield
    except docker.errors.NotFound as error:
        raise ContainerGoneError(f"the engine could not {action}: {error.explanation or error}") from error
    except docker.errors.APIError as error:
        text = str(error.explanation or error)
        if error.status_code == 409 and "already in use" in text:
            raise NameTakenError(text) from error
        if error.status_code == 409 and "is not running" in text:
            raise ContainerGoneError(f"the engine could not {action}: the container has ended") from error
        if error.status_code == 403:
            raise PolicyError(f"the engine may not {action}: {text}") from error
        raise EngineError(f"the engine could not {action}: {text}") from error
    except _TRANSPORT as error:
        reason, hint = _why(error)
        at = f" at {without_user(url)}" if url else ""
        raise EngineError(
            f"the container engine{at} did not answer while asked to {action}: {reason}", hint=hint
        ) from error


def _why(error: BaseException) -> tuple[str, str]:
    """What lies below a fault of the transport, and what to do: docker-py wraps it three times."""
    hint = "is it running, and is SKILLBOX_DOCKER_HOST right? `skillbox setup` finds an engine that answers"
    match cause := _cause(error):
        case FileNotFoundError():
            return "there is no such socket", hint
        case ConnectionRefusedError():
            return "nothing listens there", hint
        case PermissionError():
            mine = "`sudo usermod -aG docker $USER` and a new login let this user use Docker's, then `skillbox doctor`"
            return "this user may not use its socket", mine
        case socket.gaierror():
            return f"its host's name is not known ({cause.strerror})", hint
        case _:
            return brief(error), hint


def _cause(error: BaseException) -> BaseException:
    """The first error of the operating system's in what an error was raised from, else the error itself."""
    seen, todo = set[int](), [error]
    while todo:
        each = todo.pop(0)
        if isinstance(each, (FileNotFoundError, ConnectionRefusedError, PermissionError, socket.gaierror)):
            return each
        seen.add(id(each))
        below = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        todo += [more for more in below if isinstance(more, BaseException) and id(more) not in seen]
    return error


def brief(said: object) -> str:
    """What an error, or an engine, said, on one line that is not too long."""
    text = " ".join(str(said).split())
    return text if len(text) <= 300 else text[:297] + "..."


def message_of(body: str) -> str:
    """What the engine says of a call that it refused: JSON with a message, or the words of a proxy before it."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return body


def refuse_errors(response: requests.Response) -> None:
    """Raises what an answer of 400 or above means, for requests that docker-py does not check itself."""
    if response.status_code < 400:
        return
    text = brief(message_of(response.text))
    response.close()
    if response.status_code == 404 or (response.status_code == 409 and "marked for removal" in text):
        raise ContainerGoneError(f"the engine has no such container: {text}")
    if response.status_code == 403:
        raise PolicyError(f"the engine refused: {text}")
    raise EngineError(f"the engine answered {response.status_code}: {text}")
