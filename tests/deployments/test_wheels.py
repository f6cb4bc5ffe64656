"""What the two distributions hold and need."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

import skillbox_core

ROOT = Path(__file__).parents[2]
PACKAGES = {"skillbox_core": ROOT, "prefect_skillbox": ROOT / "flows"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    """Both, built from the checkout, by their package."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, str(folder), *map(str, PACKAGES.values())], check=True, timeout=120)
    return {package: zipfile.ZipFile(next(folder.glob(f"{package}-*.whl"))) for package in PACKAGES}


def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_string(
        next(wheel.read(name) for name in wheel.namelist() if name.endswith("/METADATA")).decode()
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_has_one_package_and_its_types(wheels: dict[str, zipfile.ZipFile], package: str) -> None:
    names = wheels[package].namelist()
    assert {name.partition("/")[0] for name in names} == {package, f"{package}-{skillbox_core.__version__}.dist-info"}
    assert f"{package}/py.typed" in names


def test_both_have_one_version_and_only_one_needs_prefect(wheels: dict[str, zipfile.ZipFile]) -> None:
    core, ours = metadata(wheels["skillbox_core"]), metadata(wheels["prefect_skillbox"])
    assert core["Version"] == ours["Version"] == skillbox_core.__version__
    assert not [line for line in core.get_all("Requires-Dist", []) if "prefect" in line]
    assert f"skillbox-core=={skillbox_core.__version__}" in ours.get_all("Requires-Dist", [])
