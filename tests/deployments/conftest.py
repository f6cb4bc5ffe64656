"""The two distributions, built from the checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"skillbox_core": ROOT, "prefect_skillbox": ROOT / "flows"}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each package."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, str(folder), *map(str, PACKAGES.values())], check=True, timeout=120)
    return {package: next(folder.glob(f"{package}-*.whl")) for package in PACKAGES}
