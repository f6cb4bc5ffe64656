"""A finding about an installation, and what an engine's own account of itself means. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from skillbox_core.operations.advisories import Advisory
from skillbox_core.sandbox.policy import MAPPED_USERS, is_gvisor, maps_users

Level = Literal["OK", "WARN", "FAIL"]

MIN_API = (1, 41)
"""The first that can give a container a cgroup namespace of its own."""

_LIMITS = {"MemoryLimit": "memory", "SwapLimit": "swap", "PidsLimit": "processes", "CpuCfsQuota": "CPU time"}


@dataclass(frozen=True)
class Check:
    """One finding. `advice` says what to do when it is not OK."""

    part: str
    level: Level
    found: str
    advice: str = ""


def engine_checks(version: Mapping[str, Any], info: Mapping[str, Any], runtime: str, users: range) -> Iterator[Check]:
    """What the engine's `version` and `info` answers mean for sandboxes.

    Args:
        runtime: The OCI runtime that the installation asks for; empty for the engine's default.
        users: Ids that its sandboxes may have.
    """
    yield _api(version)
    yield _seccomp(info)
    yield _limits(info)
    yield _runtime(info, runtime)
    yield _users(info, users)
    yield Check(
        "cgroups", "OK", f"version {info.get('CgroupVersion') or '?'}, driver {info.get('CgroupDriver') or '?'}"
    )
    yield _modules(info)
    yield _restarts(info)
    yield from _reachable(info)


def components(version: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, str]:
    """The versions of what lies below a sandbox; empty where the engine does not say."""
    named = {str(c["Name"]).lower(): str(c["Version"]) for c in version.get("Components") or []}
    found = {
        "engine": named.get("engine") or str(version.get("Version") or ""),
        "containerd": named.get("containerd", ""),
        "runc": named.get("runc", ""),
        "kernel": str(info.get("KernelVersion") or version.get("KernelVersion") or ""),
    }
    platform = str((version.get("Platform") or {}).get("Name") or "")
    if platform.startswith("Docker Desktop"):
        found["desktop"] = platform
    return found


def advisories_check(versions: Mapping[str, str], known: Sequence[Advisory]) -> Check:
    """What is published against what lies below a sandbox, in one line.

    FAIL is one that is open by its number and that the sandbox does nothing about; a build that may carry back-ports is
    unknown, which is WARN.

    Args:
        versions: Version by component; empty where it is not known.
        known: As `advisories` gives them for these versions.
    """
    silent = [component for component, version in versions.items() if not version]
    unknown = [f"version unknown: {', '.join(silent)}"] if silent else []
    advice = "`skillbox doctor --advisories` lists them"
    if not known:
        said = ", ".join(f"{component} {version}" for component, version in versions.items() if version)
        found = "; ".join([*([f"none known against {said}"] if said else []), *unknown])
        return Check(
            "advisories", "WARN" if silent else "OK", found, "see the engine's own `docker version`" if silent else ""
        )
    against = ", ".join(dict.fromkeys(f"{advisory.component} {advisory.version}" for advisory in known))
    count = sum(len(advisory.id.split()) for advisory in known)
    builds = ["a distribution's build may have back-ports"] if any(a.distribution for a in known) else []
    bare = [advisory.id for advisory in known if advisory.unfenced]
    helps = [f"nothing but an update helps against {', '.join(bare)}"] if bare else []
    if all(advisory.here for advisory in known):
        helps = ["the sandbox leaves none of them a way"]
    found = "; ".join([f"{count} known against {against}", *builds, *helps, *unknown])
    return Check("advisories", "FAIL" if bare else "WARN", found, advice)


def with_command(check: Check) -> Check:
    """The finding with an advice that ends in a command: the specific one, else to look again."""
    if check.level == "OK" or "`" in check.advice:
        return check
    advice = f"{check.advice}, then `skillbox doctor` again" if check.advice else "`skillbox doctor` again"
    return replace(check, advice=advice)


def _api(version: Mapping[str, Any]) -> Check:
    text = str(version.get("ApiVersion") or "0")
    numbers = tuple(int(part) for part in text.split(".") if part.isdigit())
    if numbers < MIN_API:
        needed = ".".join(map(str, MIN_API))
        return Check("engine API", "FAIL", f"{text} is older than {needed}", "update the engine to 20.10 or newer")
    return Check("engine API", "OK", text)


def _seccomp(info: Mapping[str, Any]) -> Check:
    option = next((o for o in _options(info) if o.startswith("name=seccomp")), None)
    if option is None:
        advice = "use an engine and a kernel built with seccomp"
        return Check("seccomp", "FAIL", "the engine does not filter system calls", advice)
    if "profile=unconfined" in option:
        found = "sandboxes bring their own filter, but the engine's default for other containers is none"
        return Check(
            "seccomp",
            "WARN",
            found,
            "take seccomp-profile=unconfined out of /etc/docker/daemon.json, then `systemctl restart docker`",
        )
    return Check("seccomp", "OK", "the engine filters system calls; sandboxes bring their own filter")


def _limits(info: Mapping[str, Any]) -> Check:
    missing = [name for field, name in _LIMITS.items() if info.get(field) is False]
    if missing:
        advice = "enable the kernel's control groups for it; until then every sandbox is refused"
        return Check("limits", "FAIL", f"the engine can't limit {', '.join(missing)}", advice)
    return Check("limits", "OK", f"{', '.join(_LIMITS.values())} can be limited")


def _runtime(info: Mapping[str, Any], runtime: str) -> Check:
    runtimes, default = info.get("Runtimes") or {}, str(info.get("DefaultRuntime") or "?")
    if runtime and runtime not in runtimes:
        found = f"SKILLBOX_RUNTIME={runtime} is not among the engine's: {', '.join(sorted(runtimes))}"
        return Check("runtime", "FAIL", found, "add it to the engine's configuration; every run is refused until then")
    used = runtime or default
    program = _program(runtimes.get(used))
    if is_gvisor(program) and not is_gvisor(runtime):
        # The limit of processes must have room for the runtime's own threads, and goes by the name.
        found = f"{used} is gVisor ({program}), and sandboxes have no room for its threads"
        advice = "set SKILLBOX_RUNTIME to a name for it with `runsc` in it (SECURITY.md)"
        return Check("runtime", "FAIL", found, advice)
    if _ignores_cgroups(runtimes.get(used)):
        found = f"{used} has --ignore-cgroups: nothing limits a sandbox's memory, processes and CPU time"
        advice = "take it out of the runtime's runtimeArgs in the engine's daemon.json"
        return Check("runtime", "FAIL", found, advice)
    how = "as SKILLBOX_RUNTIME asks" if runtime else "the engine's default"
    return Check("runtime", "OK", f"{used}, {how}")


def _ignores_cgroups(runtime: Any) -> bool:
    """Whether a runtime has gVisor's flag for it. A sandbox could not tell from inside, nor could the read-back."""
    flags = runtime.get("runtimeArgs") or () if isinstance(runtime, Mapping) else ()
    return any(re.fullmatch(r"--?ignore-cgroups(=(1|t|true))?", str(flag), re.IGNORECASE) for flag in flags)


def _program(runtime: Any) -> str:
    """Which program or shim a runtime is; empty where the engine does not say."""
    said = runtime if isinstance(runtime, Mapping) else {}
    return str(said.get("path") or said.get("runtimeType") or "").rpartition("/")[2]


def _users(info: Mapping[str, Any], users: range) -> Check:
    ids = f"{users[0]}-{users[-1]}"
    if not maps_users(info):
        return Check("users", "OK", f"each sandbox is a user of its own, one of the host's {ids}")
    how = "runs rootless" if "name=rootless" in _options(info) else "has user namespaces"
    if users[-1] > 65535:
        found = f"the engine {how}, which usually map 65,536 users; those of sandboxes are {ids} (SKILLBOX_USER_IDS)"
        return Check("users", "WARN", found, f"set SKILLBOX_USER_IDS={MAPPED_USERS}, or what /etc/subuid has room for")
    # The kernel counts these against whoever made the user namespace too (fs/notify, kernel/signal.c: ucounts).
    found = f"the engine {how}: sandboxes are nobody on the host; watchers of files and queued signals they share"
    return Check("users", "OK", found)


def _modules(info: Mapping[str, Any]) -> Check:
    found = [name for name in ("apparmor", "selinux") if f"name={name}" in _options(info)]
    return Check("security modules", "OK", ", ".join(found) or "none")


def _restarts(info: Mapping[str, Any]) -> Check:
    if info.get("LiveRestoreEnabled"):
        return Check("live restore", "OK", "on: runs outlive a restart of the engine")
    found = (
        "off: a restart of the engine ends what runs, as failed (infrastructure); retries= or running the flow again "
        "repeats it"
    )
    return Check("live restore", "OK", found)


def _reachable(info: Mapping[str, Any]) -> Iterator[Check]:
    for warning in info.get("Warnings") or ():
        if "without encryption" in str(warning):
            advice = "whoever reaches it is root on its host: take that address out of the engine's configuration"
            yield Check("engine address", "FAIL", "the engine's API is open on the network without encryption", advice)
    if plugins := (info.get("Plugins") or {}).get("Authorization"):
        found = f"plug-ins: {', '.join(plugins)}; sandboxes are read back, so none can weaken one unseen"
        yield Check("authorisation", "OK", found)


def _options(info: Mapping[str, Any]) -> list[str]:
    return [str(option) for option in info.get("SecurityOptions") or ()]
