"""Removals in the background: few at once, waited for, and in the way of nothing that comes after."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from skillbox_core.sandbox import removals
from skillbox_core.sandbox.removals import WORKERS, Removals, wait_for_removals

ROOT = Path(__file__).parents[3]


def test_settling_waits_for_what_was_submitted_before_and_for_nothing_that_came_after() -> None:
    pool, first, later, settled = Removals(), threading.Event(), threading.Event(), threading.Event()

    def settle() -> None:
        assert wait_for_removals()
        settled.set()

    pool.submit(lambda: first.wait(30))
    threading.Thread(target=settle).start()
    while not removals._changed._waiters:  # type: ignore[attr-defined]
        time.sleep(0.001)
    pool.submit(lambda: later.wait(30))
    assert not settled.is_set()
    first.set()
    assert settled.wait(30)
    assert not wait_for_removals(0.01)
    later.set()
    assert wait_for_removals(30)


def test_many_share_few_threads_which_end_when_there_is_nothing_to_do() -> None:
    pool, go, all_busy, lock = Removals(), threading.Event(), threading.Event(), threading.Lock()
    at_once, most, done = 0, 0, []

    def job(number: int) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            if at_once == WORKERS:
                all_busy.set()
        go.wait(30)
        with lock:
            at_once -= 1
            done.append(number)

    for number in range(50):
        pool.submit(lambda number=number: job(number))  # type: ignore[misc]
    threads = [thread for thread in threading.enumerate() if thread.name == "skillbox-after-run"]
    assert len(threads) == WORKERS
    assert all_busy.wait(30)
    go.set()
    assert wait_for_removals(30)
    assert (sorted(done), most) == (list(range(50)), WORKERS)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_one_that_breaks_off_is_told_and_keeps_none_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    pool, done = Removals(), []

    def breaks() -> None:
        raise ValueError("of nobody's making")

    for _ in range(2 * WORKERS):
        pool.submit(breaks)
    pool.submit(lambda: done.append(1))
    assert wait_for_removals(30)
    assert done == [1]
    assert [record.message for record in caplog.records] == ["what is done after a run broke off"] * 2 * WORKERS


def test_where_no_thread_can_be_started_it_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    pool, done = Removals(), []
    pool.submit(lambda: done.append(1))
    assert done == [1]
    assert wait_for_removals(0)


def test_what_is_waited_for_is_every_installation_s_also_of_one_that_nobody_holds_any_more() -> None:
    go = threading.Event()
    Removals().submit(lambda: go.wait(30))
    gc.collect()
    Removals().submit(list)
    assert not wait_for_removals(0.2)
    go.set()
    assert wait_for_removals(30)


PROGRAM = """
import os, sys, threading, time, multiprocessing, logging
from skillbox_core.sandbox import removals
from skillbox_core.sandbox.removals import Removals, wait_for_removals
pool = Removals()
def slow(word="removed", seconds=0.5):
    time.sleep(seconds)
    os.write(1, word.encode() + b"\\n")
{body}
"""


def _run(body: str) -> subprocess.Popen[str]:
    program = PROGRAM.format(body=textwrap.dedent(body))
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("pool.submit(slow); print('result', flush=True)", ["result", "removed"]),
        ("pool.submit(slow); print('result', flush=True); sys.exit(3)", ["result", "removed"]),
        ("for _ in range(9): pool.submit(lambda: slow(seconds=0.1))", ["removed"] * 9),
        # Called in reverse: what was there before the first removal can be given back after it.
        ("import atexit; atexit.register(print, 'given back'); pool.submit(slow)", ["removed", "given back"]),
        # Also where another installation had a removal before it was there.
        (
            "pool.submit(list); import atexit; atexit.register(print, 'given back'); Removals().submit(slow)",
            ["removed", "given back"],
        ),
        (
            "c = multiprocessing.get_context('fork').Process(target=lambda: pool.submit(slow)); c.start(); c.join()",
            ["removed"],
        ),
        # Such a child passes over `atexit`, whatever its parent has registered there.
        (
            """
            pool.submit(list)
            assert wait_for_removals(30)
            c = multiprocessing.get_context("fork").Process(target=lambda: pool.submit(slow)); c.start(); c.join()
            """,
            ["removed"],
        ),
        # And a pool kills its workers when it has the last result.
        (
            """
            def task(number):
                pool.submit(slow)
                return number
            with multiprocessing.get_context("fork").Pool(2) as workers:
                assert workers.map(task, range(4)) == [0, 1, 2, 3]
            """,
            ["removed"] * 4,
        ),
        # A child has none of its parent's jobs, nor waits for them.
        (
            """
            removals.FORK_TIMEOUT = 0.1
            pool.submit(lambda: slow("parent's", 1))
            if os.fork() == 0:
                assert wait_for_removals(0)
                pool.submit(lambda: slow("child's", 0))
                sys.exit()
            os.wait()
            """,
            ["child's", "parent's"],
        ),
    ],
    ids=["end", "exit", "many", "order", "order of two", "multiprocessing", "used before", "pool", "fork"],
)
def test_the_end_of_a_process_waits_for_its_removals(body: str, said: list[str]) -> None:
    assert _said(body) == (said, "")


WAITING = "waiting until the containers of runs that are over are removed; Ctrl-C leaves them to cleanup\n"
LEFT_ONE = "1 container is not removed yet: `skillbox cleanup` removes it, from half a minute after its run\n"
LEFT = "{} containers are not removed yet: `skillbox cleanup` removes them, from half a minute after their run\n"


def test_the_end_of_a_process_does_not_wait_for_ever_and_says_what_is_left_by_whom() -> None:
    said, told = _said("removals.END_TIMEOUT = removals.END_SILENCE = 0.2; pool.submit(lambda: slow(seconds=60))")
    assert (said, told) == ([], WAITING + LEFT_ONE)


def test_a_short_wait_at_the_end_of_a_process_says_nothing() -> None:
    assert _said("pool.submit(lambda: slow(seconds=1))") == (["removed"], "")


def test_the_end_of_a_process_has_one_limit_for_all_installations() -> None:
    began = time.monotonic()
    said, told = _said(
        """
        removals.END_TIMEOUT, removals.END_SILENCE = 2, 0.1
        for other in (pool, *(Removals() for _ in range(9))): other.submit(lambda: slow(seconds=60))
        """
    )
    assert (said, told) == ([], WAITING + LEFT.format(10))
    assert 2 <= time.monotonic() - began < 10


def test_a_fork_has_one_limit_for_all_installations() -> None:
    said, _ = _said(
        """
        removals.FORK_TIMEOUT, removals.END_TIMEOUT = 0.5, 0
        for other in (pool, *(Removals() for _ in range(9))): other.submit(lambda: slow(seconds=60))
        began = time.monotonic()
        if os.fork() == 0:
            os._exit(0)
        os.wait()
        print(0.5 <= time.monotonic() - began < 4)
        """
    )
    assert said == ["True"]


def _said(body: str) -> tuple[list[str], str]:
    process = _run(body)
    try:
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (0, 3), err
    return out.splitlines(), err


BEGUN = """
def begun(seconds):
    e = threading.Event()
    pool.submit(lambda: (e.set(), slow("ahead", seconds)), owed=False)
    assert e.wait(30)
"""
HELD = """
logging.basicConfig(format="%(message)s", level=logging.INFO)
removals.WORKERS = 1
def held():
    while not removals._changed._waiters:
        time.sleep(0.001)
def ahead(seconds=0, word="ahead"):
    pool.submit(lambda: slow(word, seconds), owed=False)
pool.submit(held)
"""
"""All else is queued until the end of the process waits for it."""
DROPPED = "the process ends: of what was to be made ahead, {} are not begun\n"


@pytest.mark.parametrize(
    ("body", "said", "told"),
    [
        (BEGUN + "begun(0.5)", ["ahead"], ""),
        (HELD + "ahead()", ["ahead"], ""),
        (HELD + "ahead(); pool.submit(slow)", ["removed", "ahead"], ""),
        (HELD + "ahead(); ahead(word='second'); ahead(word='third')", ["ahead"], DROPPED.format(2)),
        (
            HELD + "one, pool = pool, Removals(); pool.submit(held); ahead(); pool = one; ahead()",
            ["ahead"],
            DROPPED.format(1),
        ),
        (HELD + "removals.END_SILENCE = 0.2; ahead(60)", [], ""),
        (
            HELD + "removals.END_SILENCE = 0.2; ahead(60); pool.submit(slow)",
            ["removed"],
            DROPPED.format(1) + WAITING,
        ),
        (BEGUN + "removals.END_SILENCE = 0.2; begun(60)", [], ""),
        (BEGUN + "removals.END_SILENCE = 0.2; begun(60); pool.submit(slow)", ["removed"], WAITING),
        (
            BEGUN
            + "removals.END_TIMEOUT = removals.END_SILENCE = 0.2; begun(60); pool.submit(lambda: slow(seconds=60))",
            [],
            WAITING + LEFT_ONE,
        ),
        # A child of multiprocessing's ends without a word to it.
        (
            """
            def task():
                pool.submit(lambda: slow("ahead", 60), owed=False)
                pool.submit(slow)
            c = multiprocessing.get_context("fork").Process(target=task); c.start(); c.join()
            """,
            ["removed"],
            "",
        ),
    ],
    ids=[
        "begun",
        "not begun",
        "between",
        "three",
        "of two",
        "is next and hangs",
        "comes too late",
        "hangs",
        "hangs beside",
        "both hang",
        "multiprocessing",
    ],
)
def test_the_end_of_a_process_is_not_held_up_by_what_it_does_not_owe(body: str, said: list[str], told: str) -> None:
    assert _said(body) == (said, told)


def test_what_is_not_owed_is_settled_like_the_rest() -> None:
    pool, done = Removals(), []
    pool.submit(lambda: done.append(1), owed=False)
    assert wait_for_removals(30)
    assert done == [1]


def test_one_interrupt_at_the_end_of_a_process_ends_it() -> None:
    process = _run(
        """
        removals.END_SILENCE = 0.1
        for other in (pool, Removals(), Removals()): other.submit(lambda: slow(seconds=60))
        """
    )
    try:
        assert process.stderr
        assert process.stderr.readline() == WAITING
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=5)
    finally:
        process.kill()
    assert err == LEFT.format(3)
