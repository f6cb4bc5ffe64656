"""Which system this is, and how a container engine gets onto it. Pure but for `this_system`."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from skillbox_core.base import env_file

_BY_FAMILY = {
    "debian": "apt-get update && {sudo}apt-get install -y docker.io",
    "fedora": "dnf install -y moby-engine && {sudo}systemctl enable --now docker",
    "arch": "pacman -S --noconfirm docker && {sudo}systemctl enable --now docker",
    "suse": "zypper install -y docker && {sudo}systemctl enable --now docker",
    "alpine": "apk add docker && {sudo}rc-update add docker && {sudo}service docker start",
}
_ELSEWHERE = "Docker Engine (https://docs.docker.com/engine/install/)"


@dataclass(frozen=True)
class System:
    """A system as far as the way to an engine depends on it.

    Attributes:
        name: As its users call it.
        family: Whose packages it has (`debian`, `fedora`, ...), `macos`, or empty where that is not known.
        wsl: Whether it runs in Windows.
        root: Whether this user may install something.
    """

    name: str
    family: str
    wsl: bool = False
    root: bool = False


def system_of(kernel: str, release: str, os_release: str, *, root: bool) -> System:
    """The system.

    Args:
        kernel: As `sys.platform` names it.
        release: The kernel's own version, which says in WSL that it is Microsoft's.
        os_release: The text of `/etc/os-release` (os-release(5)).
    """
    if kernel == "darwin":
        return System("macOS", "macos", root=root)
    fields = env_file.parse(os_release)
    words = [fields.get("ID", ""), *fields.get("ID_LIKE", "").split()]
    families = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse"}
    found = next((family for word in words if (family := families.get(word, word)) in _BY_FAMILY), "")
    name = fields.get("PRETTY_NAME") or fields.get("NAME") or "Linux"
    return System(name, found, "microsoft" in release.lower(), root)


def this_system() -> System:
    """The system that this process runs on."""
    file = Path("/etc/os-release")
    text = file.read_text("utf-8", errors="replace") if file.is_file() else ""
    return system_of(sys.platform, platform.release(), text, root=os.geteuid() == 0)


def engine_advice(system: System) -> list[str]:
    """How an engine gets onto a system: sentences whose commands exist there."""
    if system.family == "macos":
        return [
            "`brew install --cask docker && open -a Docker` installs and starts Docker Desktop",
            "its settings may forbid the default socket; `docker context use desktop-linux` names its own",
        ]
    sudo = "" if system.root else "sudo "
    install = _BY_FAMILY.get(system.family, "").format(sudo=sudo)
    lines = [f"`{sudo}{install}` installs one" if install else f"install {_ELSEWHERE}"]
    if system.wsl:
        lines.insert(0, "with Docker Desktop on Windows: its settings, Resources, WSL integration, switch this one on")
        lines.append(f"`{sudo}service docker start` starts it where there is no systemd")
    if not system.root:
        lines.append("`sudo usermod -aG docker $USER` and a new login let this user use its socket")
    return lines
