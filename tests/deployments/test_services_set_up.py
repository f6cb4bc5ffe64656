"""What the tests need is installed side by side: packages of the system, and Swift from its own lock."""

from __future__ import annotations

import threading

import pytest

from deployments.local import services
from deployments.local.common import SetupError


def test_swift_is_installed_beside_the_packages_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=30)

    def found(words: object) -> object:
        both.wait()
        return words

    monkeypatch.setattr(services, "_ensure_system_packages", lambda: found(["installed git", "more"]))
    monkeypatch.setattr(services, "_ensure_swift", lambda: found("swift installed"))
    assert services.ensure_services() == "installed git; more; swift installed"


@pytest.mark.parametrize("which", ["_ensure_system_packages", "_ensure_swift"])
def test_what_can_not_be_installed_is_an_error_when_the_other_is_done(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []

    def refuse() -> list[str]:
        raise SetupError(f"{which} failed")

    monkeypatch.setattr(services, "_ensure_system_packages", lambda: [ended.append("packages") or "git"])
    monkeypatch.setattr(services, "_ensure_swift", lambda: ended.append("swift") or "swift is there")
    monkeypatch.setattr(services, which, refuse)
    with pytest.raises(SetupError, match=f"{which} failed"):
        services.ensure_services()
    assert len(ended) == 1
