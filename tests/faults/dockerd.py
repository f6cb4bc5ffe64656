"""A container engine of the tests' own, that can be killed and started again, with one small image."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import docker

from deployments.local.engine import unmount_below
from skillbox_core.errors import EngineError
from skillbox_core.sandbox.engine import Engine

IMAGE = "skillbox/tests:bash"
PROGRAMS = ("sh", "bash", "tar", "head", "sleep", "mkdir", "chmod", "rm", "sed", "cat")


def missing() -> str | None:
    """Why it can't run here."""
    if os.getuid() != 0:
        return "only root can start another engine"
    absent = [name for name in ("dockerd", *PROGRAMS) if not shutil.which(name)]
    return f"{', '.join(absent)} is not installed" if absent else None


class Dockerd:
    """One engine: its data stays when it is killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.url = f"unix://{folder}/s"
        self._log = folder / "log"
        self._containerd = folder / "exec" / "containerd" / "containerd.pid"
        self._command = [
            *("dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false", "--host", self.url),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"),
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        give_up = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < give_up, self._log.read_text()[-2000:]
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            Engine(self.url).version()
        except EngineError:
            return False
        return True

    def kill(self) -> None:
        """Ends it and its containerd at once; its containers run on."""
        assert self._process
        containerd = int(self._containerd.read_text())
        self._process.kill()
        self._process.wait()
        with suppress(ProcessLookupError):
            os.kill(containerd, signal.SIGKILL)
        # The next engine would take one that is about to die for one that it can use.
        while Path(f"/proc/{containerd}").exists():
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it, and its containers with it."""
        assert self._process
        if self._process.poll() is not None:
            self.start()
        api = docker.APIClient(self.url, version="auto")
        for container in api.containers(all=True):
            api.remove_container(container["Id"], force=True, v=True)
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


@contextmanager
def dockerd(folder: Path, *options: str) -> Iterator[Dockerd]:
    """A running engine with `IMAGE`; `folder` must have a short path, because sockets lie in it."""
    engine = Dockerd(folder, *options)
    engine.start()
    try:
        docker.APIClient(engine.url, version="auto").import_image_from_data(_root(), *IMAGE.split(":"))
        yield engine
    finally:
        engine.stop()
        # An engine that was killed left its data folder mounted on itself, and the next one takes down its own only.
        unmount_below(folder)
        shutil.rmtree(folder)


def _root() -> bytes:
    """A root file system of this machine's own programs and what they are linked with."""
    paths = {Path(f"/bin/{name}"): Path(str(shutil.which(name))) for name in PROGRAMS}
    for program in list(paths.values()):
        told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        paths |= {Path(found): Path(found) for found in re.findall(r"(/\S+) \(0x", told)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in ("sandbox", "tmp", "proc", "sys", "dev", "etc"):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for name, source in paths.items():
            data = source.resolve().read_bytes()
            info = tarfile.TarInfo(str(name).lstrip("/"))
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()
