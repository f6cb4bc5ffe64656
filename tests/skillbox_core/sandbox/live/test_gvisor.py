"""gVisor's runsc, with the flags that SECURITY.md names: what it must hold, and what it can't report."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Reason, Runner, RunOptions, RunRequest, Status
from skillbox_core.operations.doctor import examine
from skillbox_core.sandbox.container import LABEL_INSTANCE
from tests.services import gvisor
from tests.services.settling import containers_left

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[4]

MANY = """
import json, os, subprocess, sys, threading
children = [subprocess.Popen(["sleep", "60"]) for _ in range(40)]
held = threading.Event()
threads = [threading.Thread(target=held.wait) for _ in range(60)]
for thread in threads:
    thread.start()
held.set()
json.dump([len(children), len(threads)], open(os.environ["SANDBOX_OUTPUT"], "w"))
"""
NAMESPACE = """
import ctypes, errno, json, os
libc = ctypes.CDLL(None, use_errno=True)
found = [errno.errorcode[ctypes.get_errno()] if libc.unshare(flag) == -1 else "made" for flag in (0x10000000, 0x20000)]
json.dump([os.uname().release, *found], open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


@pytest.fixture(scope="module")
def own(runner: Runner) -> Iterator[Runner]:
    """A runner whose sandboxes are gVisor's."""
    if why := gvisor.missing():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="sbx-"))
    try:
        with gvisor.gvisor(folder, runner.installation.settings) as settings:
            yield Runner.from_settings(settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_correct_set_up_fails_no_check(own: Runner) -> None:
    checks = {check.part: check for check in examine(own.installation)}
    assert [check for check in checks.values() if check.level == "FAIL" and check.part != "prefect"] == []
    found = checks["sandbox"].found
    assert "on a kernel of its own" in found
    assert "what a run uses is not reported" in found


def test_a_set_up_that_ignores_the_filter_fails_with_the_flag(own: Runner) -> None:
    unfiltered = own.installation.settings.model_copy(update={"runtime": gvisor.UNFILTERED})
    checks = {check.part: check for check in examine(Runner.from_settings(unfiltered).installation)}
    assert checks["sandbox"].level == "FAIL"
    assert checks["sandbox"].found == "not confined: system calls filtered"
    assert "`--oci-seccomp`" in checks["sandbox"].advice


def test_the_page_names_the_flags_that_are_tested_here() -> None:
    blocks = re.findall(r"(?s)```json\n(.*?)```", (ROOT / "SECURITY.md").read_text("utf-8"))
    (shown,) = [json.loads(block)["runtimes"]["runsc"] for block in blocks if "runtimes" in block]
    assert shown["runtimeArgs"] == list(gvisor.FLAGS)


def test_a_skill_has_its_processes_and_threads(own: Runner, make_skill: Any) -> None:
    name = make_skill(MANY)
    result = own.run(RunRequest(skill=name))
    assert (result.status, result.output) == (Status.SUCCESS, [40, 60]), result


def test_the_filter_is_loaded_and_the_kernel_is_not_the_hosts(own: Runner, make_skill: Any) -> None:
    name = make_skill(NAMESPACE)
    result = own.run(RunRequest(skill=name))
    assert result.ok, result
    assert isinstance(result.output, list)
    kernel, *answers = result.output
    assert answers == ["EPERM", "EPERM"]
    assert kernel != own.installation.engine.info()["KernelVersion"]


def test_what_it_does_not_report_is_missing_in_result_and_record(own: Runner) -> None:
    result = own.run(RunRequest(skill="word-count", input={"text": "a b"}))
    assert result.ok, result
    usage = result.usage
    assert (usage.exit_code, usage.peak_memory, usage.cpu_seconds, usage.file_memory) == (0, None, None, None)
    row = own.installation.executions.get("default", result.execution_id)
    assert (row.peak_memory, row.cpu_seconds, row.file_memory) == (None, None, None)


def test_the_hosts_limits_are_on_the_runtime(own: Runner, make_skill: Any) -> None:
    """Inside there is no cgroup to look at, and with `--ignore-cgroups` there would be none outside either."""
    name, found = make_skill("echo on; sleep 2; echo 1 >$SANDBOX_OUTPUT", lang="bash"), {}

    def look(_stream: str, _line: str) -> None:
        labels = {LABEL_INSTANCE: own.installation.settings.instance}
        (container,) = containers_left(own.installation.engine, labels)
        found.update(limits_of(own.installation.engine.inspect(container["Id"])["State"]["Pid"]))

    result = own.run(RunRequest(skill=name), RunOptions(cpu="0.25", memory="64Mi"), on_log=look)
    assert result.ok, result
    assert found == {"pids": 16384, "memory": result.usage.memory_limit, "cpu": 0.25}


def limits_of(pid: int) -> dict[str, float]:
    """What the host's kernel grants the cgroups of a process, in either version of cgroups."""
    root, paths = Path("/sys/fs/cgroup"), {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path.lstrip("/")))
    if "pids" not in paths:
        folder = root / paths[""]
        quota, period = map(int, (folder / "cpu.max").read_text().split())
        pids, memory = (int((folder / name).read_text()) for name in ("pids.max", "memory.max"))
        return {"pids": pids, "memory": memory, "cpu": quota / period}
    read = {
        name: int((root / controller / paths[controller] / name).read_text())
        for controller, name in (
            ("pids", "pids.max"), ("memory", "memory.limit_in_bytes"), ("cpu", "cpu.cfs_quota_us"),
            ("cpu", "cpu.cfs_period_us"),
        )
    }  # fmt: skip
    cpu = read["cpu.cfs_quota_us"] / read["cpu.cfs_period_us"]
    return {"pids": read["pids.max"], "memory": read["memory.limit_in_bytes"], "cpu": cpu}


def test_memory_is_still_limited_by_the_host(own: Runner, make_skill: Any) -> None:
    name = make_skill("kept = [bytearray(1 << 26) for _ in range(64)]\n")
    result = own.run(RunRequest(skill=name))
    assert result.status is Status.FAILED, result
    # The host's kernel ends the runtime with all that is in it, which an engine may hear of as its end alone.
    assert result.reason in (Reason.OOM, Reason.INFRASTRUCTURE), result
