"""Whose fault an end without a last word is: the skill's once it has started, unless the engine shows more."""

from __future__ import annotations

from typing import Any

import pytest

from skillbox_core.base.redaction import Redactor
from skillbox_core.models import Ending, Output, Usage
from skillbox_core.run.diagnosis import ending
from skillbox_core.sandbox.ends import announced, post_mortem
from skillbox_core.sandbox.journal import Journal
from skillbox_core.sandbox.logs import Announcement
from skillbox_core.status import Reason
from tests.skillbox_core.sandbox.test_logs import frame

STARTED, REFUSED = b"\n\x1eskillbox tok started\n", b"\n\x1eskillbox tok refused missing=tar\n"


def journal(said: bytes) -> Journal:
    made = Journal("tok", 1000, Redactor(), None)
    made.feed(frame(2, said))
    made.finish()
    return made


@pytest.mark.parametrize(
    ("said", "state", "reason", "detail"),
    [
        (STARTED, {"ExitCode": 2}, Reason.EXIT, "its supervisor ended with code 2, before its last word"),
        (STARTED, {"ExitCode": 0}, Reason.EXIT, "its supervisor ended with code 0"),
        (STARTED, {"ExitCode": 127}, Reason.EXIT, "its supervisor ended with code 127"),
        (STARTED, {"ExitCode": 139}, Reason.EXIT, "its supervisor ended with code 139"),
        (STARTED, {"ExitCode": 152}, Reason.EXIT, "its supervisor ended with code 152"),
        (STARTED, {"ExitCode": 137}, Reason.INFRASTRUCTURE, "its container ended with code 137"),
        (STARTED, {"ExitCode": 143}, Reason.INFRASTRUCTURE, "its container ended with code 143"),
        (STARTED, {"ExitCode": 255}, Reason.INFRASTRUCTURE, "its container ended with code 255"),
        (STARTED, {"ExitCode": 2, "Error": "shim"}, Reason.INFRASTRUCTURE, "its container ended with code 2: shim"),
        (STARTED, {"ExitCode": 2, "Dead": True}, Reason.INFRASTRUCTURE, "its container ended with code 2"),
        (STARTED, {"ExitCode": 2, "OOMKilled": True}, Reason.OOM, "its container ended with code 2"),
        (STARTED, None, Reason.INFRASTRUCTURE, "its container was removed by someone else"),
        (STARTED + REFUSED, {"ExitCode": 2}, Reason.EXIT, "its supervisor ended with code 2"),
        (b"", {"ExitCode": 2}, Reason.INFRASTRUCTURE, "its container ended with code 2"),
        (b"sh: not found\n", {"ExitCode": 127}, Reason.INFRASTRUCTURE, "the image has no working sh or tar"),
        (REFUSED, {"ExitCode": 70}, Reason.INFRASTRUCTURE, "it could not take the skill in; the image has no tar"),
    ],
)
def test_whose_fault_it_is(said: bytes, state: dict[str, Any] | None, reason: Reason, detail: str) -> None:
    outcome = post_mortem(state, journal(said))
    assert ending(outcome, Output())[1] is reason
    assert outcome.detail.startswith(detail)
    assert not outcome.collectable


@pytest.mark.parametrize("left", [b"line\n" * 200, b"line\n", b"\n\n", b"\n"])
def test_a_log_that_has_lost_its_beginning_is_one_of_a_skill_that_has_started(left: bytes) -> None:
    made = Journal("tok", 1000, Redactor(), None)
    made.restart()
    made.feed(frame(1, left))
    made.finish()
    assert post_mortem({"ExitCode": 2}, made).ending is Ending.EXITED


def test_an_empty_log_is_none_of_a_skill_that_has_started() -> None:
    made = Journal("tok", 1000, Redactor(), None)
    made.restart()
    made.finish()
    assert post_mortem({"ExitCode": 2}, made).ending is Ending.LOST


def test_a_forged_end_says_nothing_that_a_record_can_not_hold() -> None:
    forged = Announcement("ended", dict.fromkeys(("code", "peak", "cpu_us", "oom", "pids"), "9" * 19))
    assert announced(forged, "").usage == Usage()
    assert announced(Announcement("ended", {"code": "256"}), "").usage.exit_code is None
    assert announced(Announcement("ended", {"code": "255"}), "").usage.exit_code == 255


@pytest.mark.parametrize("said", ["", "0"])
def test_what_a_kernel_does_not_count_is_missing_and_not_nothing(said: str) -> None:
    values = {"code": "0", **dict.fromkeys(("peak", "cpu_us", "cpu_ns", "oom", "pids"), said)}
    usage = announced(Announcement("ended", values), "").usage
    assert (usage.exit_code, usage.peak_memory, usage.cpu_seconds) == (0, None, None)
    # That no file takes memory at the end may well be.
    assert announced(Announcement("ended", {"files": "0"}), "").usage.file_memory == 0
