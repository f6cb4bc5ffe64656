"""Where the container engine is: as Docker's own client finds it, and which addresses can be spoken to."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

SYSTEM_SOCKET = "unix:///var/run/docker.sock"
MAX_SOCKET_PATH = 107
"""Bytes of a Unix socket's path (unix(7))."""
_CONTEXT = "context://"
_CERTIFICATES = ("ca.pem", "cert.pem", "key.pem")


def engine_url(asked: str, environment: Mapping[str, str]) -> str:
    """The engine's address: the one that is asked for, else DOCKER_HOST, Docker's context, or the usual socket.

    Returns:
        An address, or `context://NAME` for a context that has none to be used; `address_problem` says why.
    """
    if url := asked or environment.get("DOCKER_HOST", ""):
        return url
    folder = docker_folder(environment)
    name = environment.get("DOCKER_CONTEXT") or _current_context(folder)
    return context_url(folder, name) if name not in ("", "default") else SYSTEM_SOCKET


def docker_folder(environment: Mapping[str, str]) -> Path:
    """Where Docker's client keeps its configuration."""
    return Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")


def context_url(folder: Path, name: str) -> str:
    """The address of a Docker context, `context://NAME` when there is none or it asks for certificates."""
    url = _context_host(folder, name)
    return url if url and not _context_certificates(folder, name).is_dir() else f"{_CONTEXT}{name}"


def contexts(folder: Path) -> list[str]:
    """The names of Docker's contexts, sorted."""
    found = (_document(file).get("Name") for file in folder.glob("contexts/meta/*/meta.json"))
    return sorted(str(name) for name in found if name)


def address_problem(url: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Why an engine at this address can't be spoken to, and the way out; None where it can be tried."""
    if url.startswith(_CONTEXT):
        return _context_problem(url.removeprefix(_CONTEXT), docker_folder(environment))
    scheme, sign, rest = url.partition("://")
    if sign and scheme == "ssh":
        return f"Skillbox does not speak ssh:// to an engine ({_without_password(url)})", _tunnel(url)
    if sign and scheme not in ("unix", "tcp", "http", "https"):
        hint = "SKILLBOX_DOCKER_HOST takes unix:///PATH or tcp://HOST:PORT; `skillbox setup` finds an engine"
        return f"the engine's address begins with {scheme}://, which Skillbox does not speak", hint
    if scheme == "unix" and len(os.fsencode(rest)) > MAX_SOCKET_PATH:
        hint = f"`ln -s {shlex.quote(rest)} ~/engine.sock`, and set SKILLBOX_DOCKER_HOST=unix://$HOME/engine.sock"
        return f"the path of the engine's socket is over {MAX_SOCKET_PATH} bytes: {rest}", hint
    if scheme == "tcp" and (folder := certificates(environment)):
        needed = _CERTIFICATES if environment.get("DOCKER_TLS_VERIFY") else _CERTIFICATES[1:]
        missing = [name for name in needed if not (folder / name).is_file()]
        if missing:
            hint = "put them there, or unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH for an engine without TLS"
            return f"for the engine at {url} certificates are asked for, and {folder} has no {', '.join(missing)}", hint
    return None


def certificates(environment: Mapping[str, str]) -> Path | None:
    """The folder of the client's certificates where the environment asks for TLS, as Docker's client reads it."""
    path = environment.get("DOCKER_CERT_PATH", "")
    if not path and not environment.get("DOCKER_TLS_VERIFY"):
        return None
    return Path(path) if path else docker_folder(environment)


def _context_problem(name: str, folder: Path) -> tuple[str, str]:
    keys = _context_certificates(folder, name)
    if keys.is_dir() and (url := _context_host(folder, name)):
        hint = f"SKILLBOX_DOCKER_HOST={url} DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH={shlex.quote(str(keys / 'docker'))}"
        return f'Docker\'s context "{name}" asks for certificates, which are named by variables here', hint
    known = ", ".join(contexts(folder)) or "none"
    hint = f"`docker context use default`, or SKILLBOX_DOCKER_HOST; contexts in {folder}: {known}"
    return f'Docker\'s context "{name}" does not exist, or names no engine', hint


def _tunnel(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit("ssh://user@host"), None
    user = f"{parts.username}@" if parts.username else ""
    host = shlex.quote(f"{user}{parts.hostname or 'host'}")
    socket = parts.path if parts.path not in ("", "/") else "/var/run/docker.sock"
    away = f'ssh -nNT{f" -p {port}" if port else ""} -L "$HOME"/engine.sock:{shlex.quote(socket)} {host}'
    return f"`{away} &` brings its socket here; then set SKILLBOX_DOCKER_HOST=unix://$HOME/engine.sock"


def _without_password(url: str) -> str:
    scheme, sign, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}{sign}{user.partition(':')[0]}{at}{host}"


def _current_context(folder: Path) -> str:
    return str(_document(folder / "config.json").get("currentContext") or "")


def _context_host(folder: Path, name: str) -> str:
    found: object = _document(_context_file(folder, name))
    for key in ("Endpoints", "docker", "Host"):
        found = found.get(key) if isinstance(found, dict) else None
    return str(found or "")


def _context_file(folder: Path, name: str) -> Path:
    return folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"


def _context_certificates(folder: Path, name: str) -> Path:
    return folder / "contexts" / "tls" / hashlib.sha256(name.encode()).hexdigest()


def _document(file: Path) -> dict[str, object]:
    """A JSON object; empty where it can't be read: what is wrong with Docker's own files is Docker's to say."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
