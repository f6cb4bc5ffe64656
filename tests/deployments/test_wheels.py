"""What the two distributions hold and need."""

from __future__ import annotations

import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

import skillbox_core
from tests.deployments.conftest import PACKAGES

pytestmark = pytest.mark.long


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as opened:
        return message_from_string(next(opened.read(n) for n in opened.namelist() if n.endswith("/METADATA")).decode())


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_has_one_package_and_its_types(wheels: dict[str, Path], package: str) -> None:
    names = zipfile.ZipFile(wheels[package]).namelist()
    assert {name.partition("/")[0] for name in names} == {package, f"{package}-{skillbox_core.__version__}.dist-info"}
    assert f"{package}/py.typed" in names


def test_both_have_one_version_and_only_one_needs_prefect(wheels: dict[str, Path]) -> None:
    core, ours = metadata(wheels["skillbox_core"]), metadata(wheels["prefect_skillbox"])
    assert core["Version"] == ours["Version"] == skillbox_core.__version__
    assert not [line for line in core.get_all("Requires-Dist", []) if "prefect" in line]
    assert f"skillbox-core=={skillbox_core.__version__}" in ours.get_all("Requires-Dist", [])
