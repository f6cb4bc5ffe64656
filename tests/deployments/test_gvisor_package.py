"""What the set-up says of gVisor's runtime where it is there, can be had, or can't."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.local import services
from deployments.local.common import SetupError


def refuse(_packages: Any) -> None:
    raise SetupError("apt-get install runsc failed")


@pytest.mark.parametrize(
    ("programs", "root", "install", "said"),
    [
        ({"runsc"}, False, refuse, "runsc is there"),
        ({"apt-get"}, True, lambda _packages: None, "installed runsc"),
        ({"apt-get"}, True, refuse, "without runsc: apt-get install runsc failed"),
        ({"apt-get"}, False, refuse, "without runsc, which only root can install"),
        (set(), True, refuse, "without runsc, which only root can install"),
    ],
)
def test_a_machine_that_can_not_have_it_is_told_and_goes_on(
    programs: set[str], root: bool, install: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.shutil, "which", lambda name: name if name in programs else None)
    monkeypatch.setattr(services, "is_root", lambda: root)
    monkeypatch.setattr(services, "apt_install", install)
    assert services.ensure_gvisor().startswith(said)
