"""What a skill's files cost: 1, 10 and 200 MB, collected out of a sandbox and stored, beside gzip as the packer.

A skill leaves so many MB of random bytes, then of CSV. They are collected and stored in a folder: by the product, and
by the same code with Python's own gzip module, level 3, in the place of its archive. First the stream comes from the
engine, which on two processors takes one of them for itself, then from a tar on the disk, where the packer is all that
is waited for. Memory is this process's peak beside what it had before. Then one file of 1 MB out of an archive of all
is read from an S3 service behind a proxy that counts.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast
from unittest import mock

from skillbox_core import RunOptions, RunRequest
from skillbox_core.base.file_archive import Span
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, LoadedSkill, Output, RunResult, Sandbox
from skillbox_core.run.lifecycle import run_lifecycle
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox import output, policy
from skillbox_core.sandbox.logs import stdout_of
from skillbox_core.storage import spool
from tests.benchmarks.ground import Ground, Scale, ground, push
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Contestant, Times, compare, take_turns
from tests.services.faults import http_proxy
from tests.services.swift import missing, swift

MB = 1_000_000
SIZES, QUICK = (1, 10, 200), (1, 10)
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


def packers(rounds: int, act: Callable[[], object]) -> dict[str, Times]:
    """So many turns of each packer."""

    def turn(packer: object) -> Callable[[], None]:
        def once() -> None:
            with mock.patch.object(output, "ArchiveWriter", packer):
                act()

        return once

    return take_turns([Contestant(name, turn(packer)) for name, packer in PACKERS.items()], rounds, warm=True)


class Measured(Steps):
    """Steps that repeat the collection and the upload in turns, before they do both for the run."""

    def __init__(self, installation: Installation, turns: int, folder: Path) -> None:
        super().__init__(installation)
        self._turns, self._folder = turns, folder
        self.of_engine: dict[str, Times] = {}
        self.of_disk: dict[str, Times] = {}
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
        self.of_engine = packers(
            self._turns, lambda: self.upload_artifacts(execution, collect(execution, skill, sandbox))
        )
        self.of_disk = packers(self._turns, from_disk)
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


def measure(scale: Scale, part: Part) -> None:
    """Both kinds in all sizes, then one file out of a store that counts."""
    with ground(part) as made:
        source = made.folder / "skill"
        source.mkdir()
        (source / "SKILL.md").write_text(MANIFEST)
        (source / "main.py").write_text(SCRIPT)
        push(made.runner, source, made.folder / "leaves.zip")
        for size in QUICK if scale.quick else SIZES:
            for kind, what in (("bin", "random bytes"), ("csv", "CSV")):
                # One turn of the largest takes ten seconds and more with gzip.
                rounds = min(scale.turns, 3 if size >= 100 else 10)
                result = measured(made, part, rounds, f"{size} MB of {what}", {"kind": kind, "size": size * MB})
                if result and kind == "bin" and size == max(SIZES):
                    read_one(made, part, result)


def measured(made: Ground, part: Part, rounds: int, what: str, asked: dict[str, object]) -> RunResult | None:
    """One run whose files are collected and stored again and again; None if it failed."""
    steps = Measured(made.runner.installation, rounds, made.folder)
    result = run_lifecycle(steps, RunRequest(skill="leaves-files", input=asked), RunOptions(timeout="10m"))
    if not result.ok:
        part.fail(f"a run failed: {result.error}\n{result.logs}")
        return None
    for whence, found in (("out of a sandbox", steps.of_engine), ("from the disk", steps.of_disk)):
        for packer, times in found.items():
            megabytes = cast(int, asked["size"]) / MB
            part.figure(f"{what} {whence}, {packer}", "MB/s", *(megabytes / seconds for seconds in times.values))
        ours, gzips = found
        # Times are compared the other way round, so that the ratio is one of rates.
        part.ratio(f"{what} {whence}: {ours} / {gzips}", compare(found[gzips], found[ours]), more_is_better=True)
    part.figure(f"{what}: memory of the worker above what it had", "MB", steps.memory / MB)
    return result


def read_one(made: Ground, part: Part, result: RunResult) -> None:
    """Puts the archive into an S3 service, and reads the file of 1 MB out of it."""
    name = "one file of 1 MB out of 200 on S3"
    if why := missing():
        part.skip(name, why)
        return
    installation, folder = made.runner.installation, made.folder
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
        part.figure(name, "s", time.perf_counter() - began)
        part.figure(f"{name}: transferred", "MB", (proxy.answered - before) / MB)
