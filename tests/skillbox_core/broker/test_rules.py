"""The broker's table: what goes through, and every way to ask for more."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from skillbox_core import Settings
from skillbox_core.broker.rules import Call, RefusedError, decide
from skillbox_core.sandbox.container import (
    LABEL_DEADLINE,
    LABEL_EXECUTION,
    LABEL_INSTANCE,
    LABEL_NAME,
    LABEL_OWNER,
    LABEL_TENANT,
    LABEL_WAITING,
)
from skillbox_core.sandbox.images import names_of
from skillbox_core.sandbox.policy import collect_command, container_config, user_id
from skillbox_core.sandbox.waiting import PREFIX, Kind, waiting_config

SETTINGS = Settings(instance="here", image_allowlist=("a:1",))
IMAGES = names_of("a:1") | names_of(f"b:1@sha256:{'2' * 64}")
EXECUTION, EXEC = "e" * 32, "f" * 64
NAME = f"skillbox-{EXECUTION}-1"
LABELS = {LABEL_EXECUTION: EXECUTION, LABEL_INSTANCE: "here"}
USER = user_id(NAME, SETTINGS.sandbox_users)
LOOKUP = f"/v1.41/containers/{NAME}"


def body(**labels: str) -> dict[str, Any]:
    return container_config(
        user=USER,
        image_id=f"sha256:{'1' * 64}",
        memory=64 << 20,
        scratch=32 << 20,
        cpu_quota=50_000,
        labels={**LABELS, **labels},
    )


def ask(method: str, path: str, query: dict[str, str] | None = None, content: Any = None) -> Call:
    data = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
    return decide(method, path, query or {}, data, SETTINGS, IMAGES)


COLLECT = {"Cmd": collect_command(), "User": f"{USER}:{USER}", "AttachStdout": True, "AttachStderr": True}


@pytest.mark.parametrize(
    ("method", "path", "query", "content", "sent"),
    [
        ("GET", "/version", {}, None, "/version"),
        ("GET", "/v1.41/info", {}, None, "/info"),
        ("GET", "/v1.54/images/a:1/json", {}, None, "/images/a:1/json"),
        ("GET", f"/v1.41/images/b%40sha256%3A{'2' * 64}/json", {}, None, f"/images/b@sha256:{'2' * 64}/json"),
        ("POST", "/v1.41/images/create", {"fromImage": "a", "tag": "1"}, None, "/images/create"),
        ("POST", "/v1.41/images/create", {"fromImage": "b", "tag": f"sha256:{'2' * 64}"}, None, "/images/create"),
        ("POST", "/v1.41/containers/create", {"name": NAME}, body(), "/containers/create"),
        ("GET", f"{LOOKUP}/json", {}, None, "/containers/{}/json"),
        ("GET", f"{LOOKUP}/logs", {"stdout": "1", "stderr": "1", "follow": "0"}, None, "/containers/{}/logs"),
        ("GET", f"{LOOKUP}/logs", {"stdout": "1", "stderr": "1", "tail": "20"}, None, "/containers/{}/logs"),
        ("POST", f"{LOOKUP}/attach", {"stdin": "1", "stdout": "1", "stderr": "1", "stream": "1"}, None,
         "/containers/{}/attach"),
        ("POST", f"{LOOKUP}/start", {}, None, "/containers/{}/start"),
        ("DELETE", LOOKUP, {"force": "True", "v": "True", "link": "False"}, None, "/containers/{}"),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "Env": None, "Privileged": False, "Container": NAME},
         "/containers/{}/exec"),
        ("POST", f"/v1.41/exec/{EXEC}/start", {}, {"Detach": False, "Tty": False}, "/exec/{}/start"),
    ],
)  # fmt: skip
def test_what_the_project_asks_goes_through(
    method: str, path: str, query: dict[str, str], content: Any, sent: str
) -> None:
    call = ask(method, path, query, content)
    assert (call.method, call.path) == (method, sent)
    assert call.container == (NAME if "{}" in sent and "exec/{}" not in sent else "")
    assert call.upgrades is sent.endswith("attach")


def test_a_list_is_of_this_installation_whatever_was_asked() -> None:
    for asked in ({}, {"filters": "{}"}, {"filters": '{"label": ["skillbox.skill=x"]}'}):
        sent = json.loads(ask("GET", "/v1.41/containers/json", {"all": "1", **asked}).query["filters"])
        assert {"managed-by=skillbox", "skillbox.instance=here"} <= set(sent["label"])


def test_what_the_engine_gets_is_written_anew() -> None:
    call = ask("POST", f"{LOOKUP}/exec", content={**COLLECT, "Tty": False, "Container": "x"})
    assert call.body == COLLECT
    assert call.user == COLLECT["User"]


@pytest.mark.parametrize(
    ("method", "path", "query", "content"),
    [
        # Calls that this project does not make.
        ("GET", "/v1.41/containers/json/../../images/json", {}, None),
        ("GET", "/v1.41/images/json", {}, None),
        ("GET", "/v1.41/volumes", {}, None),
        ("GET", "/v1.41/networks", {}, None),
        ("GET", "/v1.41/events", {}, None),
        ("GET", "/v1.41/system/df", {}, None),
        ("GET", "/v1.41/secrets", {}, None),
        ("POST", "/v1.41/build", {}, None),
        ("POST", "/v1.41/auth", {}, None),
        ("POST", "/v1.41/commit", {"container": NAME}, None),
        ("POST", "/v1.41/session", {}, None),
        ("POST", "/grpc", {}, None),
        ("POST", "/v1.41/plugins/pull", {}, None),
        ("POST", "/v1.41/swarm/init", {}, None),
        ("POST", "/v1.41/images/load", {}, None),
        ("POST", "/v1.41/images/create", {"fromSrc": "-", "repo": "a"}, None),
        ("DELETE", "/v1.41/images/a:1", {}, None),
        ("POST", "/v1.41/containers/prune", {}, None),
        ("PUT", f"{LOOKUP}/archive", {"path": "/"}, b"tar"),
        ("GET", f"{LOOKUP}/archive", {"path": "/"}, None),
        ("GET", f"{LOOKUP}/export", {}, None),
        ("POST", f"{LOOKUP}/update", {}, {"Memory": 0}),
        ("POST", f"{LOOKUP}/rename", {"name": "x"}, None),
        ("POST", f"{LOOKUP}/attach/ws", {}, None),
        ("POST", f"{LOOKUP}/restart", {}, None),
        ("GET", f"{LOOKUP}/top", {}, None),
        ("POST", f"/v1.41/exec/{EXEC}/resize", {}, None),
        ("GET", f"/v1.41/exec/{EXEC}/json", {}, None),
        # Names that are more than a name.
        ("GET", "/v1.41/containers/%2e%2e%2fimages/json", {}, None),
        ("GET", "/v1.41/containers/a%00b/json", {}, None),
        ("GET", "/v1.41/containers/a%0d%0aX:y/json", {}, None),
        ("GET", "/v1.41/containers//json", {}, None),
        ("GET", "/v1.41/images/%2e%2e/json", {}, None),
        ("GET", "/v1.41/images/sha256:1/json", {}, None),
        ("POST", f"/v1.41/exec/{EXEC.upper()}/start", {}, {"Detach": False, "Tty": False}),
        # Versions that know less, or none.
        ("GET", "/info", {}, None),
        ("GET", "/v1.40/info", {}, None),
        ("GET", "/v1.24/info", {}, None),
        ("GET", "/v1/info", {}, None),
        ("GET", "//v1.41/info", {}, None),
        # Images that are not on the allowlist.
        ("POST", "/v1.41/images/create", {"fromImage": "evil", "tag": "1"}, None),
        ("POST", "/v1.41/images/create", {"fromImage": "a", "tag": "2"}, None),
        ("POST", "/v1.41/images/create", {"fromImage": "a"}, None),
        ("GET", "/v1.41/images/evil:1/json", {}, None),
        # Parameters and bodies that no call has.
        ("GET", f"{LOOKUP}/json", {"size": "1"}, None),
        ("GET", f"{LOOKUP}/logs", {"since": "0"}, None),
        ("GET", f"{LOOKUP}/logs", {"tail": "all of them"}, None),
        ("POST", f"{LOOKUP}/attach", {"detachKeys": "ctrl-p"}, None),
        ("POST", f"{LOOKUP}/start", {"checkpoint": "x"}, None),
        ("POST", f"{LOOKUP}/start", {}, {"Binds": ["/:/host"]}),
        ("POST", f"{LOOKUP}/kill", {}, None),
        ("DELETE", LOOKUP, {"link": "True"}, None),
        ("GET", "/v1.41/containers/json", {"filters": '{"name": ["x"]}'}, None),
        ("GET", "/v1.41/containers/json", {"filters": '{"label": {"a": true}}'}, None),
        ("GET", "/v1.41/containers/json", {"filters": "[" * 100_000}, None),
        ("GET", "/v1.41/containers/json", {"before": "x"}, None),
        # Any other command in a sandbox, or the right one as somebody else.
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "Cmd": ["sh"]}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "User": "0"}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "User": ""}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "User": "0:0"}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "User": f"{USER}:0"}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "User": f"{USER}:{USER}0"}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "User": USER}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "Privileged": True}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "AttachStdin": True}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "Env": ["LD_PRELOAD=x"]}),
        ("POST", f"{LOOKUP}/exec", {}, {**COLLECT, "WorkingDir": "/proc/self/fd/7"}),
        ("POST", f"{LOOKUP}/exec", {}, [COLLECT]),
        ("POST", f"{LOOKUP}/exec", {}, b"{"),
        ("POST", f"/v1.41/exec/{EXEC}/start", {}, {"Detach": True, "Tty": False}),
        ("POST", f"/v1.41/exec/{EXEC}/start", {}, None),
    ],
)  # fmt: skip
def test_what_it_does_not_ask_is_refused(method: str, path: str, query: dict[str, str], content: Any) -> None:
    with pytest.raises(RefusedError):
        ask(method, path, query, content)


def test_a_refusal_is_one_line_of_the_log_whatever_was_asked() -> None:
    for method, path in (("GET", "/v1.41/x%0AWARNING%1b[2J"), ("GET", "/v1.41/info%0A"), ("DELETE", "/%E2%80%A8x")):
        with pytest.raises(RefusedError) as caught:
            ask(method, path, {"a\nb": "c"}, None)
        assert str(caught.value).isprintable()
        assert str(caught.value).isascii()


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("HostConfig.Privileged", lambda b: b["HostConfig"].update(Privileged=True)),
        ("HostConfig.Binds", lambda b: b["HostConfig"].update(Binds=["/:/host"])),
        ("HostConfig.Binds", lambda b: b["HostConfig"].update(Binds=[])),
        ("HostConfig.Mounts", lambda b: b["HostConfig"].update(Mounts=[{"Type": "bind", "Source": "/"}])),
        ("HostConfig.Devices", lambda b: b["HostConfig"].update(Devices=[{"PathOnHost": "/dev/sda"}])),
        ("HostConfig.CapAdd", lambda b: b["HostConfig"].update(CapAdd=["SYS_ADMIN"])),
        ("HostConfig.CapDrop", lambda b: b["HostConfig"].update(CapDrop=[])),
        ("HostConfig.ReadonlyRootfs", lambda b: b["HostConfig"].update(ReadonlyRootfs=False)),
        ("HostConfig.ReadonlyRootfs", lambda b: b["HostConfig"].update(ReadonlyRootfs=1)),
        ("HostConfig.NetworkMode", lambda b: b["HostConfig"].update(NetworkMode="host")),
        ("HostConfig.PidMode", lambda b: b["HostConfig"].update(PidMode="host")),
        ("HostConfig.UsernsMode", lambda b: b["HostConfig"].update(UsernsMode="host")),
        ("HostConfig.IpcMode", lambda b: b["HostConfig"].update(IpcMode="host")),
        ("HostConfig.Runtime", lambda b: b["HostConfig"].update(Runtime="other")),
        ("HostConfig.SecurityOpt", lambda b: b["HostConfig"].update(SecurityOpt=["seccomp=unconfined"])),
        ("HostConfig.SecurityOpt", lambda b: b["HostConfig"].pop("SecurityOpt")),
        ("HostConfig.PidsLimit", lambda b: b["HostConfig"].update(PidsLimit=-1)),
        ("HostConfig.MemorySwap", lambda b: b["HostConfig"].update(MemorySwap=-1)),
        ("HostConfig.MaskedPaths", lambda b: b["HostConfig"].update(MaskedPaths=[])),
        ("HostConfig.RestartPolicy.Name", lambda b: b["HostConfig"].update(RestartPolicy={"Name": "always"})),
        ("HostConfig.LogConfig.Type", lambda b: b["HostConfig"]["LogConfig"].update(Type="syslog")),
        ("HostConfig.Tmpfs./host", lambda b: b["HostConfig"]["Tmpfs"].update({"/host": "rw"})),
        ("HostConfig.Tmpfs./sandbox", lambda b: b["HostConfig"]["Tmpfs"].update(
            {"/sandbox": b["HostConfig"]["Tmpfs"]["/sandbox"] + ",exec"})),
        ("HostConfig.Memory", lambda b: b["HostConfig"].update(Memory=65 << 20)),
        ("limits are no numbers", lambda b: b["HostConfig"].update(CpuQuota=50_000.0)),
        ("limits are no numbers", lambda b: b["HostConfig"].update(CpuQuota=True)),
        ("Entrypoint", lambda b: b.update(Entrypoint=["bash"])),
        ("Cmd", lambda b: b["Cmd"].append("x")),
        ("User", lambda b: b.update(User="0:0")),
        ("Env", lambda b: b.update(Env=["LD_PRELOAD=x"])),
        ("Volumes", lambda b: b.update(Volumes={"/data": {}})),
        ("NetworkingConfig", lambda b: b.update(NetworkingConfig={"EndpointsConfig": {"bridge": {}}})),
        ("Labels.managed-by", lambda b: b["Labels"].pop("managed-by")),
        ("Labels.managed-by", lambda b: b["Labels"].update({"managed-by": "somebody"})),
        ("another installation", lambda b: b["Labels"].update({LABEL_INSTANCE: "there"})),
        ("named after its execution", lambda b: b["Labels"].update({LABEL_EXECUTION: "1" * 32})),
        ("the label", lambda b: b["Labels"].update({"com.example": "x"})),
        ("the label", lambda b: b["Labels"].update({"skillbox.x": 7})),
        ("another name than its id", lambda b: b.update(Image="a:1")),
        ("what every sandbox has", lambda b: b.pop("HostConfig")),
        ("what every sandbox has", lambda b: b.update(Labels="x")),
    ],
)  # fmt: skip
def test_a_container_that_is_not_exactly_the_policys_is_refused(said: str, change: Change) -> None:
    changed = copy.deepcopy(body())
    change(changed)
    with pytest.raises(RefusedError, match=said):
        ask("POST", "/v1.41/containers/create", {"name": NAME}, changed)


@pytest.mark.parametrize(
    "name", ["", "x", f"skillbox-{EXECUTION}", f"skillbox-{EXECUTION}-01", f"{NAME}-1", f"/{NAME}"]
)
def test_a_container_under_another_name_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match="named after its execution"):
        ask("POST", "/v1.41/containers/create", {"name": name}, body())


WAITING = f"{PREFIX}{'a' * 32}"


def waiting_body(name: str = WAITING) -> dict[str, Any]:
    """As `make_waiting` asks for it."""
    kind = Kind(f"sha256:{'1' * 64}", memory=64 << 20, scratch=32 << 20, cpu_quota=50_000, runtime="", waits=600)
    made = waiting_config(kind, name, users=SETTINGS.sandbox_users, instance="here")
    made["Labels"][LABEL_DEADLINE] = "2000000000"
    return made


@pytest.mark.parametrize("warm", [(), ("exec python3 /sandbox/scripts/main.py",)])
def test_a_container_that_waits_for_a_job_goes_through(warm: tuple[str, ...]) -> None:
    asked = waiting_body()
    asked["Cmd"].extend(warm)
    call = ask("POST", "/v1.41/containers/create", {"name": WAITING}, asked)
    assert (call.path, call.query, json.loads(json.dumps(call.body))) == (
        "/containers/create",
        {"name": WAITING},
        asked,
    )


@pytest.mark.parametrize(
    "name",
    ["", NAME, PREFIX, f"{PREFIX}{'a' * 31}", f"{PREFIX}{'a' * 33}", f"{PREFIX}{'A' * 32}", f"x{WAITING}",
     f"{WAITING}\n", f"/{WAITING}"],
)  # fmt: skip
def test_a_container_that_waits_under_another_name_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match="another name than such a one has"):
        ask("POST", "/v1.41/containers/create", {"name": name}, waiting_body(name))


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("says whose it is", lambda b: b["Labels"].update({LABEL_EXECUTION: EXECUTION})),
        ("says whose it is", lambda b: b["Labels"].update({LABEL_OWNER: "flow"})),
        ("says whose it is", lambda b: b["Labels"].update({LABEL_TENANT: "default"})),
        ("says whose it is", lambda b: b["Labels"].pop(LABEL_DEADLINE)),
        ("another name than its own", lambda b: b["Labels"].pop(LABEL_NAME)),
        ("another name than its own", lambda b: b["Labels"].update({LABEL_NAME: NAME})),
        ("another installation", lambda b: b["Labels"].update({LABEL_INSTANCE: "there"})),
        ("says whose it is", lambda b: b["Labels"].pop(LABEL_INSTANCE)),
        ("Labels.managed-by", lambda b: b["Labels"].update({"managed-by": "somebody"})),
        ("the label", lambda b: b["Labels"].update({LABEL_WAITING: "x" * 513})),
        ("says whose it is", lambda b: b["Labels"].update({"com.example": "x"})),
        ("without an end", lambda b: b["Cmd"].pop()),
        ("without an end", lambda b: b["Cmd"].append(600)),
        ("without an end", lambda b: b["Cmd"].extend(("exec python3 main.py", "more"))),
        ("without an end", lambda b: b["Cmd"].__setitem__(2, 600)),
        *(("without an end", lambda b, idle=idle: b["Cmd"].__setitem__(2, idle))
          for idle in ("", "0", "00", "-1", "1e9", "1000000", "600 ", "600\n", "٣", "infinity")),
        ("Cmd", lambda b: b["Cmd"].__setitem__(0, "sleep 1")),
        ("Cmd", lambda b: b["Cmd"].__setitem__(1, "other")),
        ("without an end", lambda b: b.update(Cmd="sh")),
        ("without an end", lambda b: b.pop("Cmd")),
        ("User", lambda b: b.update(User=f"{USER}:{USER}")),
        ("HostConfig.CapDrop", lambda b: b["HostConfig"].update(CapDrop=[])),
    ],
)  # fmt: skip
def test_a_container_that_waits_and_is_not_exactly_the_policys_is_refused(said: str, change: Change) -> None:
    changed = waiting_body()
    change(changed)
    with pytest.raises(RefusedError, match=said):
        ask("POST", "/v1.41/containers/create", {"name": WAITING}, changed)


def test_a_container_with_a_job_does_not_wait_for_one() -> None:
    changed = copy.deepcopy(body())
    changed["Cmd"].append("600")
    with pytest.raises(RefusedError, match="Cmd"):
        ask("POST", "/v1.41/containers/create", {"name": NAME}, changed)
    with pytest.raises(RefusedError):
        ask("POST", "/v1.41/containers/create", {"name": NAME}, body(**{LABEL_WAITING: "x"}))
    # A name as such ones have makes none of them.
    with pytest.raises(RefusedError, match="named after its execution"):
        ask("POST", "/v1.41/containers/create", {"name": WAITING}, body())


@pytest.mark.parametrize("over", [{"memory": 5 << 30}, {"scratch": 2 << 30}, {"cpu_quota": 400_001}, {"memory": 0}])
def test_the_installations_limits_hold_here_too(over: dict[str, int]) -> None:
    limits = {"memory": 64 << 20, "scratch": 32 << 20, "cpu_quota": 50_000, **over}
    content = container_config(user=USER, image_id=f"sha256:{'1' * 64}", labels=LABELS, **limits)
    with pytest.raises(
        RefusedError, match=f"SKILLBOX_MAX_{'CPU' if 'cpu_quota' in over else next(iter(over)).upper()}"
    ):
        ask("POST", "/v1.41/containers/create", {"name": NAME}, content)


@pytest.mark.parametrize(
    ("installation", "asked", "passes"),
    [("runsc", "runsc", True), ("runsc", "", False), ("", "runsc", False), ("kata", "runsc", False)],
)
def test_room_for_a_runtimes_threads_is_given_to_the_installations_own_runtime(
    installation: str, asked: str, passes: bool
) -> None:
    limits = {"memory": 64 << 20, "scratch": 32 << 20, "cpu_quota": 50_000}
    content = container_config(user=USER, image_id=f"sha256:{'1' * 64}", labels=LABELS, runtime=asked, **limits)
    settings = SETTINGS.model_copy(update={"runtime": installation})
    data = json.dumps(content).encode()
    if passes:
        assert decide("POST", "/v1.41/containers/create", {"name": NAME}, data, settings, IMAGES).body == content
        return
    with pytest.raises(RefusedError, match=r"HostConfig\.(PidsLimit|Runtime)"):
        decide("POST", "/v1.41/containers/create", {"name": NAME}, data, settings, IMAGES)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"1", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_container_is_refused(content: bytes) -> None:
    with pytest.raises(RefusedError):
        ask("POST", "/v1.41/containers/create", {"name": NAME}, content)
