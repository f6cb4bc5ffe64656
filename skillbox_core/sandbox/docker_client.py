"""docker-py's client, without what it takes from the user's Docker configuration; and a registry's login, which does.

`~/.docker/config.json` is written by other programs: a broken entry in it, or a helper program that is not installed,
must not stop a run that needs no registry.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.auth import AuthConfig, encode_header
from docker.credentials.errors import StoreError
from docker.tls import TLSConfig
from docker.transport import UnixHTTPAdapter
from docker.utils.config import find_config_file

from skillbox_core.base.engine_address import address_problem, certificates
from skillbox_core.errors import SettingsError

_UNASKED = "1.41"
"""A version that keeps docker-py from asking the engine for its own before the address is right."""
_BROKEN = (docker.errors.DockerException, StoreError, OSError, ValueError, TypeError, AttributeError, LookupError)
"""What docker-py raises of a configuration that is not as it expects."""


class DockerClient(docker.APIClient):
    """A client of one engine.

    Args:
        url: `unix://PATH`, taken as it is, or `tcp://HOST:PORT`, with TLS where the environment asks for it.

    Raises:
        SettingsError: The address can't be spoken to from here; says the way out.
    """

    def __init__(self, url: str, timeout: int) -> None:
        if problem := address_problem(url, os.environ):
            raise SettingsError(problem[0], hint=problem[1])
        unix = url.startswith("unix://")
        # Its own parser reads a path as part of a URL, which ends at a ? or #.
        base = "unix:///socket" if unix else url
        super().__init__(base_url=base, version=_UNASKED, timeout=timeout, **_tls(url))
        if unix:
            path = f"/{url.removeprefix('unix://').lstrip('/')}"
            # No proxy and no login of the environment's is for a socket, and each call would look for both.
            self.trust_env = False
            self._custom_adapter = UnixHTTPAdapter(path, timeout)
            self.mount("http+docker://", self._custom_adapter)
        self._version = self._retrieve_server_version()  # type: ignore[attr-defined]

    @property
    def _general_configs(self) -> dict[str, Any]:
        return {"auths": {}}

    @_general_configs.setter
    def _general_configs(self, found: object) -> None:
        """What it has read is for a command line; credentials are looked up when something is pulled."""


def _tls(url: str) -> dict[str, Any]:
    folder = certificates(os.environ) if url.startswith("tcp://") else None
    if folder is None:
        return {}
    verify = bool(os.environ.get("DOCKER_TLS_VERIFY"))
    files = str(folder / "cert.pem"), str(folder / "key.pem")
    return {"tls": TLSConfig(client_cert=files, ca_cert=str(folder / "ca.pem"), verify=verify)}


def login(registry: str) -> tuple[str | None, str]:
    """The header with which a pull logs in at a registry, and what is wrong with Docker's configuration, if anything.

    Without one the registry is asked as by anybody.
    """
    given = find_config_file()
    if not given:
        return None, ""
    path = Path(str(given))
    try:
        found = json.loads(path.read_text("utf-8"))
        helpers = {name: found[name] for name in ("credsStore", "credHelpers") if found.get(name)}
        entries = dict(found.get("auths") or {})
    except _BROKEN as error:
        return None, f"{path} can't be read: {error}"
    known: dict[str, Any] = {}
    broken = []
    for name, entry in entries.items():
        try:
            known |= AuthConfig.parse_auth({name: entry}, raise_on_error=True)
        except _BROKEN:
            broken.append(str(name))
    said = [f"{path} has a broken entry for {', '.join(broken)}"] if broken else []
    for more in (helpers, {}):
        try:
            config = AuthConfig({"auths": known, **more})
            helper = config.get_credential_store(registry)
            if helper and not shutil.which(f"docker-credential-{helper}"):
                # Asked for, docker-py would write a warning of its own as well.
                said.append(f"{path} asks for docker-credential-{helper}, which is not installed")
                continue
            credentials = config.resolve_authconfig(registry)
            return (encode_header(credentials).decode() if credentials else None), "; ".join(said)
        except _BROKEN as error:
            said.append(f"{path} asks for a helper that can't be used: {' '.join(str(error).split())}")
    return None, "; ".join(said)
