"""What the engine says it made, held against what it was asked to make. Pure.

An old API version, a proxy, an authorisation plug-in or another engine with the same API may leave out a field
that it does not know, and answer that all is well. A sandbox that lost a wall in this way must not be started.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skillbox_core.errors import PolicyError

_SHOWN = 200

_MERGED = frozenset({"Config.Labels", "Config.Healthcheck"})
"""The image's own are added to these; what was asked must be among them."""
_IMAGES = frozenset({"Config.Env"})
"""The image's alone: nothing is asked."""
_ABSENT = (
    *("Binds", "Mounts", "VolumesFrom", "Devices", "DeviceRequests", "DeviceCgroupRules", "CapAdd", "GroupAdd"),
    *("PidMode", "UTSMode", "UsernsMode", "Cgroup", "Links", "PortBindings", "PublishAllPorts", "Sysctls"),
    *("OomKillDisable", "Annotations", "CpusetMems"),
)
"""Parts of HostConfig that weaken a sandbox and are never asked for."""


@dataclass(frozen=True)
class Difference:
    """A field, as the engine's API names it, that is not what was asked."""

    field: str
    asked: Any
    reported: Any

    def __str__(self) -> str:
        return f"{self.field} was asked as {_shown(self.asked)} and is reported as {_shown(self.reported)}"


def verify(asked: Mapping[str, Any], reported: Mapping[str, Any]) -> None:
    """Refuses a container that is not what was asked for.

    Args:
        asked: Body of the create call.
        reported: The engine's answer to an inspect call.

    Raises:
        PolicyError: Names each field with both values.
    """
    if found := list(differences(asked, reported)):
        raise PolicyError(
            f"the engine did not make the sandbox as it was asked to: {'; '.join(map(str, found))}",
            hint="nothing was started; `skillbox doctor` looks at the engine, and is there a proxy in front of it?",
        )


def differences(asked: Mapping[str, Any], reported: Mapping[str, Any]) -> Iterator[Difference]:
    """Every field that is not what was asked, and every weakening that nobody asked for."""
    config, host = reported.get("Config") or {}, reported.get("HostConfig") or {}
    yield from _compare("Image", asked["Image"], reported.get("Image"))
    for field, value in asked.items():
        if field not in ("HostConfig", "Image"):
            yield from _compare(f"Config.{field}", value, config.get(field))
    for field, value in asked["HostConfig"].items():
        yield from _compare(f"HostConfig.{field}", value, host.get(field))
    for field in _ABSENT:
        if host.get(field) and field not in asked["HostConfig"]:
            yield Difference(f"HostConfig.{field}", None, host[field])
    if config.get("Volumes"):
        yield Difference("Config.Volumes", None, config["Volumes"])
    tmpfs = asked["HostConfig"]["Tmpfs"]
    mounts = [m for m in reported.get("Mounts") or () if m.get("Type") != "tmpfs" or m.get("Destination") not in tmpfs]
    if mounts:
        yield Difference("Mounts", [], mounts)
    networks = set((reported.get("NetworkSettings") or {}).get("Networks") or ()) - {"none"}
    if networks:
        yield Difference("NetworkSettings.Networks", ["none"], sorted(networks))
    if reported.get("AppArmorProfile") == "unconfined":
        yield Difference("AppArmorProfile", None, "unconfined")


def _compare(field: str, asked: Any, reported: Any) -> Iterator[Difference]:
    if field in _IMAGES:
        return
    if field in _MERGED:
        reported = {key: value for key, value in (reported or {}).items() if key in asked}
    elif field == "HostConfig.Ulimits":
        # An operator's own defaults for limits that are not ours are added.
        names = {limit["Name"] for limit in asked}
        asked = sorted(map(_limit, asked))
        reported = sorted(_limit(limit) for limit in reported or () if limit.get("Name") in names)
    elif field == "HostConfig.SecurityOpt":
        asked, reported = sorted(map(_option, asked)), sorted(map(_option, reported or ()))
    elif field == "HostConfig.RestartPolicy":
        reported = {"Name": (reported or {}).get("Name") or "no"}
    if asked != reported:
        yield Difference(field, asked, reported)


def _limit(limit: Mapping[str, Any]) -> tuple[str, Any, Any]:
    return str(limit.get("Name")), limit.get("Soft"), limit.get("Hard")


def _option(option: str) -> str:
    """A security option with a profile's JSON in one form, whatever blanks an engine puts into it."""
    name, equals, value = option.partition("=")
    if name == "seccomp" and value.startswith("{"):
        return f"seccomp={json.dumps(json.loads(value), sort_keys=True)}"
    return option if equals or ":" in option else f"{option}:true"


def _shown(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
