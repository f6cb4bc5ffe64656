"""Whether what a call names is this installation's to touch, by the engine's own account of it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from skillbox_core.base.engine_http import connection
from skillbox_core.broker.build_rules import BuildCall, base_of, check_environment, check_removal
from skillbox_core.broker.builds import Builds
from skillbox_core.broker.rules import Call, RefusedError, is_ours
from skillbox_core.errors import EngineError
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.engine_errors import ContainerGoneError, brief
from skillbox_core.sandbox.images import local_image
from skillbox_core.sandbox.layer import is_build
from skillbox_core.settings import Settings

_OF_A_BUILD = frozenset({("GET", "/containers/{}/json"), ("DELETE", "/containers/{}")})
"""What may be asked about a build's container beside the calls of a build."""


class Lookups:
    """The engine as the broker asks it itself.

    Args:
        url: The engine's address.
        references: The images that are allowed, after aliases.
        builds: What this broker has seen of its builds.
    """

    def __init__(self, url: str, settings: Settings, references: Sequence[str], builds: Builds) -> None:
        self._url = url
        self._engine = Engine(url)
        self._settings = settings
        self._references = references
        self._builds = builds

    def admit(self, call: Call, timeout: float) -> tuple[Call, str]:
        """The call as it may be made, and the id of the container or exec that it is about, if there is one.

        Args:
            timeout: Seconds that the engine has to say whose an exec is.

        Raises:
            RefusedError: What it names is not this installation's, or not for this call.
            ContainerGoneError, EngineError: The engine has it not, or does not say.
        """
        if call.image:
            self._check_image(call)
        container = self._container_of(call.exec, timeout) if call.exec else call.container
        owned = self._check_container(call, container) if container else ""
        if isinstance(call, BuildCall):
            call = self._admit_build(call, owned)
        return call, call.exec or owned

    def _check_image(self, call: Call) -> None:
        images = (local_image(self._engine, reference) for reference in self._references)
        allowed = {image.id: image for image in images if image}
        image = allowed.get(call.image)
        if image is None and not isinstance(call, BuildCall):
            # A sandbox may be made from an environment, too; a build may not.
            self._check_environment(call.image, allowed)
            return
        if image is None:
            raise RefusedError(f"the image {call.image}, which is no allowed image's id")
        if image.volumes:
            raise RefusedError(f"the image {call.image}, whose volume is a writable place without a limit")

    def _check_environment(self, name: str, allowed: Mapping[str, Any]) -> None:
        found = self._engine.inspect_image(name)
        base = base_of(found) if found else ""
        if found is None or base not in allowed:
            raise RefusedError(f"the image {name}, which is no allowed image's id, nor an environment on one")
        below = self._engine.inspect_image(base)
        if below is None:
            raise ContainerGoneError(f"the engine has no image {base} any more")
        check_environment(found, below)

    def _check_container(self, call: Call, container: str) -> str:
        found = self._engine.inspect(container)
        labels, own = found["Config"].get("Labels"), self._settings.instance
        if not is_ours(labels, own):
            raise RefusedError("a call about another installation's container")
        if is_build(labels, own) and not isinstance(call, BuildCall) and (call.method, call.path) not in _OF_A_BUILD:
            raise RefusedError(f"{call.method} {call.path} of a build, in which nothing is ever run")
        if call.user and call.user != found["Config"]["User"]:
            raise RefusedError(f"an exec as {call.user} in a sandbox of another user")
        if call.method == "DELETE":
            self._builds.forget(str(found["Id"]))
        return str(found["Id"])

    def _admit_build(self, call: BuildCall, container: str) -> BuildCall:
        if call.kind == "commit":
            self._builds.commit(container, call)
            return replace(call, query={**call.query, "container": container})
        if call.kind == "remove" and call.name.startswith("sha256:"):
            found = self._engine.inspect_image(call.name)
            if found is None:
                raise ContainerGoneError(f"the engine has no image {call.name}")
            check_removal(found)
        return call

    def _container_of(self, exec_id: str, timeout: float) -> str:
        link = connection(self._url, timeout)
        try:
            link.request("GET", f"/exec/{exec_id}/json")
            answer = link.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"the engine did not say whose exec this is: {brief(error)}") from error
        finally:
            link.close()
        if answer.status != 200:
            raise RefusedError("an exec that the engine does not know")
        return str(json.loads(data)["ContainerID"])
