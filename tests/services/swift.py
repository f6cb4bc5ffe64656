"""A real S3 service on loopback: OpenStack Swift with its s3api middleware, one replica, one folder."""

from __future__ import annotations

import http.client
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services.process import free_port, running

ACCESS_KEY, SECRET_KEY = "test:tester", "testing-not-a-secret"
BIN = Path(__file__).parents[2] / ".skillbox" / "services" / "swift" / "bin"


@dataclass(frozen=True)
class S3Service:
    """Where it listens, and its (obviously fake) keys."""

    endpoint: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY


def missing() -> str | None:
    """Why it can't run here."""
    if not (BIN / "swift-proxy-server").exists():
        return "Swift is not installed; `make test` as root installs it"
    return None if shutil.which("memcached") else "memcached is not installed; `make test` as root installs it"


@contextmanager
def swift(folder: Path) -> Iterator[S3Service]:
    """Starts the service with its data in `folder`, and ends it."""
    user = pwd.getpwuid(os.getuid()).pw_name
    ports = {name: free_port() for name in ("proxy", "account", "container", "object", "memcached")}
    (folder / "devices" / "d1").mkdir(parents=True)
    common = (
        f"[DEFAULT]\nbind_ip = 127.0.0.1\nuser = {user}\nswift_dir = {folder}\ndevices = {folder}/devices\n"
        "mount_check = false\nfallocate_reserve = 0\nworkers = 0\ndisable_fallocate = true\nlog_level = WARNING\n"
    )
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = tests\nswift_hash_path_prefix = tests\n")
    for kind in ("account", "container", "object"):
        (folder / f"{kind}.conf").write_text(
            f"{common}bind_port = {ports[kind]}\n[pipeline:main]\npipeline = {kind}-server\n"
            f"[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        )
        ring = [str(BIN / "swift-ring-builder"), str(folder / f"{kind}.builder")]
        for step in (["create", "4", "1", "0"], ["add", f"r1z1-127.0.0.1:{ports[kind]}/d1", "1"], ["rebalance"]):
            done = subprocess.run([*ring, *step], capture_output=True, text=True)
            # 1 is "done, with a warning".
            assert done.returncode in (0, 1), done.stdout + done.stderr
    pipeline = "catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth slo dlo proxy-server"
    filters = "".join(
        f"[filter:{name}]\nuse = egg:swift#{egg}\n{more}"
        for name, egg, more in (
            ("catch_errors", "catch_errors", ""),
            ("gatekeeper", "gatekeeper", ""),
            ("healthcheck", "healthcheck", ""),
            ("cache", "memcache", f"memcache_servers = 127.0.0.1:{ports['memcached']}\n"),
            ("listing_formats", "listing_formats", ""),
            ("s3api", "s3api", "s3_acl = false\n"),
            ("tempauth", "tempauth", f"user_test_tester = {SECRET_KEY} .admin\n"),
            ("slo", "slo", ""),
            ("dlo", "dlo", ""),
        )
    )
    (folder / "proxy.conf").write_text(
        f"{common}bind_port = {ports['proxy']}\n[pipeline:main]\npipeline = {pipeline}\n"
        f"[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n{filters}"
    )
    with ExitStack() as processes:
        memcached = ["memcached", "-l", "127.0.0.1", "-p", str(ports["memcached"]), "-u", user, "-U", "0"]
        processes.enter_context(running(memcached, folder / "memcached.log"))
        for kind in ("account", "container", "object", "proxy"):
            command = [str(BIN / f"swift-{kind}-server"), str(folder / f"{kind}.conf")]
            processes.enter_context(running(command, folder / f"{kind}.log"))
        _wait_until_healthy(ports["proxy"], folder / "proxy.log")
        yield S3Service(f"127.0.0.1:{ports['proxy']}")


def _wait_until_healthy(port: int, log: Path) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            link.request("GET", "/healthcheck")
            if link.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"Swift did not start: {log.read_text()[-2000:]}")
