"""What the canary's findings mean: on the host's kernel everything is shown, on another one thing may be missing."""

from __future__ import annotations

import pytest

from skillbox_core.operations.findings import FILTERED, NO_NEW_PRIVILEGES, Findings, sandbox_check

HOST, OWN = "6.1.0-40-amd64", "4.4.0"
ALL = {FILTERED: True, NO_NEW_PRIVILEGES: True, "no route": True}


@pytest.mark.parametrize(
    ("kernel", "change", "runtime", "level", "said"),
    [
        (HOST, {}, "", "OK", "3 of 3 walls standing (0.50 s)"),
        (HOST, {}, "crun", "OK", "3 of 3"),
        (OWN, {}, "kata", "OK", "3 of 3 walls standing (0.50 s); on a kernel of its own, 4.4.0"),
        (OWN, {NO_NEW_PRIVILEGES: None}, "runsc", "OK",
         "2 of 2 walls standing (0.50 s); on a kernel of its own, 4.4.0; which does not report: no new privileges"),
        # Linux reports it, so where it is missing on the host's own kernel, something hides it.
        (HOST, {NO_NEW_PRIVILEGES: None}, "", "FAIL", "not confined: no new privileges"),
        ("", {NO_NEW_PRIVILEGES: None}, "runsc", "FAIL", "not confined: no new privileges"),
        (OWN, {NO_NEW_PRIVILEGES: False}, "runsc", "FAIL", "not confined: no new privileges"),
        (OWN, {FILTERED: None}, "runsc", "FAIL", "not confined: system calls filtered"),
        (OWN, {FILTERED: False, "no route": False}, "runsc", "FAIL", "not confined: system calls filtered, no route"),
        (OWN, {"no route": None}, "runsc", "FAIL", "not confined: no route"),
        (HOST, {}, "runsc", "FAIL", "runsc should have a kernel of its own, and a sandbox runs on the host's"),
    ],
)  # fmt: skip
def test_the_findings_are_judged_by_whose_kernel_it_is(
    kernel: str, change: dict[str, bool | None], runtime: str, level: str, said: str
) -> None:
    check = sandbox_check(Findings(kernel, {**ALL, **change}), HOST, runtime, 0.5)
    assert check.level == level, check
    assert said in check.found, check


def test_a_runtime_that_ignores_the_filter_is_told_which_flag_it_lacks() -> None:
    check = sandbox_check(Findings(OWN, {**ALL, FILTERED: False}), HOST, "runsc", 0.5)
    assert (check.level, "`--oci-seccomp`" in check.advice) == ("FAIL", True)
    on_hosts = sandbox_check(Findings(HOST, {**ALL, FILTERED: False}), HOST, "", 0.5)
    assert (on_hosts.level, "oci-seccomp" in on_hosts.advice) == ("FAIL", False)


def test_usage_that_is_not_reported_is_said() -> None:
    assert "what a run uses is not reported" in sandbox_check(Findings(OWN, ALL, False), HOST, "runsc", 0.5).found
    assert "not reported" not in sandbox_check(Findings(OWN, ALL), HOST, "runsc", 0.5).found


def test_a_canary_that_saw_nothing_confirms_nothing() -> None:
    assert sandbox_check(Findings(OWN, {}), HOST, "runsc", 0.5).level == "FAIL"
