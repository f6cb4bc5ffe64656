"""What the engine's client raises, as this package's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import docker.errors
import requests
import urllib3

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
def engine_faults(action: str) -> Iterator[None]:
    """Whatever goes wrong inside while the engine was asked to `action`, as an `EngineError` or a kind of it."""
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
        raise EngineError(
            f"the container engine did not answer while asked to {action}: {brief(error)}",
            hint="is it running, and is SKILLBOX_DOCKER_HOST right? `skillbox doctor` tells",
        ) from error


def brief(said: object) -> str:
    """What an error, or an engine, said, on one line that is not too long."""
    text = " ".join(str(said).split())
    return text if len(text) <= 300 else text[:297] + "..."


def refuse_errors(response: requests.Response) -> None:
    """Raises what an answer of 400 or above means, for requests that docker-py does not check itself."""
    if response.status_code < 400:
        return
    text = brief(response.text)
    response.close()
    if response.status_code == 404 or (response.status_code == 409 and "marked for removal" in text):
        raise ContainerGoneError(f"the engine has no such container: {text}")
    if response.status_code == 403:
        raise PolicyError(f"the engine refused: {text}")
    raise EngineError(f"the engine answered {response.status_code}: {text}")
