"""The doctor's reading of an engine's own account: known holes by version, and what is missing for a sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from skillbox_core.operations.advisories import (
    HOLES,
    Hole,
    advisories,
    is_distribution_build,
    open_holes,
    parse_version,
)
from skillbox_core.operations.engine_checks import Check, advisories_check, components, engine_checks, with_command


@pytest.mark.parametrize(
    ("component", "version", "ids"),
    [
        ("runc", "1.1.11", {"CVE-2024-21626", "CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881", "CVE-2026-41579"}),
        ("runc", "1.2.8", {"CVE-2026-41579"}),
        ("runc", "1.3.2", {"CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881", "CVE-2026-41579"}),
        ("runc", "1.3.6", set()),
        ("runc", "1.4.0-rc.2", {"CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881", "CVE-2026-41579"}),
        ("runc", "1.4.0-rc.3", {"CVE-2026-41579"}),
        ("runc", "1.4.3", set()),
        ("runc", "1.5.0", set()),
        ("engine", "26.1.5",
         {"CVE-2026-34040", "CVE-2026-41567", "CVE-2026-41568", "CVE-2026-42306", "CVE-2026-17106"}),
        ("engine", "29.5.1", {"CVE-2026-17106"}),
        ("engine", "29.9.0", set()),
        ("containerd", "1.7.27", {"CVE-2026-46680"}),
        ("containerd", "v2.2.4", set()),
        ("containerd", "2.1.0", {"CVE-2026-46680"}),
        ("kernel", "6.18.21", {"CVE-2026-31431"}),
        ("kernel", "6.18.44-fc-v595", set()),
        ("kernel", "6.2.0", {"CVE-2026-31431"}),
        ("kernel", "4.13.9", set()),
        ("kernel", "7.1.2", set()),
        ("desktop", "Docker Desktop 4.44.2 (201120)", {"CVE-2025-9074"}),
        ("python", "3.12.11", set()),
    ],
)  # fmt: skip
def test_a_version_has_the_holes_that_its_release_line_has_not_fixed(
    component: str, version: str, ids: set[str]
) -> None:
    assert {identifier for hole in open_holes(component, version) for identifier in hole.ids} == ids


def test_each_hole_says_what_it_is_where_it_is_fixed_and_what_a_sandbox_does_about_it() -> None:
    for hole in HOLES:
        assert hole.ids
        assert hole.what
        assert hole.here, "a hole that a sandbox does nothing about makes the doctor say FAIL"
        assert all(parse_version(version) for version in (hole.since, *hole.fixed))
    identifiers = [identifier for hole in HOLES for identifier in hole.ids]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize(
    ("component", "version", "distribution"),
    [
        ("engine", "20.10.24+dfsg1", True),
        ("engine", "29.5.1", False),
        ("runc", "1.1.5+ds1", True),
        ("containerd", "1.6.20~ds1", True),
        ("kernel", "6.1.0-18-amd64", True),
        ("kernel", "6.18.44", False),
    ],
)
def test_a_distributions_build_is_told_by_its_version(component: str, version: str, distribution: bool) -> None:
    assert is_distribution_build(component, version) is distribution


@pytest.mark.parametrize(
    ("here", "version", "level", "said"),
    [
        ("", "1.2", "FAIL", "CVE-1"),
        ("", "1.2+dfsg1", "WARN", "may have back-ports"),
        ("the sandbox has none", "1.2", "WARN", "leaves none of them a way"),
        ("", "1.3", "OK", "none known"),
        ("", "", "WARN", "version unknown: engine"),
    ],
)
def test_an_open_hole_is_a_failure_where_nothing_else_stands_before_it(
    monkeypatch: pytest.MonkeyPatch, here: str, version: str, level: str, said: str
) -> None:
    hole = Hole("engine", ("CVE-1",), ("1.3",), "bad", here)
    monkeypatch.setattr(open_holes, "__defaults__", ((hole,),))
    check = advisories_check({"engine": version}, advisories({"engine": version}))
    assert (check.level, said in check.found) == (level, True), check


GOOD: dict[str, Any] = {
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=userns"],
    "MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "CpuCfsQuota": True, "LiveRestoreEnabled": True,
    "CgroupVersion": "2", "CgroupDriver": "systemd", "DefaultRuntime": "runc", "Runtimes": {"runc": {}, "runsc": {}},
    "KernelVersion": "7.1.2", "Warnings": None,
}  # fmt: skip
VERSION: dict[str, Any] = {
    "Version": "29.9.0",
    "ApiVersion": "1.54",
    "Components": [
        {"Name": "Engine", "Version": "29.9.0"},
        {"Name": "containerd", "Version": "v2.3.1"},
        {"Name": "runc", "Version": "1.4.3"},
    ],
}


def by_part(
    version: dict[str, Any], info: dict[str, Any], runtime: str = "", users: range = range(1000, 65534)
) -> dict[str, Check]:
    return {check.part: check for check in engine_checks(version, info, runtime, users)}


def test_a_current_engine_is_fine() -> None:
    checks = by_part(VERSION, GOOD, "runsc")
    assert {check.level for check in checks.values()} == {"OK"}, checks
    assert "has user namespaces" in checks["users"].found
    assert checks["security modules"].found == "apparmor"
    assert checks["cgroups"].found == "version 2, driver systemd"


@pytest.mark.parametrize(
    ("part", "level", "change", "runtime", "said"),
    [
        ("seccomp", "FAIL", {"SecurityOptions": ["name=apparmor"]}, "", "does not filter"),
        ("seccomp", "WARN", {"SecurityOptions": ["name=seccomp,profile=unconfined"]}, "", "other containers"),
        ("limits", "FAIL", {"SwapLimit": False, "PidsLimit": False}, "", "swap, processes"),
        ("runtime", "FAIL", {}, "kata", "runc, runsc"),
        ("runtime", "OK", {"Runtimes": {"runsc": {"path": "/usr/bin/runsc"}}}, "runsc", "as SKILLBOX_RUNTIME asks"),
        ("runtime", "FAIL", {"Runtimes": {"strict": {"path": "/usr/bin/runsc"}}}, "strict", "no room for its threads"),
        ("runtime", "FAIL", {"Runtimes": {"strict": {"runtimeType": "io.containerd.runsc.v1"}}}, "strict", "gVisor"),
        ("runtime", "FAIL", {"DefaultRuntime": "runsc", "Runtimes": {"runsc": {"path": "runsc"}}}, "", "gVisor"),
        ("runtime", "FAIL", {"Runtimes": {"runsc": {"runtimeArgs": ["--oci-seccomp", "--ignore-cgroups"]}}}, "runsc",
         "nothing limits a sandbox's memory"),
        ("runtime", "FAIL", {"Runtimes": {"runsc": {"runtimeArgs": ["-ignore-cgroups=true"]}}}, "runsc", "nothing"),
        ("runtime", "OK", {"Runtimes": {"runsc": {"runtimeArgs": ["--ignore-cgroups=false"]}}}, "runsc", "runsc, as"),
        ("runtime", "OK", {"Runtimes": {"crun": {"path": "/usr/bin/crun"}}}, "crun", "crun, as"),
        ("users", "OK", {"SecurityOptions": ["name=rootless"]}, "", "rootless"),
        ("users", "OK", {"SecurityOptions": []}, "", "each sandbox is a user of its own, one of the host's 1000-65533"),
        ("live restore", "OK", {"LiveRestoreEnabled": False}, "", "ends what runs, as failed (infrastructure)"),
        ("engine address", "FAIL", {"Warnings": ["API is accessible on http://0.0.0.0:2375 without encryption."]},
         "", "open on the network"),
        ("authorisation", "OK", {"Plugins": {"Authorization": ["opa"]}}, "", "opa"),
    ],
)  # fmt: skip
def test_what_an_engine_lacks_is_said(part: str, level: str, change: dict[str, Any], runtime: str, said: str) -> None:
    check = by_part(VERSION, {**GOOD, **change}, runtime)[part]
    assert (check.level, said in check.found) == (level, True), check


@pytest.mark.parametrize("option", ["name=userns", "name=rootless", "name=rootless,version=2"])
def test_users_that_an_engine_usually_does_not_map_are_a_warning_with_the_setting(option: str) -> None:
    check = by_part(VERSION, {**GOOD, "SecurityOptions": [option]}, users=range(2**31 - 2**20, 2**31))["users"]
    assert (check.level, check.advice[:34]) == ("WARN", "set SKILLBOX_USER_IDS=1000-65533, ")
    assert "2146435072-2147483647" in check.found


def test_an_engine_without_a_recent_api_is_refused() -> None:
    assert by_part({**VERSION, "ApiVersion": "1.40"}, GOOD)["engine API"].level == "FAIL"


def test_an_engine_that_says_nothing_is_not_called_safe() -> None:
    checks = by_part({}, {})
    check = advisories_check(components({}, {}), advisories(components({}, {})))
    assert (check.level, check.found) == ("WARN", "version unknown: engine, containerd, runc, kernel")
    assert checks["seccomp"].level == "FAIL"


def test_advisories_are_one_line_with_their_count_and_where_the_list_is() -> None:
    versions = {"engine": "29.5.1", "runc": "1.2.8", "containerd": "v2.3.1"}
    check = advisories_check(versions, advisories(versions))
    assert (check.level, check.advice) == ("WARN", "`skillbox doctor --advisories` lists them")
    assert check.found == "2 known against engine 29.5.1, runc 1.2.8; the sandbox leaves none of them a way"
    assert [(a.id, a.component, a.fixed) for a in advisories(versions)] == [
        ("CVE-2026-17106", "engine", ("29.7.0",)),
        ("CVE-2026-41579", "runc", ("1.3.6", "1.4.3")),
    ]


@pytest.mark.parametrize(
    ("check", "advice"),
    [
        (Check("x", "OK", "fine"), ""),
        (Check("x", "WARN", "odd"), "`skillbox doctor` again"),
        (Check("x", "FAIL", "odd", "see SKILLBOX_DB_DSN"), "see SKILLBOX_DB_DSN, then `skillbox doctor` again"),
        (Check("x", "FAIL", "odd", "`chmod 700 x`"), "`chmod 700 x`"),
    ],
)
def test_every_finding_ends_in_a_command(check: Check, advice: str) -> None:
    assert with_command(check).advice == advice
