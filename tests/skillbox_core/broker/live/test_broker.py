"""A worker that has only the broker's socket: all that it needs works, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

import pytest

from deployments.local.engine import answers
from skillbox_core import (
    CancelToken,
    Reason,
    Runner,
    RunOptions,
    RunRequest,
    Status,
    cleanup_orphans,
    wait_for_removals,
)
from skillbox_core.base.engine_http import connection
from skillbox_core.base.names import container_name
from skillbox_core.broker import proxy
from skillbox_core.broker.proxy import Broker
from skillbox_core.errors import PolicyError
from skillbox_core.operations.doctor import examine
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.container import LABEL_INSTANCE, collect
from skillbox_core.sandbox.policy import container_config, user_id
from skillbox_core.sandbox.waiting import Kind, waiting_config
from skillbox_core.settings import load_settings
from tests.conftest import MakeSkill
from tests.services import pools
from tests.services.process import running
from tests.services.settling import containers_left, settle

SKILLBOX = str(Path(sys.executable).with_name("skillbox"))
ANSWER = "import json; json.dump({}, open('/sandbox/out/output.json', 'w'))\n"


@pytest.fixture(scope="module")
def broker(runner: Runner) -> Iterator[str]:
    """The address of a broker for this installation, in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="sbb-"))
    url, settings = f"unix://{folder}/s", runner.installation.settings
    command = [
        str(Path(sys.executable).with_name("skillbox")),
        "broker",
        "--engine",
        settings.engine_url,
        "--listen",
        url,
    ]
    environment = {
        **os.environ,
        "SKILLBOX_HOME": str(settings.home),
        "SKILLBOX_IMAGE_ALIASES": ",".join(f"{asked}={used}" for asked, used in settings.image_aliases.items()),
        "PYTHONPATH": str(Path(__file__).parents[4]),
    }
    log = folder / "log"
    try:
        with running([*command, "--instance", settings.instance], log, env=environment) as process:
            give_up = time.monotonic() + 30
            while not (Path(f"{folder}/s").is_socket() and answers(url)):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < give_up, log.read_text()
                time.sleep(0.05)
            yield url
            settle()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def worker(runner: Runner, broker: str) -> Runner:
    return Runner.from_settings(runner.installation.settings.model_copy(update={"docker_host": broker}))


@pytest.mark.parametrize(
    ("script", "options", "status", "reason"),
    [
        (ANSWER + "open('/sandbox/out/files/a', 'wb').write(bytes(3 << 20)); print(('x' * 99 + '\\n') * 5000, end='')",
         {}, Status.SUCCESS, None),
        ("raise SystemExit(3)", {}, Status.FAILED, Reason.EXIT),
        ("x = bytearray(900 << 20)", {}, Status.FAILED, Reason.OOM),
        ("import time; time.sleep(60)", {"timeout": "1s"}, Status.TIMEOUT, None),
    ],
)  # fmt: skip
def test_skills_run_through_it(
    worker: Runner, make_skill: MakeSkill, script: str, options: dict[str, str], status: Status, reason: Reason | None
) -> None:
    result = worker.run(RunRequest(skill=make_skill(script), input={"x": "y" * 2_000_000}), RunOptions(**options))
    assert (result.status, result.reason) == (status, reason), result
    if status is Status.SUCCESS:
        assert (result.files_list, len(result.logs)) == (("a",), 500_000)


def test_logs_come_live_and_a_cancel_ends_the_container(worker: Runner, make_skill: MakeSkill) -> None:
    token, began = CancelToken(), time.monotonic()
    name = make_skill("import time; print('on', flush=True); time.sleep(60)")
    result = worker.run(RunRequest(skill=name), on_log=lambda _stream, _line: token.cancel(), cancel=token)
    assert (result.status, result.logs) == (Status.CANCELLED, "on\n")
    assert time.monotonic() - began < 20
    assert containers_left(worker.installation.engine, {LABEL_INSTANCE: worker.installation.settings.instance}) == []


def test_a_lost_workers_container_is_adopted_and_orphans_are_found(
    worker: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, options = RunRequest(skill=make_skill(ANSWER + "print('first')")), RunOptions(key=uuid.uuid4().hex)
    lost = Steps(Runner.from_settings(worker.installation.settings).installation)
    execution = lost.create_record(request, options)
    sandbox = lost.create_container(execution, lost.load_skill(execution, options), request, options)
    assert cleanup_orphans(worker.installation) == []
    result = Runner.from_settings(worker.installation.settings).run(request, options)
    assert (result.execution_id, result.status, result.logs) == (execution.id, Status.SUCCESS, "first\n")
    wait_for_removals()
    assert worker.installation.engine.remove(sandbox.container_id) is False, "its container was left"

    from skillbox_core.operations import orphans

    request, options = RunRequest(skill=make_skill("import time; time.sleep(60)")), RunOptions(key=uuid.uuid4().hex)
    execution = lost.create_record(request, options)
    lost.create_container(execution, lost.load_skill(execution, options), request, options)
    monkeypatch.setattr(orphans, "GRACE", -1_000_000.0)
    assert {(o.kind, o.done) for o in cleanup_orphans(worker.installation)} == {("container", True), ("record", True)}


def test_containers_wait_and_are_taken_through_it(
    worker: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Runner.from_settings(worker.installation.settings.model_copy(update={"pool_max": 2, "pool_min": 1}))
    skill, engine = make_skill(ANSWER + "print('once'); import time; time.sleep(0.5)"), own.installation.engine
    name = pools.ahead(own, skill)
    result = own.run(RunRequest(skill=skill))
    assert (result.status, result.logs) == (Status.SUCCESS, "once\n")
    assert pools.record(own, result.execution_id).claimed == name
    wait_for_removals()
    assert engine.remove(name) is False, "it was left"
    # One that was made after it, by a worker who is lost; and one that nobody takes.
    (following,) = pools.waiting(own.installation)
    request, options = RunRequest(skill=skill), RunOptions(key=uuid.uuid4().hex)
    lost = Steps(Runner.from_settings(own.installation.settings).installation)
    execution = lost.create_record(request, options)
    assert lost.create_container(execution, lost.load_skill(execution, options), request, options).name == following
    left = pools.more(own, skill)
    assert cleanup_orphans(own.installation) == []
    result = own.run(request, options)
    assert (result.execution_id, result.status, result.logs) == (execution.id, Status.SUCCESS, "once\n")
    wait_for_removals()
    pools.end_time(own, left)
    assert [(one.kind, one.name, one.done) for one in cleanup_orphans(own.installation)] == [("waiting", left, True)]
    # A container of another kind than the broker's policy has is not made, and the run has one of its own.
    monkeypatch.setattr("skillbox_core.sandbox.waiting.waiting_config", _weaker)
    pools.drain(own.installation)
    assert own.run(RunRequest(skill=skill)).status is Status.SUCCESS
    wait_for_removals()
    assert pools.waiting(own.installation) == []
    assert containers_left(engine, {LABEL_INSTANCE: own.installation.settings.instance}) == []


def _weaker(kind: Kind, name: str, *, users: range, instance: str) -> dict[str, object]:
    body = waiting_config(kind, name, users=users, instance=instance)
    return {**body, "HostConfig": {**body["HostConfig"], "CapDrop": []}}


def test_the_doctor_finds_every_wall_through_it(worker: Runner) -> None:
    checks = {check.part: check for check in examine(worker.installation)}
    assert checks["sandbox"].level == "OK", checks["sandbox"]


def test_a_policy_that_is_not_the_brokers_is_refused_and_not_tried_again(
    worker: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skillbox_core.run import steps

    original = steps.container_config

    def weaker(**arguments: object) -> dict[str, object]:
        body = original(**arguments)  # type: ignore[arg-type]
        return {**body, "HostConfig": {**body["HostConfig"], "Binds": ["/:/host"]}}

    monkeypatch.setattr(steps, "container_config", weaker)
    result = worker.run(RunRequest(skill=make_skill(ANSWER)))
    assert (result.status, result.reason) == (Status.FAILED, Reason.POLICY), result
    assert "HostConfig.Binds" in (result.error or "")


@pytest.fixture(params=["another installation's", "nobody's"])
def stranger(request: pytest.FixtureRequest, runner: Runner) -> Iterator[str]:
    """A running container on the same engine that is not this installation's."""
    theirs = {"managed-by": "skillbox", LABEL_INSTANCE: f"another-{uuid.uuid4().hex[:8]}"}
    labels = theirs if "installation" in request.param else {}
    image = runner.installation.settings.image_aliases.get("bash:5", "bash:5")
    body = {"Image": image, "Cmd": ["sleep", "60"], "Labels": labels, "NetworkDisabled": True}
    container = runner.installation.engine.create(f"t-stranger-{uuid.uuid4().hex[:8]}", body)
    runner.installation.engine.start(container)
    yield container
    assert runner.installation.engine.inspect(container)["State"]["Running"], "somebody ended it"
    runner.installation.engine.remove(container)


@pytest.mark.parametrize("by", ["id", "short id", "name"])
def test_a_container_of_others_can_be_neither_seen_nor_touched(
    worker: Runner, runner: Runner, stranger: str, by: str
) -> None:
    found = runner.installation.engine.inspect(stranger)
    name = {"id": stranger, "short id": stranger[:12], "name": found["Name"].lstrip("/")}[by]
    engine = worker.installation.engine
    for touch in (
        engine.inspect, engine.start, engine.remove, engine.attach, engine.follow,
        lambda name: list(engine.execute(name, ["id"], user="0", deadline=time.monotonic() + 5)),
        lambda name: list(engine.logs(name)),
    ):  # fmt: skip
        with pytest.raises(Exception, match="broker does not pass on") as caught:
            touch(name)
        assert not isinstance(caught.value, AssertionError)
    seen = {container["Id"] for container in worker.installation.engine.containers({})}
    assert stranger not in seen


def test_the_output_is_read_as_the_sandboxs_own_user_and_no_other(worker: Runner, make_skill: MakeSkill) -> None:
    request, options = RunRequest(skill=make_skill("import time; time.sleep(60)")), RunOptions()
    steps = Steps(worker.installation)
    execution = steps.create_record(request, options)
    sandbox = steps.create_container(execution, steps.load_skill(execution, options), request, options)
    try:
        with pytest.raises(PolicyError, match="an exec as 70000:70000 in a sandbox of another user"):
            collect(worker.installation.engine, replace(sandbox, user="70000:70000"), Path("unused"),
                    scratch=1, max_document=1)  # fmt: skip
    finally:
        worker.installation.engine.remove(sandbox.container_id)


def test_an_exec_that_somebody_else_made_can_not_be_started(worker: Runner, runner: Runner, stranger: str) -> None:
    made = runner.installation.engine._api.exec_create(stranger, ["id"])["Id"]
    link = connection(worker.installation.settings.engine_url)
    body = json.dumps({"Detach": False, "Tty": False})
    link.request("POST", f"/v1.41/exec/{made}/start", body=body, headers={"Content-Type": "application/json"})
    assert link.getresponse().status == 403


def test_an_image_that_is_not_allowed_makes_no_container(worker: Runner, runner: Runner) -> None:
    plain = {"Image": worker.installation.settings.image_aliases.get("bash:5", "bash:5"), "Cmd": ["true"]}
    container = runner.installation.engine.create(f"t-{uuid.uuid4().hex[:8]}", plain)
    evil = runner.installation.engine._api.commit(container, repository="skillbox-test/evil", tag="1")["Id"]
    runner.installation.engine.remove(container)
    try:
        with pytest.raises(PolicyError, match="no allowed image"):
            _create(worker, evil)
    finally:
        runner.installation.engine._api.remove_image(evil, force=True)


def _create(worker: Runner, image: str) -> str:
    """A container as the policy has it, made from this image."""
    execution = uuid.uuid4().hex
    labels = {"skillbox.execution": execution, LABEL_INSTANCE: worker.installation.settings.instance}
    name = container_name(execution, 1)
    user = user_id(name, worker.installation.settings.sandbox_users)
    body = container_config(
        user=user, image_id=image, memory=64 << 20, scratch=32 << 20, cpu_quota=50_000, labels=labels
    )
    return worker.installation.engine.create(name, body)


@contextmanager
def _own_broker(runner: Runner, **settings: object) -> Iterator[Runner]:
    """A worker of a broker in this process, with settings of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="sbb-"))
    own = runner.installation.settings.model_copy(update=settings)
    with Broker(folder / "s", runner.installation.settings.engine_url, own) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            worker = Runner.from_settings(own.model_copy(update={"docker_host": f"unix://{folder}/s"}))
            yield worker
        finally:
            assert wait_for_removals(60)
            server.shutdown()
            thread.join()
            shutil.rmtree(folder)


@contextmanager
def _silent_engine(monkeypatch: pytest.MonkeyPatch, *, listening: bool = True, **settings: object) -> Iterator[str]:
    """A broker's address in front of an engine that takes calls and never answers, or takes none."""
    folder = Path(tempfile.mkdtemp(prefix="sbb-"))
    monkeypatch.setattr(proxy, "ENGINE_TIMEOUT", 0.5)
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{folder}/engine")
        if listening:
            engine.listen(64)
        own = load_settings().model_copy(update=settings)
        with Broker(folder / "s", f"unix://{folder}/engine", own) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"unix://{folder}/s"
            finally:
                server.shutdown()
                thread.join()
                shutil.rmtree(folder)


def test_a_call_that_hangs_in_the_engine_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with _silent_engine(monkeypatch) as url:
        link = connection(url, 15)
        link.request("GET", "/v1.41/info")
        answer = link.getresponse()
        assert answer.status == 504
        assert "did not answer GET /v1.41/info within 0.5 s" in json.loads(answer.read())["message"]


@pytest.mark.parametrize(("listening", "said"), [(True, "timed out"), (False, "refused")])
def test_an_engine_that_does_not_say_whose_exec_it_is_is_said(
    monkeypatch: pytest.MonkeyPatch, listening: bool, said: str
) -> None:
    with _silent_engine(monkeypatch, listening=listening) as url:
        link = connection(url, 15)
        body = json.dumps({"Detach": False, "Tty": False})
        link.request("POST", f"/v1.41/exec/{'a' * 64}/start", body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        assert answer.status == 502
        message = json.loads(answer.read())["message"]
        assert message.startswith("the engine did not say whose exec this is: ")
        assert said in message


def test_an_engine_that_takes_no_call_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with _silent_engine(monkeypatch, listening=False) as url:
        link = connection(url, 15)
        link.request("GET", "/v1.41/info")
        answer = link.getresponse()
        assert answer.status == 502
        assert "gave GET /v1.41/info no answer: [Errno 111] Connection refused" in json.loads(answer.read())["message"]


def test_a_pull_without_a_word_holds_no_place_once_its_client_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "MAX_CONNECTIONS", 1)
    with _silent_engine(monkeypatch, image_allowlist=("a:1",), image_aliases={}) as url:
        link = connection(url, 2)
        link.request("POST", "/v1.41/images/create?fromImage=a&tag=1")
        with pytest.raises(TimeoutError):
            link.getresponse()
        link.close()
        _wait_for_a_place(url, 504)


def _wait_for_a_place(url: str, status: int) -> None:
    give_up = time.monotonic() + 15
    while True:
        link = connection(url, 15)
        with suppress(OSError, HTTPException):
            link.request("GET", "/version")
            assert link.getresponse().status == status
            return
        assert time.monotonic() < give_up, "no place is free"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("method", "call", "status"),
    [("GET", "logs?follow=1&stdout=1", 200), ("POST", "attach?stream=1&stdin=1&stdout=1", 101)],
)
def test_a_silent_sandbox_holds_no_place_once_its_client_is_gone(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, method: str, call: str, status: int
) -> None:
    monkeypatch.setattr(proxy, "MAX_CONNECTIONS", 3)
    image = runner.installation.engine.image(runner.installation.settings.image_aliases.get("bash:5", "bash:5"))
    assert image
    # It waits for its plan.
    container = _create(runner, image.id)
    runner.installation.engine.start(container)
    try:
        with _own_broker(runner) as worker, ExitStack() as links:
            for _ in range(3):
                link = links.enter_context(socket.socket(socket.AF_UNIX))
                link.settimeout(30)
                link.connect(worker.installation.settings.engine_url.removeprefix("unix://"))
                upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if status == 101 else ""
                link.sendall(f"{method} /v1.41/containers/{container}/{call} HTTP/1.1\r\n{upgrade}\r\n".encode())
                assert link.recv(12) == b"HTTP/1.1 %d" % status
            links.close()
            _wait_for_a_place(worker.installation.settings.engine_url, 200)
    finally:
        runner.installation.engine.remove(container)


def test_a_stop_of_the_engine_is_none_of_the_broker() -> None:
    unit = Path(__file__).parents[4] / "deployments" / "broker" / "skillbox-broker.service"
    lines = unit.read_text().splitlines()
    assert {"After=docker.service", "Wants=docker.service", "Restart=always"} <= set(lines)
    assert not [line for line in lines if line.startswith(("Requires", "BindsTo", "PartOf"))]


def test_an_allowed_image_with_a_volume_makes_no_container(runner: Runner) -> None:
    plain = {"Image": runner.installation.settings.image_aliases.get("bash:5", "bash:5"), "Cmd": ["true"]}
    container = runner.installation.engine.create(f"t-{uuid.uuid4().hex[:8]}", plain)
    name = f"skillbox-test/volume:{uuid.uuid4().hex[:8]}"
    image = runner.installation.engine._api.commit(container, *name.split(":"), changes="VOLUME /data")["Id"]
    runner.installation.engine.remove(container)
    try:
        with _own_broker(runner, image_allowlist=(name,)) as worker, pytest.raises(PolicyError, match="volume"):
            _create(worker, image)
    finally:
        runner.installation.engine._api.remove_image(image, force=True)


def test_connections_have_a_bound_and_half_a_request_an_end(
    runner: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "MAX_CONNECTIONS", 3)
    with _own_broker(runner) as worker, ExitStack() as links:
        address = worker.installation.settings.engine_url.removeprefix("unix://")

        def half() -> socket.socket:
            link = links.enter_context(socket.socket(socket.AF_UNIX))
            link.settimeout(30)
            link.connect(address)
            # A broker that is full hangs up, maybe before this.
            with suppress(BrokenPipeError):
                link.sendall(b"GET /version HTTP/1.1\r\n")
            return link

        held = [half() for _ in range(3)]
        assert _hung_up(half())
        monkeypatch.setattr(proxy._Handler, "timeout", 0.5)
        held[0].sendall(b"\r\n")
        assert held[0].recv(12) == b"HTTP/1.1 200"
        held[0].close()
        # Its place is free a moment later.
        give_up = time.monotonic() + 30
        while not answers(worker.installation.settings.engine_url):
            assert time.monotonic() < give_up
        assert _hung_up(half()), "what is not whole is given up"
        for link in held[1:]:
            link.close()
        # A skill that says nothing for longer is still followed.
        result = worker.run(RunRequest(skill=make_skill("import time; time.sleep(2)\n" + ANSWER)))
        assert result.status is Status.SUCCESS, result


def _hung_up(link: socket.socket) -> bool:
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /v1.41/volumes HTTP/1.1\r\n\r\n", 403),
        (b"GET http://x/v1.41/info HTTP/1.1\r\n\r\n", 403),
        (b"GET /v1.41/info?a=1&a=2 HTTP/1.1\r\n\r\n", 403),
        (b"GET /v1.41/info#x HTTP/1.1\r\n\r\n", 403),
        (b"GET /v1.41/info?x HTTP/1.1\r\n\r\n", 403),
        (b"GET //[/info HTTP/1.1\r\n\r\n", 403),
        (b"POST /v1.41/containers/create HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", 403),
        (b"POST /v1.41/containers/create HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 403),
        (b"POST /v1.41/containers/create HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 403),
        (b"POST /v1.41/containers/create HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 403),
        (b"POST /v1.41/containers/create HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 403),
        *(
            (b"%b /v1.41/info HTTP/1.1\r\n\r\n" % method, 403)
            for method in (b"PUT", b"HEAD", b"PATCH", b"OPTIONS", b"X")
        ),
        (b"nonsense\r\n\r\n", 403),
        (b"GET /version HTTP/9.9\r\n\r\n", 403),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 403),
        # A second request behind the first is never read.
        (b"GET /version HTTP/1.1\r\n\r\nGET /v1.41/volumes HTTP/1.1\r\n\r\n", 200),
    ],
)
def test_odd_requests_get_one_answer(broker: str, raw: bytes, status: int) -> None:
    log = Path(broker.removeprefix("unix://")).with_name("log")
    before = log.stat().st_size
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(30)
        link.connect(broker.removeprefix("unix://"))
        link.sendall(raw)
        answer = b""
        try:
            while part := link.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    assert answer.startswith(b"HTTP/1.1 %d" % status), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1
    said = log.read_bytes()[before:]
    if status == 403:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"application/json" in head
        assert body == b"" if raw.startswith(b"HEAD") else "does not pass on" in json.loads(body)["message"]
        assert said.startswith(b"WARNING refused to process %d of user %d" % (os.getpid(), os.getuid())), said
        assert said.count(b"\n") == 1
    else:
        assert said == b""


def test_the_socket_is_for_its_group_and_goes_when_the_broker_does(runner: Runner, tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="sbb-"))
    listen = folder / "s"
    command = [
        str(Path(sys.executable).with_name("skillbox")),
        "broker",
        "--engine",
        "unix:///none",
        "--listen",
        f"unix://{listen}",
    ]
    root = str(Path(__file__).parents[4])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert "unix:///none" in process.stdout.readline()
        assert stat.S_IMODE(listen.stat().st_mode) == 0o660
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not listen.exists()
    finally:
        # A check that fails must not leave it running.
        process.kill()
        process.wait()
        process.stdout.close()
        shutil.rmtree(folder)
