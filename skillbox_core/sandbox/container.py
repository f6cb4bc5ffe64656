"""One sandbox's life on the engine: made, filled, waited for, read, removed.

Each function can be repeated. Containers are found again by their name, and told apart by their labels.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from skillbox_core.cancel import CancelToken
from skillbox_core.errors import EngineError, OutputError, SkillboxError
from skillbox_core.models import Ending, Outcome, Output, Sandbox, Usage
from skillbox_core.sandbox import policy
from skillbox_core.sandbox.engine import Attachment, ContainerGoneError, Engine, NameTakenError
from skillbox_core.sandbox.logs import Announcement, CappedLog, Line, LineReader, OnLog, stdout_of
from skillbox_core.sandbox.transfer import TarPlan, read_output

logger = logging.getLogger(__name__)

DELIVERY_TIMEOUT = 60.0
COLLECT_TIMEOUT = 120.0
DEADLINE_GRACE = 1.0
"""The supervisor ends the skill at its deadline; this much later the engine is asked to kill the container."""
REPLAY_GRACE = 10.0
"""Seconds to read the log of a container that another process made, before it is said to be late."""
_SLICE = 0.25

LABEL_EXECUTION = "skillbox.execution"
LABEL_INSTANCE = "skillbox.instance"
LABEL_DEADLINE = "skillbox.deadline"
LABEL_OWNER = "skillbox.owner"
LABEL_TENANT = "skillbox.tenant"
LABEL_SKILL = "skillbox.skill"


def container_name(execution_id: str, attempt: int) -> str:
    """The name by which any process finds an attempt's container."""
    return f"skillbox-{execution_id}-{attempt}"


class Connections:
    """Live attachments of this process, by container id. Another process has none and reads the log instead."""

    def __init__(self) -> None:
        self._open: dict[str, Attachment] = {}
        self._lock = threading.Lock()

    def put(self, container_id: str, attachment: Attachment) -> None:
        """Keeps an attachment for the wait that follows."""
        with self._lock:
            self._open[container_id] = attachment

    def take(self, container_id: str) -> Attachment | None:
        """Hands an attachment over; a second caller gets None."""
        with self._lock:
            return self._open.pop(container_id, None)


def launch(
    engine: Engine,
    connections: Connections,
    *,
    name: str,
    token: str,
    config: dict[str, Any],
    plan: TarPlan,
    timeout: float,
    parked_for: float,
) -> Sandbox:
    """Creates a container, starts it and hands it the skill; or adopts the one that a former call made.

    Args:
        name: The attempt's container name.
        token: The word its announcements carry.
        timeout: Seconds for the skill.
        parked_for: Seconds for which the finished container waits to be collected.

    Raises:
        EngineError: The engine failed; calling again is safe.
    """
    image_id = str(config["Image"])
    try:
        container_id = engine.create(name, config)
    except NameTakenError:
        adopted = _adopt(engine, name, token, config)
        if adopted:
            return adopted
        container_id = engine.create(name, config)
    attachment = engine.attach(container_id)
    try:
        engine.start(container_id)
        deadline = time.monotonic() + DELIVERY_TIMEOUT
        attachment.write(f"{plan.size} {timeout:.3f} {parked_for:.0f} {token}\n".encode(), deadline)
        for chunk in plan:
            if chunk:
                attachment.write(chunk, deadline)
    except BaseException:
        attachment.close()
        raise
    connections.put(container_id, attachment)
    return Sandbox(container_id, name, image_id, time.time() + timeout)


def _adopt(engine: Engine, name: str, token: str, config: dict[str, Any]) -> Sandbox | None:
    """The container that already has the name, if the skill started in it; else it is removed."""
    try:
        found = engine.inspect(name)
    except ContainerGoneError:
        return None
    labels = found["Config"].get("Labels") or {}
    wanted = config["Labels"]
    if labels.get(LABEL_EXECUTION) != wanted[LABEL_EXECUTION] or labels.get(LABEL_INSTANCE) != wanted[LABEL_INSTANCE]:
        raise EngineError(f"the container {name} belongs to somebody else")
    container_id = str(found["Id"])
    if _settle(engine, container_id, token):
        return Sandbox(container_id, name, str(found["Image"]), float(labels.get(LABEL_DEADLINE) or time.time()))
    engine.remove(container_id)
    return None


def _settle(engine: Engine, container_id: str, token: str) -> bool:
    """Whether the skill has started in a container that somebody else made; waits until that is certain.

    Whoever made it may be gone, which closes its stdin and ends it soon, or may be delivering right now. A
    container in which the skill can still start must not be taken for one in which it did not.
    """
    give_up = time.monotonic() + DELIVERY_TIMEOUT
    while not _has_started(engine, container_id, token):
        if engine.inspect(container_id)["State"].get("Status") != "running":
            return _has_started(engine, container_id, token)
        if time.monotonic() > give_up:
            engine.kill(container_id)
            return _has_started(engine, container_id, token)
        time.sleep(_SLICE)
    return True


def _has_started(engine: Engine, container_id: str, token: str) -> bool:
    reader = LineReader(token)
    for chunk in engine.logs(container_id, follow=False):
        for item in reader.feed(chunk):
            if isinstance(item, Announcement) and item.word == "started":
                return True
    return False


def wait(
    engine: Engine,
    connections: Connections,
    sandbox: Sandbox,
    *,
    token: str,
    timeout: float,
    max_log: int,
    on_log: OnLog | None = None,
    cancel: CancelToken | None = None,
) -> Outcome:
    """Follows a sandbox to its end, its deadline or its cancellation, whichever comes first.

    Logs come from the live connection if this process has it, else from the engine's log, from its first
    line. The deadline is measured with this process's monotonic clock.

    Raises:
        EngineError: The engine could not be asked; calling again reattaches.
    """
    attachment = connections.take(sandbox.container_id)
    if attachment:
        ends_at = time.monotonic() + timeout + DEADLINE_GRACE
    else:
        # What was said already has to be read first, also when the deadline is long over.
        ends_at = time.monotonic() + max(min(timeout, sandbox.deadline - time.time()), REPLAY_GRACE)
    source = _Live(attachment) if attachment else _Replay(engine, sandbox.container_id)
    reader, log = LineReader(token), CappedLog(max_log)
    ended: Announcement | None = None
    refused = False

    def take(items: Iterator[Line | Announcement] | Iterator[Line]) -> None:
        nonlocal ended, refused
        for item in items:
            if isinstance(item, Announcement):
                ended = item if item.word == "ended" else ended
                refused = refused or item.word == "refused"
                continue
            log.add(item.text)
            if on_log:
                on_log(item.stream, item.text)

    stopped: Ending | None = None
    try:
        while ended is None and not refused:
            if cancel and cancel.cancelled:
                stopped = Ending.CANCELLED
                break
            left = ends_at - time.monotonic()
            if left <= 0:
                stopped = Ending.DEADLINE
                break
            data = source.read(min(left, _SLICE))
            if data == b"":
                break
            if data:
                take(reader.feed(data))
        if ended is None:
            take(reader.finish())
    finally:
        source.close()
        if stopped:
            with suppress(SkillboxError):
                engine.kill(sandbox.container_id)
    if ended is not None:
        return _outcome(ended, log.text())
    if stopped:
        return Outcome(stopped, log.text())
    return _post_mortem(engine, sandbox, log.text(), refused)


def _outcome(ended: Announcement, logs: str) -> Outcome:
    cpu_ns, cpu_us = ended.number("cpu_ns"), ended.number("cpu_us")
    nanoseconds = cpu_ns if cpu_ns is not None else cpu_us * 1000 if cpu_us is not None else None
    late = ended.values.get("late") == "1"
    usage = Usage(
        exit_code=None if late else ended.number("code"),
        peak_memory=ended.number("peak"),
        cpu_seconds=nanoseconds / 1e9 if nanoseconds is not None else None,
    )
    return Outcome(
        Ending.DEADLINE if late else Ending.EXITED,
        logs,
        usage,
        oom=bool(ended.number("oom")),
        scratch_full=ended.values.get("full") == "1",
        collectable=True,
    )


def _post_mortem(engine: Engine, sandbox: Sandbox, logs: str, refused: bool) -> Outcome:
    """What became of a sandbox whose stream ended without the supervisor's last word."""
    try:
        state = engine.inspect(sandbox.container_id)["State"]
    except ContainerGoneError:
        return Outcome(Ending.LOST, logs, detail="its container was removed by someone else")
    if state.get("Running") and not refused:
        raise EngineError("the connection to the sandbox ended while it was running")
    if refused:
        return Outcome(
            Ending.LOST,
            logs,
            detail="it could not take the skill in; does the skill fit its scratch area (resources.scratch)?",
        )
    code = state.get("ExitCode")
    if code in (126, 127):
        return Outcome(Ending.LOST, logs, detail="the image has no working sh or tar", usage=Usage(exit_code=code))
    return Outcome(
        Ending.LOST,
        logs,
        Usage(exit_code=code),
        oom=bool(state.get("OOMKilled")),
        detail=f"its container ended with code {code}" + (f": {state['Error']}" if state.get("Error") else ""),
    )


class _Live:
    """The bytes of a live attachment."""

    def __init__(self, attachment: Attachment) -> None:
        self.read = attachment.read
        self.close = attachment.close


class _Replay:
    """The bytes of the engine's log, read in a thread of its own because that read cannot be timed."""

    def __init__(self, engine: Engine, container_id: str) -> None:
        self._queue: queue.Queue[bytes | BaseException] = queue.Queue(maxsize=64)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._pump, args=(engine, container_id), daemon=True)
        self._thread.start()

    def _pump(self, engine: Engine, container_id: str) -> None:
        last: bytes | BaseException = b""
        try:
            for chunk in engine.logs(container_id, follow=True):
                if not self._offer(chunk):
                    return
        except SkillboxError as error:
            last = error
        self._offer(last)

    def _offer(self, item: bytes | BaseException) -> bool:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=_SLICE)
                return True
        return False

    def read(self, timeout: float) -> bytes | None:
        try:
            item = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(item, ContainerGoneError):
            return b""
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        self._closed.set()


def collect(engine: Engine, sandbox: Sandbox, spool: Path, *, scratch: int, max_document: int) -> Output:
    """Reads what the skill left in a parked sandbox. Can be repeated: nothing in the sandbox changes.

    Args:
        spool: Local path for the tar.gz of files.
        scratch: Size of the sandbox's scratch area, which no honest output can exceed.
        max_document: Bytes of output.json.

    Raises:
        OutputError: What it left can't be accepted.
        EngineError: The engine failed, or the stream stalled.
    """
    errors = bytearray()
    # Files the skill made unreadable to itself are still its files.
    script = f"chmod -R u+rwX {policy.SANDBOX}/out 2>/dev/null; exec tar -cf - -C {policy.SANDBOX} out"
    stream = engine.execute(
        sandbox.container_id,
        ["sh", "-c", script],
        user=f"{policy.UID}:{policy.UID}",
        deadline=time.monotonic() + COLLECT_TIMEOUT,
    )
    # Headers and padding beside the contents: every inode may cost a few blocks.
    limit = scratch + policy.INODES * 2048 + 64 * 1024
    try:
        return read_output(stdout_of(stream, errors), spool, limit=limit, max_document=max_document)
    except (OutputError, EngineError):
        if errors:
            logger.warning("reading the output of %s: %s", sandbox.name, ascii(bytes(errors[:500])))
        raise
