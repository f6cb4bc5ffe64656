"""What is installed: locked, hashed, without addresses; and what pip-audit's reports mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from deployments.local.audit import summary

ROOT = Path(__file__).parents[2]
LOCKS = [
    ROOT / "requirements.lock",
    *sorted((ROOT / "tests").glob("*/*.lock")),
    *sorted((ROOT / "deployments" / "local").glob("*.lock")),
]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_locked_package_has_one_version_and_its_hashes(lock: Path) -> None:
    entries = lock.read_text().replace("\\\n", " ").splitlines()
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._\[\]-]+==\S+( ; [^\\]+)?( +--hash=sha256:[0-9a-f]{64})+ *$", entry), entry


def package(name: str, *ids: str, fixed: tuple[str, ...] = ("2.0",), **more: Any) -> dict[str, Any]:
    vulnerabilities = [{"id": identifier, "fix_versions": list(fixed)} for identifier in ids]
    return {"name": name, "version": "1.0", "vulns": vulnerabilities, **more}


@pytest.mark.parametrize(
    ("packages", "said", "known"),
    [
        ([package("a"), package("b")], "0 against 2 locked packages", False),
        ([package("a", "CVE-1", "CVE-2")], "a 1.0: CVE-1 (fixed in 2.0); a 1.0: CVE-2 (fixed in 2.0)", True),
        ([package("a", "CVE-1", fixed=())], "no release yet", True),
        ([{"name": "a", "version": "1.0", "skip_reason": "not found"}, package("b")], "0 against 1 locked", False),
        ([{"name": "a", "version": "1.0", "skip_reason": "not found"}], "not looked up", False),
        ([], "not looked up", False),
    ],
)
def test_a_report_is_told_in_a_line(packages: list[dict[str, Any]], said: str, known: bool) -> None:
    word, has = summary({"dependencies": packages})
    assert (said in word, has) == (True, known), word
