"""Each hardening, seen from inside a running sandbox and from the engine's own account of it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import CancelToken, Runner, RunRequest, Status
from skillbox_core.operations.doctor import examine
from skillbox_core.sandbox.policy import (
    INODES,
    MASKED_PATHS,
    READONLY_PATHS,
    SHM_SIZE,
    TMP_SIZE,
    memory_ceiling,
    user_id,
)
from tests.conftest import MakeSkill, Run
from tests.services.settling import containers_left

SECRET = "canary-3f9c-not-a-real-secret"
INPUT_SECRET = "canary-77aa-not-a-real-secret"

LOOKS_AROUND = Path(__file__).parent / "programs" / "looks_around.py"


@pytest.fixture(scope="module")
def inside(request: pytest.FixtureRequest, runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import zipfile

    path = tmp_path_factory.mktemp("inside") / "inside.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("SKILL.md", "---\nname: inside\ndescription: Looks around.\nlang: python\n---\n")
        archive.write(LOOKS_AROUND, "main.py")
    runner.installation.registry.push("default", path)
    paths = {"masked": list(MASKED_PATHS), "read-only": list(READONLY_PATHS)}
    result = runner.run(RunRequest(skill="inside", input=paths))
    assert result.status is Status.SUCCESS, result
    found: dict[str, Any] = result.output
    return found


def test_the_skill_is_a_user_of_its_own_without_any_capability(inside: dict[str, Any], runner: Runner) -> None:
    (user,) = set(inside["uid"][:4])
    assert user in runner.installation.settings.sandbox_users
    assert set(inside["uid"][4]) <= {user}
    assert set(inside["caps"]) == {"0000000000000000"}
    assert (inside["nnp"], inside["seccomp"]) == ("1", "2")
    assert inside["setuid"]


def test_only_the_scratch_areas_can_be_written(inside: dict[str, Any]) -> None:
    assert inside["root"] == "ro"
    writable = {p for p in inside["writable"] if not p.startswith("/dev/")}
    assert writable <= {"/sandbox", "/tmp"}, inside["writable"]
    devices = {p for p in inside["writable"] if p.startswith("/dev/")}
    harmless = {"/dev/shm", "/dev/mqueue", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
                "/dev/tty", "/dev/ptmx", "/dev/pts/ptmx", "/dev/core"}  # fmt: skip
    assert devices <= harmless, devices
    for mount in (inside["sandbox"], inside["tmp"]):
        assert {"noexec", "nosuid", "nodev", "rw"} <= set(mount.split(","))


def test_there_is_no_network_but_loopback(inside: dict[str, Any]) -> None:
    assert inside["routes"] == 0
    assert inside["interfaces"] == ["lo"]
    assert not inside["docker"]


@pytest.mark.parametrize("wall", ["sysctl", "sysrq", "raw", "packet", "alg", "vsock"])
def test_the_kernel_refuses(inside: dict[str, Any], wall: str) -> None:
    assert inside[wall]


def test_dangerous_system_calls_are_refused(inside: dict[str, Any]) -> None:
    if not inside["calls"]:
        pytest.skip("the numbers in this test are those of x86_64")
    assert inside["calls"].pop("clone3") == "ENOSYS"
    assert set(inside["calls"].values()) == {"EPERM"}, inside["calls"]


def test_pid_1_is_the_supervisor(inside: dict[str, Any]) -> None:
    name, standard_input = inside["pid 1"]
    assert name in {"sh", "dash", "bash", "busybox"}
    assert standard_input == "/dev/null", "what was delivered, and what still comes, must not be within reach"


def test_every_limit_of_the_policy_holds_inside(inside: dict[str, Any]) -> None:
    scratch = 256 * 1024**2
    wanted = {"core": 0, "nofile": 1024, "fsize": scratch, "msgqueue": 0, "memlock": 0}
    assert inside["limits"] == {name: [value, value] for name, value in wanted.items()}
    assert inside["oom"] == 500
    assert inside["sizes"] == {"/sandbox": scratch, "/tmp": TMP_SIZE, "/dev/shm": SHM_SIZE}
    assert inside["inodes"] == {"/sandbox": INODES, "/tmp": INODES}


def test_its_namespaces_are_its_own(inside: dict[str, Any]) -> None:
    ours = {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in inside["namespaces"]}
    assert {name for name, link in inside["namespaces"].items() if link == ours[name]} == set()
    assert inside["cgroups"] == ["/"], "the cgroup's path would tell the container's id and the host's layout"


def test_what_the_kernel_tells_is_masked(inside: dict[str, Any]) -> None:
    assert inside["readable"] == []
    assert inside["changeable"] == []


# What the engine masks by itself in its newest releases; setting these lists replaces its own.
ENGINES_OWN = {
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware", *(f"/sys/devices/system/cpu/cpu{n}/thermal_throttle" for n in range(os.cpu_count() or 1)),
}  # fmt: skip


def test_no_path_that_an_engine_masks_by_itself_is_given_up(runner: Runner) -> None:
    assert set(MASKED_PATHS) >= ENGINES_OWN
    assert set(READONLY_PATHS) >= {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
    plain = {"Image": runner.installation.settings.image_aliases.get("bash:5", "bash:5"), "Cmd": ["true"]}
    container = runner.installation.engine.create("t-defaults", plain)
    try:
        host = runner.installation.engine.inspect(container)["HostConfig"]
    finally:
        runner.installation.engine.remove(container)
    assert set(MASKED_PATHS) >= set(host["MaskedPaths"])
    assert set(READONLY_PATHS) >= set(host["ReadonlyPaths"])


@pytest.fixture(scope="module")
def seen_by_engine(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import zipfile

    path = tmp_path_factory.mktemp("waits") / "waits.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("SKILL.md", "---\nname: waits\ndescription: Waits.\nlang: python\n---\n")
        archive.writestr("main.py", "import time; print('on', flush=True); time.sleep(60)")
    runner.installation.registry.push("default", path)
    token, seen = CancelToken(), {}

    def look(_stream: str, _line: str) -> None:
        (container,) = containers_left(runner.installation.engine, {"skillbox.skill": "waits@1.0.0"})
        seen.update(runner.installation.engine.inspect(container["Id"]))
        token.cancel()

    request = RunRequest(skill="waits", input={"secret": INPUT_SECRET}, env={"API_KEY": SECRET})
    runner.run(request, on_log=look, cancel=token)
    return seen


def test_the_engine_reports_each_hardening(seen_by_engine: dict[str, Any], runner: Runner) -> None:
    host, config = seen_by_engine["HostConfig"], seen_by_engine["Config"]
    user = user_id(seen_by_engine["Name"].removeprefix("/"), runner.installation.settings.sandbox_users)
    assert config["User"] == f"{user}:{user}"
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["Privileged"] is False
    assert host["PidsLimit"] == 128
    assert host["Memory"] == host["MemorySwap"] == memory_ceiling(256 * 1024**2, 256 * 1024**2)
    assert (host["CpuQuota"], host["CpuPeriod"]) == (50_000, 100_000)
    assert host["IpcMode"] == "private"
    assert not host["AutoRemove"]
    assert host["RestartPolicy"]["Name"] == "no"
    assert not host["Binds"]
    assert seen_by_engine["Mounts"] == []
    assert host["LogConfig"] == {
        "Type": "local",
        "Config": {"max-size": "1150k", "max-file": "1", "compress": "false"},
    }
    assert (host["CgroupnsMode"], host["UsernsMode"], host["PidMode"]) == ("private", "", "")
    assert host["Init"] is False, "another PID 1 would not outlive the skill's kill -9 -1"
    assert set(READONLY_PATHS) <= set(host["ReadonlyPaths"])
    options = " ".join(host["SecurityOpt"])
    assert "no-new-privileges" in options
    assert '"SCMP_ACT_ERRNO"' in options
    assert config["Labels"]["managed-by"] == "skillbox"
    assert config["Labels"]["skillbox.instance"] == runner.installation.settings.instance


def test_inspect_shows_neither_input_nor_environment(seen_by_engine: dict[str, Any]) -> None:
    shown = json.dumps(seen_by_engine)
    assert SECRET not in shown
    assert INPUT_SECRET not in shown


def test_pid_1_knows_no_secret(run: Run, runner: Runner) -> None:
    script = (
        "import json,os; found=[p for p in ('/proc/1/environ','/proc/1/cmdline','/proc/self/cmdline') "
        "if os.environ['API_KEY'].encode() in open(p,'rb').read()]\n"
        "json.dump({'found': found, 'left': os.path.exists('/sandbox/.run')}, open('/sandbox/out/output.json','w'))"
    )
    result = run(script, env={"API_KEY": SECRET})
    assert result.output == {"found": [], "left": False}


def test_an_image_with_a_volume_is_refused(runner: Runner, make_skill: MakeSkill) -> None:
    api = runner.installation.engine._api
    container = api.create_container_from_config(
        {
            "Image": runner.installation.settings.image_aliases.get("bash:5", "bash:5"),
            "Cmd": ["true"],
            "Volumes": {"/data": {}},
        },
        "t-volume",
    )["Id"]
    try:
        image = api.commit(container, repository="skillbox-test/volume", tag="1")["Id"]
    finally:
        api.remove_container(container, v=True)
    try:
        other = Runner.from_settings(
            runner.installation.settings.model_copy(update={"image_aliases": {"bash:5": "skillbox-test/volume:1"}})
        )
        result = other.run(RunRequest(skill="fingerprint"))
        assert (result.status, result.reason) == (Status.FAILED, "policy")
        assert "/data" in (result.error or "")
    finally:
        api.remove_image(image, force=True)


def test_two_runs_at_once_see_nothing_of_each_other(runner: Runner, make_skill: MakeSkill) -> None:
    script = (
        "import json,os,time; open('/tmp/mark','w'); time.sleep(1)\n"
        "json.dump([sorted(os.listdir('/tmp')), len([p for p in os.listdir('/proc') if p.isdigit()])], "
        "open('/sandbox/out/output.json','w'))"
    )
    name, outputs = make_skill(script), []
    threads = [
        threading.Thread(target=lambda: outputs.append(runner.run(RunRequest(skill=name)).output)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 2
    for listing, processes in outputs:
        assert listing == ["mark"]
        assert processes <= 5


def test_the_doctor_finds_the_walls_standing(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = {check.part: check for check in examine(runner.installation)}
    assert checks["sandbox"].level == "OK", checks["sandbox"]
    assert {check.level for check in checks.values()} <= {"OK", "WARN"}, checks
    assert os.environ.get("PREFECT_API_URL")
