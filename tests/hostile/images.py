"""Images made on the spot from the installation's own, for one case, and removed after it."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from skillbox_core import Settings
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.layer import LABEL_BASE

REPOSITORY = "skillbox-hostile"


@contextmanager
def made_image(engine: Engine, settings: Settings, spec: Mapping[str, Any]) -> Iterator[str]:
    """An image as a case describes it, under a name of its own.

    Args:
        spec: `base` (a language whose image it begins with, or `empty`), `run` (a shell script that root runs in
            it, without a network), `config` (fields of the image's configuration, as in `docker commit --change`).
    """
    name = f"{REPOSITORY}/{uuid.uuid4().hex[:12]}:1"
    api = engine._api
    try:
        if spec.get("base") == "empty":
            _import(api, name)
        else:
            named = settings.default_images[spec.get("base", "python")]
            base = ready_image(engine, resolve_image(named, settings.image_allowlist, settings.image_aliases)).id
            _commit(api, base, name, spec)
        yield name
    finally:
        with suppress(Exception):
            if made := engine.inspect_image(name):
                remove_environments(engine, LABEL_BASE, made["Id"])
            api.remove_image(name, force=True)


def remove_environments(engine: Engine, label: str, value: str) -> None:
    """Removes the environments on an engine whose label says this."""
    for image in engine.images([f"{label}={value}"]):
        engine.remove_image(image["Id"])


def _import(api: Any, name: str) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        info = tarfile.TarInfo("etc/empty")
        tar.addfile(info, io.BytesIO())
    repository, tag = name.rsplit(":", 1)
    api.import_image_from_data(target.getvalue(), repository=repository, tag=tag)


def _commit(api: Any, base: str, name: str, spec: Mapping[str, Any]) -> None:
    config = {
        "Image": base,
        "Entrypoint": ["sh", "-euc"],
        "Cmd": [spec.get("run", "true")],
        "User": "0:0",
        "NetworkDisabled": True,
        "HostConfig": {"NetworkMode": "none"},
    }
    container = api.create_container_from_config(config, f"skillbox-hostile-{uuid.uuid4().hex[:12]}")["Id"]
    try:
        api.start(container)
        ended = api.wait(container, timeout=60)
        if ended["StatusCode"]:
            raise RuntimeError(f"the case's image could not be made: {api.logs(container)[-500:]!r}")
        repository, tag = name.rsplit(":", 1)
        defaults = {"Entrypoint": None, "Cmd": ["sh"], "User": ""}
        api.commit(container, repository=repository, tag=tag, conf={**defaults, **spec.get("config", {})})
    finally:
        api.remove_container(container, force=True, v=True)
