"""What a skill's files cost: collected out of a sandbox and stored, in turns with gzip at level 3 as the packer.

    python -m tests.benchmarks.files [--size 200] [--turns 5]

A skill leaves so many MB of random bytes, then of CSV. They are collected and stored in a folder: by the product, and
by the same code with Python's own gzip module, level 3, in the place of its archive. First the stream comes from the
engine, which on two processors takes one of them for itself, then from a tar on the disk, where the packer is all that
is waited for. Memory is this process's peak beside what it had before. Then one file of 1 MB out of an archive of all
is read from an S3 service behind a proxy that counts. Ends with 1 if a run fails; never because of a time.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import statistics
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast
from unittest import mock

from skillbox_core import RunOptions, RunRequest, Settings
from skillbox_core.base.file_archive import Span
from skillbox_core.base.home import load_env_file
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, LoadedSkill, Output, RunResult, Sandbox
from skillbox_core.run.lifecycle import run_lifecycle
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox import output, policy
from skillbox_core.sandbox.logs import stdout_of
from skillbox_core.skills.package import package
from skillbox_core.storage import spool
from tests.services.faults import http_proxy
from tests.services.swift import missing, swift

MB = 1_000_000
CHUNK = 64 * 1024
SCRIPT = """
import json, os, random
request = json.load(open("/sandbox/input.json"))
os.makedirs("/sandbox/out/files", exist_ok=True)
size = request["size"]
with open("/sandbox/out/files/table." + request["kind"], "wb") as file:
    if request["kind"] == "csv":
        random.seed(1)
        places = ["north", "south", "east", "west"]
        rows = ["%d,%.6f,%s,2026-11-%02d,%d\\n" % (number, random.random(), random.choice(places),
                random.randint(1, 30), random.randint(0, 100000)) for number in range(100000)]
        block = "".join(rows).encode()
        for begin in range(0, size, len(block)):
            file.write(block[: size - begin])
    else:
        for begin in range(0, size, 1 << 20):
            file.write(os.urandom(min(1 << 20, size - begin)))
with open("/sandbox/out/files/one.bin", "wb") as file:
    file.write(os.urandom(1000000))
open("/sandbox/out/output.json", "w").write("1")
"""
MANIFEST = """---
name: leaves-files
description: Leaves files.
version: 1.0.0
resources: {scratch: 1Gi, memory: 512Mi, cpu: "2"}
---
"""


class GzipWriter:
    """What `ArchiveWriter` does, by Python's own gzip module."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._packed = gzip.GzipFile("", "wb", compresslevel=3, fileobj=sink, mtime=0)
        self._tar = tarfile.open(fileobj=self._packed, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def add(self, name: str, size: int, contents: Iterable[bytes]) -> tuple[Span, str]:
        """Writes a file."""
        info = tarfile.TarInfo(name)
        info.size = size
        body = Body(contents)
        self._tar.addfile(info, cast(BinaryIO, body))
        return Span(0, 0), body.sha256.hexdigest()

    def close(self) -> None:
        """Ends the archive."""
        self._tar.close()
        self._packed.close()
        self._sink.flush()
        with Path(self._sink.name).open("rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256")


class Body:
    """Chunks as a file that is hashed while it is read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest, self.sha256 = iter(chunks), b"", hashlib.sha256()

    def read(self, size: int) -> bytes:
        """At most so many bytes."""
        data = bytearray()
        while len(data) < size:
            self._rest = self._rest or next(self._chunks, b"")
            if not self._rest:
                break
            part, self._rest = self._rest[: size - len(data)], self._rest[size - len(data) :]
            self.sha256.update(part)
            data += part
        return bytes(data)


PACKERS = {"the product": output.ArchiveWriter, "with gzip level 3": GzipWriter}


class Turns:
    """Seconds of each turn, by the packer."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {name: [] for name in PACKERS}

    def take(self, count: int, act: Callable[[], object]) -> None:
        """So many turns of each."""
        for _ in range(count):
            for name, packer in PACKERS.items():
                with mock.patch.object(output, "ArchiveWriter", packer):
                    began = time.perf_counter()
                    act()
                    self._seconds[name].append(time.perf_counter() - began)

    def report(self, whence: str, size: int) -> None:
        """Prints what each does in a second, and what the product does in one of gzip's."""
        ours, gzips = self._seconds.values()
        times = sorted(theirs / mine for mine, theirs in zip(ours, gzips, strict=True))
        rates = [size / statistics.median(took) / MB for took in (ours, gzips)]
        print(
            f"  {whence:44} {rates[0]:5.0f} MB/s, with gzip {rates[1]:3.0f}: "
            f"{statistics.median(times):5.2f} x ({times[0]:.2f} to {times[-1]:.2f})"
        )


class Measured(Steps):
    """Steps that repeat the collection and the upload in turns, before they do both for the run."""

    def __init__(self, installation: Installation, turns: int, folder: Path) -> None:
        super().__init__(installation)
        self._turns, self._folder = turns, folder
        self.of_engine, self.of_disk = Turns(), Turns()
        self.memory = 0

    def collect_output(self, execution: Execution, skill: LoadedSkill, sandbox: Sandbox) -> Output:
        """Collects and stores so many times, and then once more."""
        collect = super().collect_output
        stream = self._folder / "stream.tar"
        engine, command = self._installation.engine, policy.collect_command()
        with stream.open("wb") as file:
            deadline = time.monotonic() + 600
            chunks = engine.execute(sandbox.container_id, command, user=sandbox.user, deadline=deadline)
            file.writelines(stdout_of(chunks, bytearray()))
        spooled = spool.output_archive(self._installation.spool, execution)

        def from_disk() -> None:
            found = output.read_output(pieces(stream), spooled, limit=skill.scratch, max_document=MB)
            self.upload_artifacts(execution, found)

        before = peak()
        self.of_engine.take(self._turns, lambda: self.upload_artifacts(execution, collect(execution, skill, sandbox)))
        self.of_disk.take(self._turns, from_disk)
        self.memory = peak() - before
        stream.unlink()
        return collect(execution, skill, sandbox)


def pieces(path: Path) -> Iterator[bytes]:
    """A file in pieces of the size that an engine's stream has."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(CHUNK):
            yield piece


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))) * 1024


def measure(installation: Installation, folder: Path, size: int, turns: int) -> int:
    """Both kinds, then one file out of a store that counts."""
    source = folder / "skill"
    source.mkdir()
    (source / "SKILL.md").write_text(MANIFEST)
    (source / "main.py").write_text(SCRIPT)
    installation.registry.push("default", package(source, folder / "skill.zip", 1 << 20).path)
    for kind in ("bin", "csv"):
        steps = Measured(installation, turns, folder)
        options = RunOptions(timeout="10m")
        result = run_lifecycle(steps, RunRequest(skill="leaves-files", input={"kind": kind, "size": size}), options)
        if not result.ok:
            print(f"a run failed: {result.error}\n{result.logs}")
            return 1
        what = "CSV" if kind == "csv" else "random bytes"
        print(f"{size // MB} MB of {what}, {result.artifacts.size / MB:.0f} MB stored; {turns} turns")
        steps.of_engine.report("collected out of a sandbox and stored", size)
        steps.of_disk.report("the same from a stream on the disk", size)
        print(f"  {'memory of the worker above what it had':44} {steps.memory / MB:6.0f} MB")
        if kind == "bin":
            read_one(installation, result, folder)
    return 0


def read_one(installation: Installation, result: RunResult, folder: Path) -> None:
    """Puts the archive into an S3 service, and reads the file of 1 MB out of it."""
    if why := missing():
        print(f"  one file out of S3: not measured, {why}")
        return
    with swift(folder / "swift") as service, http_proxy(service.endpoint) as proxy:
        changes = {
            "s3_endpoint": proxy.address,
            "s3_access_key": service.access_key,
            "s3_secret_key": service.secret_key,
        }
        remote = Installation.from_settings(installation.settings.model_copy(update=changes))
        local = folder / "archive"
        installation.artifacts.fetch(result.artifacts, local)
        remote.artifacts._bucket.put(local, result.artifacts.key)
        before, began = proxy.answered, time.perf_counter()
        with remote.artifacts.open_file(result.artifacts, "one.bin") as file:
            assert len(file.read()) == MB
        took = time.perf_counter() - began
        print(
            f"  {'one file of 1 MB out of S3: transferred':44} {(proxy.answered - before) / MB:6.2f} MB in {took:.2f} s"
        )


def main() -> int:
    """Makes an installation in a folder that goes away."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=200, help="MB")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    load_env_file()
    with tempfile.TemporaryDirectory(prefix="skillbox-bench-") as temporary:
        folder = Path(temporary)
        settings = Settings(home=folder / "home", instance=f"bench-{uuid.uuid4().hex[:12]}", db_dsn="", s3_endpoint="")
        return measure(Installation.from_settings(settings), folder, arguments.size * MB, arguments.turns)


if __name__ == "__main__":
    sys.exit(main())
