"""The engine's calls about environments: an archive that is put, a commit, and images by their labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from skillbox_core.errors import EngineError
from skillbox_core.sandbox.docker_client import DockerClient
from skillbox_core.sandbox.engine_errors import ContainerGoneError, refuse_errors

_CALL_TIMEOUT = 30.0


class LayerCalls(ABC):
    """Part of `Engine`."""

    @property
    @abstractmethod
    def _api(self) -> DockerClient: ...

    @abstractmethod
    def _faults(self, action: str) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _url(self, path: str) -> str: ...

    def inspect_image(self, name: str) -> dict[str, Any] | None:
        """Everything the engine knows of an image, by name or id; None when it has none."""
        try:
            with self._faults(f"look up image {name}"):
                return dict(self._api.inspect_image(name))  # type: ignore[no-untyped-call]
        except ContainerGoneError:
            return None

    def images(self, labels: Iterable[str]) -> list[dict[str, Any]]:
        """All images, also without a name, that carry these labels, each `NAME` or `NAME=VALUE`."""
        with self._faults("list images"):
            return list(self._api.images(filters={"label": list(labels)}))

    def put_archive(self, container: str, path: str, size: int, chunks: Iterable[bytes], *, timeout: float) -> None:
        """Unpacks an uncompressed tar in a container that was never started.

        Args:
            size: Bytes of the tar; said first, so that one that breaks off is not taken for a whole one.
            timeout: Seconds for the engine's answer after the last byte.

        Raises:
            ContainerGoneError: Somebody removed the container.
            EngineError: The engine failed, or its disk is full.
        """
        with self._faults("unpack an environment"):
            response = self._api.put(
                self._url(f"/containers/{container}/archive"),
                params={"path": path},
                data=_Sized(chunks, size),
                headers={"Content-Type": "application/x-tar"},
                timeout=(_CALL_TIMEOUT, timeout),
            )
            refuse_errors(response)

    def commit(self, container: str, repository: str, tag: str, config: Mapping[str, Any], *, timeout: float) -> None:
        """Makes an image from a container's file system.

        Raises:
            ContainerGoneError: Somebody removed the container.
            EngineError: The engine failed, or its disk is full.
        """
        with self._faults("commit an environment"):
            response = self._api.post(
                self._url("/commit"),
                params={"container": container, "repo": repository, "tag": tag},
                json=dict(config),
                timeout=(_CALL_TIMEOUT, timeout),
            )
            refuse_errors(response)

    def touch_image(self, name: str) -> None:
        """Gives an image its own name once more, by which the engine notes the time; one that is gone is fine."""
        repository, _, tag = name.rpartition(":")
        try:
            with self._faults("note an image's use"):
                refuse_errors(
                    self._api.post(
                        self._url(f"/images/{name}/tag"),
                        params={"repo": repository, "tag": tag},
                        timeout=_CALL_TIMEOUT,
                    )
                )
        except ContainerGoneError:
            return

    def remove_image(self, name: str) -> bool:
        """Removes an image by name or id that no container uses, and never another one below it.

        Returns:
            False where a container uses it, or it is gone already.
        """
        try:
            with self._faults(f"remove image {name}"):
                response = self._api.delete(self._url(f"/images/{name}"), params={"noprune": 1}, timeout=_CALL_TIMEOUT)
                if response.status_code == 409:
                    return False
                refuse_errors(response)
        except ContainerGoneError:
            return False
        return True


@dataclass(frozen=True)
class _Sized:
    """A body that is sent as it is made, and whose length is said first."""

    chunks: Iterable[bytes]
    size: int

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for chunk in self.chunks:
            sent += len(chunk)
            yield chunk
        if sent != self.size:
            # The engine would wait for the rest.
            raise EngineError(f"an archive of {self.size} bytes ended after {sent}")
