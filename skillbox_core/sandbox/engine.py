"""The container engine's API, and only what a sandbox needs of it.

A thin layer over docker-py: every fault below becomes one of this package's errors, every read from a stream
has a deadline, and nothing here decides anything.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from select import select
from typing import Any

import docker
import docker.errors
import requests
import urllib3
from docker.utils import parse_repository_tag

from skillbox_core.errors import EngineError, ImageUnavailableError, PolicyError, SandboxLostError

REQUEST_TIMEOUT = 60
STREAM_STALL = 30.0
"""Seconds without a byte after which a stream counts as dead."""
_CHUNK = 64 * 1024


class ContainerGoneError(SandboxLostError):
    """The engine does not know this container (any more)."""


class NameTakenError(EngineError):
    """A container of this name exists already."""

    retryable = False


@dataclass(frozen=True)
class Image:
    """An image on the engine: its configuration digest and what its configuration declares."""

    id: str
    volumes: tuple[str, ...]
    repo_digests: tuple[str, ...]


@contextmanager
def _engine_faults(action: str) -> Iterator[None]:
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
    except (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as error:
        raise EngineError(
            f"the container engine did not answer while asked to {action}: {_brief(error)}",
            hint="is it running, and is SKILLBOX_DOCKER_HOST right? `skillbox doctor` tells",
        ) from error


def _brief(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:297] + "..."


class Engine:
    """One engine at one address. Cheap to make: the first call connects."""

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def _api(self) -> docker.APIClient:
        with _engine_faults("say its version"):
            return docker.APIClient(base_url=self.url, version="auto", timeout=REQUEST_TIMEOUT, **self._tls())

    def _tls(self) -> dict[str, Any]:
        """TLS as DOCKER_TLS_VERIFY and DOCKER_CERT_PATH ask for it, for tcp:// addresses."""
        if not self.url.startswith("tcp://"):
            return {}
        found = docker.utils.kwargs_from_env()
        return {"tls": found["tls"]} if "tls" in found else {}

    def version(self) -> dict[str, Any]:
        """The engine's own account of its version and its components."""
        with _engine_faults("say its version"):
            return dict(self._api.version())

    def info(self) -> dict[str, Any]:
        """The engine's own account of its host and options."""
        with _engine_faults("describe itself"):
            return dict(self._api.info())

    def image(self, name: str) -> Image | None:
        """The image by name or digest, None when the engine has none."""
        try:
            with _engine_faults(f"look up image {name}"):
                data = self._api.inspect_image(name)  # type: ignore[no-untyped-call]
        except ContainerGoneError:
            return None
        config = data.get("Config") or {}
        return Image(data["Id"], tuple(sorted(config.get("Volumes") or {})), tuple(data.get("RepoDigests") or ()))

    def pull(self, name: str) -> None:
        """Pulls an image; raises `ImageUnavailableError` when the registry does not give it."""
        repository, tag = parse_repository_tag(name)  # a digest counts as a tag here
        try:
            with _engine_faults(f"pull image {name}"):
                for event in self._api.pull(repository, tag=tag or "latest", stream=True, decode=True):
                    if "error" in event:
                        raise EngineError(str(event["error"]))
        except (EngineError, ContainerGoneError) as error:
            raise ImageUnavailableError(
                f'image "{name}" is not on the engine and could not be pulled: {_brief(error)}',
                hint="load it into the engine, or name a substitute in SKILLBOX_IMAGE_ALIASES",
            ) from error

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Creates a container from the API's own JSON and returns its id.

        Raises:
            NameTakenError: The name is in use.
        """
        with _engine_faults("create the container"):
            created = self._api.create_container_from_config(dict(config), name)  # type: ignore[no-untyped-call]
            return str(created["Id"])

    def start(self, container: str) -> None:
        """Starts a container; one that runs already is fine."""
        with _engine_faults("start the container"):
            self._api.start(container)

    def inspect(self, container: str) -> dict[str, Any]:
        """Everything the engine knows of a container, by id or name."""
        with _engine_faults("inspect the container"):
            return dict(self._api.inspect_container(container))

    def kill(self, container: str) -> None:
        """Kills a container; one that is gone or has ended is fine."""
        with suppress(ContainerGoneError), _engine_faults("kill the container"):
            try:
                self._api.kill(container)
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise

    def remove(self, container: str) -> bool:
        """Kills and removes a container with its volumes; False when it was gone already."""
        try:
            with _engine_faults("remove the container"):
                self._api.remove_container(container, force=True, v=True)
        except ContainerGoneError:
            return False
        except EngineError as error:
            if "already in progress" in error.message:
                return False
            raise
        return True

    def containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """All containers, running or not, that carry these labels."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        with _engine_faults("list containers"):
            return list(self._api.containers(all=True, filters={"label": wanted}))

    def attach(self, container: str) -> Attachment:
        """A live connection to the container's stdin, stdout and stderr. Attach before the start: nothing is lost."""
        with _engine_faults("attach to the container"):
            stream = self._api.attach_socket(container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        return Attachment(stream)

    def logs(self, container: str, *, follow: bool) -> Iterator[bytes]:
        """The container's log as raw multiplexed bytes, from its first line."""
        with _engine_faults("read the container's log"):
            url = f"{self._api.base_url}/v{self._api.api_version}/containers/{container}/logs"
            parameters = {"stdout": 1, "stderr": 1, "follow": int(follow)}
            response = self._api.get(url, params=parameters, stream=True, timeout=REQUEST_TIMEOUT)
            yield from self._body(response)

    def execute(self, container: str, command: list[str], *, user: str, deadline: float) -> Iterator[bytes]:
        """Runs a command in a running container and streams its multiplexed output.

        Args:
            deadline: Monotonic time after which the stream is dropped.

        Raises:
            EngineError: It could not be run, stalled, or went on past the deadline.
        """
        with _engine_faults("run a command in the container"):
            created = self._api.exec_create(container, command, stdout=True, stderr=True, user=user)
            url = f"{self._api.base_url}/v{self._api.api_version}/exec/{created['Id']}/start"
            body = json.dumps({"Detach": False, "Tty": False})
            headers = {"Content-Type": "application/json"}
            response = self._api.post(url, data=body, headers=headers, stream=True, timeout=STREAM_STALL)
            for chunk in self._body(response):
                if time.monotonic() > deadline:
                    raise EngineError("reading the sandbox's output went on past its deadline")
                yield chunk

    @staticmethod
    def _body(response: requests.Response) -> Iterator[bytes]:
        try:
            if response.status_code == 404:
                raise ContainerGoneError(f"the engine has no such container: {_brief(Exception(response.text))}")
            if response.status_code >= 400:
                raise EngineError(f"the engine answered {response.status_code}: {_brief(Exception(response.text))}")
            # read1 gives what is there; read would wait for a full chunk and hold live lines back.
            while chunk := response.raw.read1(_CHUNK):
                yield chunk
        finally:
            response.close()


class Attachment:
    """A hijacked connection: raw bytes in both directions, with a time limit on each wait.

    docker-py hands out a file-like object whose own reads block for ever, so the socket below it is used
    directly. Nothing can be lost in that object's buffer, because a container that is attached to before its
    start has said nothing yet.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._socket: socket.socket = getattr(stream, "_sock", stream)
        self._socket.setblocking(False)

    def read(self, timeout: float) -> bytes | None:
        """What has arrived; None when nothing came in `timeout` seconds, `b""` at the end."""
        for attempt in range(2):
            try:
                return self._socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError):
                if attempt or not select([self._socket], [], [], timeout)[0]:
                    return None
            except (ConnectionError, OSError):
                return b""
        return None

    def write(self, data: bytes, deadline: float) -> None:
        """Sends all of `data`, or raises `EngineError` at the deadline (monotonic) or a broken connection."""
        view = memoryview(data)
        while view:
            left = deadline - time.monotonic()
            if left <= 0:
                raise EngineError("handing the skill to its sandbox went on past its deadline")
            try:
                view = view[self._socket.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                select([], [self._socket], [], left)
            except OSError as error:
                raise EngineError(f"the connection to the sandbox broke: {_brief(error)}") from error

    def close(self) -> None:
        """Closes the connection; the container goes on."""
        response = getattr(self._stream, "_response", None)
        for closable in (self._socket, self._stream, response):
            with suppress(Exception):
                if closable is not None:
                    closable.close()
