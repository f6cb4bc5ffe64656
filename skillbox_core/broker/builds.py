"""The builds of environments that a broker has seen begin, and how far each is.

Only a container that this process has seen made is known to be empty, so what it did not see made is built anew:
after a restart of the broker, no half-built environment goes on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

from skillbox_core.broker.build_rules import BuildCall, check_commit
from skillbox_core.broker.rules import RefusedError
from skillbox_core.errors import PolicyError
from skillbox_core.sandbox.engine_errors import ContainerGoneError
from skillbox_core.sandbox.treetar import TreeCheck

MAX_BUILDS = 256
"""Builds that are remembered; of more, the oldest are forgotten, and have to begin anew."""
_CHUNK = 256 * 1024


@dataclass
class _Build:
    tree: str
    base: str
    size: int
    state: str = "empty"
    """`empty`, `filling`, then `whole` where the archive was the tree."""


class Builds:
    """What one broker knows of its builds. One object serves any number of threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Build] = OrderedDict()
        self._lock = threading.Lock()

    def made(self, container: str, call: BuildCall) -> None:
        """Notes a container that the engine has made for a build."""
        with self._lock:
            self._known[container] = _Build(call.tree, call.image, call.size)
            while len(self._known) > MAX_BUILDS:
                self._known.popitem(last=False)

    def pass_archive(
        self, link: HTTPConnection, target: str, container: str, size: int, read: Callable[[int], bytes]
    ) -> tuple[int, bytes]:
        """Passes the one archive of a build on to the engine, byte for byte, as long as it is a tree's.

        Args:
            size: Bytes of the archive.
            read: Gives its next bytes, at most so many.

        Returns:
            The engine's answer, which may come before the end where it has failed.

        Raises:
            ContainerGoneError: This process did not see the container made.
            RefusedError: The build has had its archive, or this one breaks off, has something that a tree's has not,
                or is not the tree that the build said.
        """
        self._begin(container, size)
        check = TreeCheck(size)
        try:
            answer = _send(link, target, size, read, check)
            body = answer.read()
            if answer.status == 200:
                self._whole(container, check.finish())
        except PolicyError as error:
            raise RefusedError(error.message) from None
        return answer.status, body

    def _begin(self, container: str, size: int) -> None:
        with self._lock:
            build = self._of(container)
            if build.state != "empty":
                raise RefusedError("a second archive for a build")
            if size != build.size:
                raise RefusedError(f"an archive of {size} bytes for a build that said {build.size}")
            build.state = "filling"

    def _whole(self, container: str, digest: str) -> None:
        with self._lock:
            build = self._of(container)
            if digest != build.tree:
                raise RefusedError(f"an archive with the digest {digest} for a build that said {build.tree}")
            build.state = "whole"

    def commit(self, container: str, call: BuildCall) -> None:
        """Lets a build be committed once.

        Raises:
            ContainerGoneError: This process did not see the container made.
            RefusedError: Its archive did not pass whole, or its name would be another tree's.
        """
        with self._lock:
            build = self._of(container)
            if build.state != "whole":
                raise RefusedError("the commit of a build whose archive has not passed whole")
            check_commit(call, build.tree, build.base)
            del self._known[container]

    def forget(self, container: str) -> None:
        """Forgets a build whose container goes."""
        with self._lock:
            self._known.pop(container, None)

    def _of(self, container: str) -> _Build:
        if (build := self._known.get(container)) is None:
            raise ContainerGoneError(f"the broker did not see the build {container[:12]} begin: begin it anew")
        return build


def _send(link: HTTPConnection, target: str, size: int, read: Callable[[int], bytes], check: TreeCheck) -> HTTPResponse:
    link.putrequest("PUT", target)
    link.putheader("Content-Type", "application/x-tar")
    link.putheader("Content-Length", str(size))
    link.endheaders()
    left = size
    while left:
        if not (part := read(min(_CHUNK, left))):
            raise RefusedError("an archive that breaks off")
        left -= len(part)
        check.feed(part)
        try:
            link.send(part)
        except (BrokenPipeError, ConnectionResetError):
            # It has answered already, as one does whose disk is full.
            break
    return link.getresponse()
