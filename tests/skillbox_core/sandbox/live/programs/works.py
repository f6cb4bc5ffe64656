"""Runs inside a sandbox: what Python programs commonly need. Writes the names of what worked."""

import asyncio
import concurrent.futures
import json
import mmap
import multiprocessing
import os
import pathlib
import select
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import time
from multiprocessing import shared_memory

done = []


def square(number):
    return number * number


def threads():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(square, range(100))) == 328350


def processes_and_pipes():
    shell = subprocess.run(["sh", "-c", "echo $0 | tr a-z A-Z", "hi"], capture_output=True, text=True, check=True)
    assert shell.stdout == "HI\n"


def multiprocessing_by_each_method():
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(square, range(4)) == [0, 1, 4, 9]


def memory_that_is_shared():
    block = shared_memory.SharedMemory(create=True, size=4096)
    block.buf[0] = 7
    block.close()
    block.unlink()


def asyncio_with_tcp_and_children():
    async def serve(reader, writer):
        writer.write(await reader.read(10))
        await writer.drain()
        writer.close()

    async def echo():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"ping")
        writer.write_eof()
        assert await reader.read() == b"ping"
        server.close()
        child = await asyncio.create_subprocess_exec("true")
        assert await child.wait() == 0

    asyncio.run(echo())


def sockets():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("::1", 0))
    left, right = socket.socketpair()
    socket.send_fds(left, [b"x"], [0])
    assert socket.recv_fds(right, 1, 1)[0] == b"x"
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def files_mappings_and_locks():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "x")
        path.write_bytes(b"a" * 8192)
        path.chmod(0o600)
        os.utime(path, (1, 1))
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
            view[0:1] = b"b"
        os.link(path, path.with_suffix(".z"))
        path.rename(path.with_suffix(".y"))
        os.mkfifo(path)
        os.statvfs(folder)
        base = sqlite3.connect(path.with_suffix(".db"))
        base.execute("pragma journal_mode=wal")
        base.execute("create table t (n)")
        base.commit()
        base.close()


def signals_and_timers():
    rung = []
    signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    give_up = time.monotonic() + 10
    while not rung and time.monotonic() < give_up:
        time.sleep(0.01)
    assert rung


def the_rest():
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    os.nice(0)
    os.getrandom(8)
    os.memfd_create("m")
    os.eventfd(0)
    select.epoll().register(os.pipe()[0])
    ssl.create_default_context()


if __name__ == "__main__":
    for part in (
        threads,
        processes_and_pipes,
        multiprocessing_by_each_method,
        memory_that_is_shared,
        asyncio_with_tcp_and_children,
        sockets,
        files_mappings_and_locks,
        signals_and_timers,
        the_rest,
    ):
        part()
        done.append(part.__name__)
        print(part.__name__)
    pathlib.Path("/sandbox/out/output.json").write_text(json.dumps(done))
