"""The container engine's API, and only what a sandbox needs of it.

A thin layer over docker-py: every fault below becomes one of this package's errors, every read from a stream
has a deadline, and nothing here decides anything.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import requests
from docker.auth import resolve_repository_name
from docker.utils import parse_repository_tag

from skillbox_core.errors import EngineError, ImageUnavailableError
from skillbox_core.sandbox.docker_client import DockerClient, login
from skillbox_core.sandbox.engine_errors import (
    ContainerGoneError,
    ContainerRunningError,
    brief,
    engine_faults,
    message_of,
    refuse_errors,
)
from skillbox_core.sandbox.layer_calls import LayerCalls
from skillbox_core.sandbox.streams import CHUNK, Attachment, LogFollower

REQUEST_TIMEOUT = 30
"""Seconds that the engine has for each answer, and for each piece of a long one."""
PULL_STALL = 120.0
"""Seconds without a word after which a pull counts as dead."""
PULL_TIMEOUT = 1800.0


@dataclass(frozen=True)
class Image:
    """An image on the engine: its configuration digest and what its configuration declares."""

    id: str
    volumes: tuple[str, ...]
    repo_digests: tuple[str, ...]


def _unavailable(image: str, why: str, unread: str) -> ImageUnavailableError:
    without = f" (the registry was asked without a login: {unread})" if unread else ""
    return ImageUnavailableError(
        f'image "{image}" is not on the engine and could not be pulled: {brief(why)}{without}',
        hint="load it into the engine, or name a substitute in SKILLBOX_IMAGE_ALIASES",
    )


class Engine(LayerCalls):
    """One engine at one address. Cheap to make: the first call connects."""

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def _api(self) -> DockerClient:
        with self._faults("say its version"):
            return DockerClient(self.url, REQUEST_TIMEOUT)

    def _faults(self, action: str) -> AbstractContextManager[None]:
        return engine_faults(action, self.url)

    def _url(self, path: str) -> str:
        return f"{self._api.base_url}/v{self._api.api_version}{path}"

    def version(self) -> dict[str, Any]:
        """The engine's own account of its version and its components."""
        with self._faults("say its version"):
            return dict(self._api.version())

    def info(self) -> dict[str, Any]:
        """The engine's own account of its host and options."""
        with self._faults("describe itself"):
            return dict(self._api.info())

    @cached_property
    def name(self) -> str:
        """A name for this engine that is the same from every worker: its host, and eight digits that tell it apart."""
        info = self.info()
        # Two engines of one host may share their ID, but not their folder.
        told = hashlib.sha256(f"{info.get('ID')} {info.get('DockerRootDir')}".encode()).hexdigest()
        return f"{info.get('Name') or 'engine'}-{told[:8]}"

    def image(self, name: str) -> Image | None:
        """The image by name or digest, None when the engine has none."""
        data = self.inspect_image(name)
        if data is None:
            return None
        config = data.get("Config") or {}
        return Image(data["Id"], tuple(sorted(config.get("Volumes") or {})), tuple(data.get("RepoDigests") or ()))

    def pull(self, name: str) -> None:
        """Pulls an image.

        Raises:
            ImageUnavailableError: The registry does not give it.
            EngineError: The engine failed, or the pull made no progress.
        """
        repository, tag = parse_repository_tag(name)
        registry, _ = resolve_repository_name(repository)
        header, unread = login(registry)
        give_up = time.monotonic() + PULL_TIMEOUT
        with self._faults(f"pull image {name}"):
            # docker-py's own pull has no time limit at all.
            response = self._api.post(
                self._url("/images/create"),
                params={"fromImage": repository, "tag": tag or "latest"},
                headers={"X-Registry-Auth": header} if header else {},
                stream=True,
                timeout=(REQUEST_TIMEOUT, PULL_STALL),
            )
            with response:
                if response.status_code >= 400:
                    raise _unavailable(name, message_of(response.text), unread)
                for line in response.iter_lines():
                    fault = json.loads(line).get("error") if line else None
                    if fault:
                        raise _unavailable(name, str(fault), unread)
                    if time.monotonic() > give_up:
                        raise EngineError(f"pulling image {name} took more than {PULL_TIMEOUT:g} s")

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Creates a container from the API's own JSON and returns its id.

        Raises:
            NameTakenError: The name is in use.
            EngineError: Among others, that the image was removed since it was looked up.
        """
        try:
            with self._faults("create the container"):
                created = self._api.create_container_from_config(dict(config), name)  # type: ignore[no-untyped-call]
                return str(created["Id"])
        except ContainerGoneError as error:
            # There is no container yet: it is the image that is gone.
            raise EngineError(error.message) from error

    def start(self, container: str) -> None:
        """Starts a container; one that runs already is fine."""
        with self._faults("start the container"):
            self._api.start(container)

    def inspect(self, container: str) -> dict[str, Any]:
        """Everything the engine knows of a container, by id or name."""
        with self._faults("inspect the container"):
            return dict(self._api.inspect_container(container))

    def remove(self, container: str, *, force: bool = True) -> bool:
        """Removes a container with its volumes, and kills it first; False when it was gone already.

        Args:
            force: False to leave one that runs alone.

        Raises:
            ContainerRunningError: It runs, and was not to be forced.
        """
        try:
            with self._faults("remove the container"):
                self._api.remove_container(container, force=force, v=True)
        except ContainerGoneError:
            return False
        except EngineError as error:
            if "already in progress" in error.message:
                return False
            # Engines put it in different words.
            if not force and self.inspect(container)["State"].get("Running"):
                raise ContainerRunningError(error.message) from error
            raise
        return True

    def containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """All containers, running or not, that carry these labels."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        with self._faults("list containers"):
            return list(self._api.containers(all=True, filters={"label": wanted}))

    def attach(self, container: str) -> Attachment:
        """A live connection to the container's stdin, stdout and stderr. Attach before the start: nothing is lost."""
        with self._faults("attach to the container"):
            # docker-py's own attach_socket waits without a limit for the engine's answer.
            response = self._api.post(
                self._url(f"/containers/{container}/attach"),
                params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1},
                headers={"Connection": "Upgrade", "Upgrade": "tcp"},
                stream=True,
                timeout=REQUEST_TIMEOUT,
            )
            return Attachment(self._socket(response), response)

    def _socket(self, response: requests.Response) -> socket.socket:
        """The socket below an answer that is still being read."""
        stream = self._api._get_raw_response_socket(response)  # type: ignore[attr-defined]
        found = getattr(stream, "_sock", stream)
        assert isinstance(found, socket.socket)
        return found

    def logs(self, container: str, *, tail: int | None = None) -> Iterator[bytes]:
        """The container's log so far as raw multiplexed bytes: from its first line, or its last `tail` lines."""
        with self._faults("read the container's log"):
            parameters = {"stdout": 1, "stderr": 1, "tail": "all" if tail is None else tail}
            url = self._url(f"/containers/{container}/logs")
            yield from self._body(self._api.get(url, params=parameters, stream=True, timeout=REQUEST_TIMEOUT))

    def follow(self, container: str) -> LogFollower:
        """The container's log from its first line, and what is added to it."""
        with self._faults("follow the container's log"):
            response = self._api.get(
                self._url(f"/containers/{container}/logs"),
                params={"stdout": 1, "stderr": 1, "follow": 1},
                # Breaking it must not break another request, to which the pool would give it after the log's end.
                headers={"Connection": "close"},
                stream=True,
                timeout=(REQUEST_TIMEOUT, REQUEST_TIMEOUT),
            )
            refuse_errors(response)
            sock = self._socket(response)
            # A skill may be silent for long; whoever follows ends that by `close`.
            sock.settimeout(None)
            return LogFollower(response, sock)

    def execute(self, container: str, command: list[str], *, user: str, deadline: float) -> Iterator[bytes]:
        """Runs a command in a running container and streams its multiplexed output.

        Args:
            deadline: Monotonic time after which the stream is dropped.

        Raises:
            EngineError: It could not be run, stalled, or went on past the deadline.
        """
        with self._faults("run a command in the container"):
            created = self._api.exec_create(container, command, stdout=True, stderr=True, user=user)
            url = self._url(f"/exec/{created['Id']}/start")
            body = json.dumps({"Detach": False, "Tty": False})
            headers = {"Content-Type": "application/json"}
            response = self._api.post(url, data=body, headers=headers, stream=True, timeout=REQUEST_TIMEOUT)
            for chunk in self._body(response):
                if time.monotonic() > deadline:
                    raise EngineError("reading the sandbox's output went on past its deadline")
                yield chunk

    @staticmethod
    def _body(response: requests.Response) -> Iterator[bytes]:
        try:
            refuse_errors(response)
            # read1 gives what is there; read would wait for a full chunk and hold live lines back.
            while chunk := response.raw.read1(CHUNK):
                yield chunk
        finally:
            response.close()
