"""What goes through: a table of calls, and for each what must be true of its query and its body. Pure.

Nothing that came in is passed on as it came. A call is read into a `Call`, and what the engine gets is written
anew from that, so that no header, parameter or second request can travel along.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from skillbox_core.base.names import container_name
from skillbox_core.base.quantities import parse_cpu_limit, parse_memory_limit
from skillbox_core.sandbox.container import (
    LABEL_DEADLINE,
    LABEL_EXECUTION,
    LABEL_INSTANCE,
    LABEL_NAME,
    LABEL_WAITING,
)
from skillbox_core.sandbox.policy import (
    MANAGED_BY,
    SANDBOX,
    collect_command,
    container_config,
    memory_ceiling,
    user_id,
)
from skillbox_core.sandbox.waiting import PREFIX
from skillbox_core.settings import Settings

MIN_API = (1, 41)
MAX_BODY = 1024 * 1024


class RefusedError(Exception):
    """The broker does not pass this call on; the message says why."""


@dataclass(frozen=True)
class Call:
    """A call that may go through once the engine's own account of what it names has been looked at.

    Attributes:
        path: Below the version, with `{}` where the container's or the exec's id goes.
        body: JSON for the engine, None for none.
        container: Name or id of a container that must be one of this installation's.
        exec: Id of an exec whose container must be.
        image: An image id that must be an allowed image's.
        user: `UID:GID` as whom a container must run.
        upgrades: The connection becomes a raw stream both ways.
    """

    method: str
    version: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    container: str = ""
    exec: str = ""
    image: str = ""
    user: str = ""
    upgrades: bool = False

    @property
    def has_no_end(self) -> bool:
        """Whether the answer goes on for as long as a skill or a registry does."""
        followed = self.query.get("follow", "0").lower() in ("1", "true")
        return followed or self.path in ("/images/create", "/containers/{}/attach", "/exec/{}/start")


_FLAG = re.compile(r"(?i:0|1|true|false)\Z")
_NUMBER = re.compile(r"-?[0-9]{1,9}\Z")
_ID = re.compile(r"[0-9a-f]{64}\Z")
_CONTAINER = r"(?P<container>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})"
_EXECUTION = re.compile(r"[0-9a-f]{32}\Z")
_WAITING = re.compile(re.escape(PREFIX) + r"[0-9a-f]{32}\Z")
_SECONDS = re.compile(r"[1-9][0-9]{0,5}\Z", re.ASCII)
_ANY = re.compile(r"[^\0]{0,512}\Z", re.DOTALL)

_ROUTES: tuple[tuple[str, str, Mapping[str, re.Pattern[str]]], ...] = (
    ("GET", r"/_ping", {}),
    ("GET", r"/version", {}),
    ("GET", r"/info", {}),
    ("GET", r"/images/(?P<image>[^\0]{1,512})/json", {}),
    ("POST", r"/images/create", {"fromImage": _ANY, "tag": _ANY}),
    ("GET", r"/containers/json", {"all": _FLAG, "size": _FLAG, "trunc_cmd": _FLAG, "limit": _NUMBER, "filters": _ANY}),
    ("POST", r"/containers/create", {"name": _ANY}),
    ("GET", rf"/containers/{_CONTAINER}/json", {}),
    ("GET", rf"/containers/{_CONTAINER}/logs",
     {"stdout": _FLAG, "stderr": _FLAG, "follow": _FLAG, "tail": re.compile(r"(all|[0-9]{1,9})\Z")}),
    ("POST", rf"/containers/{_CONTAINER}/attach",
     {"stdin": _FLAG, "stdout": _FLAG, "stderr": _FLAG, "stream": _FLAG, "logs": _FLAG}),
    ("POST", rf"/containers/{_CONTAINER}/start", {}),
    ("DELETE", rf"/containers/{_CONTAINER}", {"force": _FLAG, "v": _FLAG, "link": re.compile(r"(?i:0|false)\Z")}),
    ("POST", rf"/containers/{_CONTAINER}/exec", {}),
    ("POST", r"/exec/(?P<exec>[0-9a-f]{64})/start", {}),
)  # fmt: skip

_COLLECT = {"Cmd": collect_command(), "AttachStdout": True, "AttachStderr": True}
_USER = re.compile(r"([1-9][0-9]{0,9}):\1\Z", re.ASCII)
_EXEC_START = {"Detach": False, "Tty": False}


def decide(
    method: str, target: str, query: Mapping[str, str], body: bytes, settings: Settings, images: set[str]
) -> Call:
    """Reads a request into the call that may be made in its place.

    Args:
        target: The path as it came, percent-encoded.
        query: Each parameter once.
        images: Every way to name an image that is allowed here (`references`).

    Raises:
        RefusedError: It is none of the calls in the table, or breaks a rule.
    """
    version, path = read_version(unquote(target))
    for wanted, pattern, parameters in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match is None or method != wanted:
            continue
        for name, value in query.items():
            if name not in parameters or not parameters[name].match(value):
                raise RefusedError(f"the parameter {name!a} of {method} {path!a}")
        return _call(Call(method, version, path, dict(query)), match.groupdict(), body, settings, images)
    raise RefusedError(f"{method} {path!a} is not a call that this project makes")


def _call(call: Call, named: Mapping[str, str], body: bytes, settings: Settings, images: set[str]) -> Call:
    container, path = named.get("container", ""), call.path
    if container:
        path = f"/containers/{{}}{path.removeprefix(f'/containers/{container}')}"
    if named.get("image"):
        _allowed(named["image"], images)
    if path == "/images/create":
        tag = call.query.get("tag", "")
        _allowed(f"{call.query.get('fromImage', '')}{'@' if tag.startswith('sha256:') else ':'}{tag}", images)
    query, sent, image, user = call.query, None, "", ""
    if path == "/containers/json":
        query = {**query, "filters": _filters(query.get("filters", "{}"), settings.instance)}
    elif path == "/containers/create":
        sent = read_json(body)
        image = check_create(query.get("name", ""), sent, settings)
    elif path == "/containers/{}/exec":
        sent = _exec(read_json(body))
        user = sent["User"]
    elif path.endswith("/start") and named.get("exec"):
        if read_json(body) != _EXEC_START:
            raise RefusedError("an exec is started attached and without a terminal")
        path, sent = "/exec/{}/start", _EXEC_START
    elif body:
        raise RefusedError(f"{call.method} {call.path!a} has no body")
    return Call(
        call.method, call.version, path, query, sent, container, named.get("exec", ""),
        image, user, upgrades=path == "/containers/{}/attach",
    )  # fmt: skip


def read_version(path: str) -> tuple[str, str]:
    """The version of the API that a path begins with, and the rest of it.

    Raises:
        RefusedError: None, or one that is too old.
    """
    # Of many alphabets Python takes digits for numbers; the engine takes ASCII.
    match = re.match(r"/v([0-9]{1,3})\.([0-9]{1,3})(?=/)", path)
    if match is None:
        if path not in ("/version", "/_ping"):
            raise RefusedError("a call without the API's version")
        return "", path
    # An older version of the API would leave out what it does not know.
    if (int(match[1]), int(match[2])) < MIN_API:
        raise RefusedError(f"version {match[1]}.{match[2]} of the API, which is too old")
    return match[0], path[match.end() :]


def _allowed(image: str, images: set[str]) -> None:
    if image not in images:
        raise RefusedError(f"the image {image!a}, which is not on the allowlist")


def read_json(body: bytes) -> Any:
    """A body's value.

    Raises:
        RefusedError: It is no JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError("a body that is not JSON") from None


def _filters(text: str, instance: str) -> str:
    """The filters of a list, narrowed to this installation's containers."""
    filters = read_json(text.encode())
    labels = filters.get("label", []) if isinstance(filters, dict) and set(filters) <= {"label"} else None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise RefusedError("a list by anything but labels")
    return json.dumps({"label": sorted({*labels, *(f"{k}={v}" for k, v in _ours(instance).items())})})


def _ours(instance: str) -> dict[str, str]:
    return {"managed-by": MANAGED_BY, LABEL_INSTANCE: instance}


def _exec(body: Any) -> dict[str, Any]:
    asked = {k: v for k, v in body.items() if v and k != "Container"} if isinstance(body, dict) else {}
    user = asked.pop("User", None)
    # As whom the container itself runs is told once the engine has been asked about it.
    if asked != _COLLECT or not isinstance(user, str) or not _USER.match(user):
        raise RefusedError("any exec but the one that collects the output as the sandbox's own user")
    return {**_COLLECT, "User": user}


def check_create(name: str, body: Any, settings: Settings) -> str:
    """Refuses a create body that is not, field by field, what the policy makes for some skill.

    Returns:
        The id of the image it is made from.

    Raises:
        RefusedError: Names the first field that differs, or the limit that is passed.
    """
    try:
        host, labels = body["HostConfig"], dict(body["Labels"])
        size = re.search(r",size=([0-9]{1,15}),", host["Tmpfs"][SANDBOX])
        scratch = int(size[1]) if size else 0
        memory, cpu, image = host["Memory"] - memory_ceiling(0, scratch), host["CpuQuota"], body["Image"]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RefusedError("a container without what every sandbox has") from None
    if not all(type(number) is int for number in (memory, cpu)) or not isinstance(image, str):
        raise RefusedError("a container whose limits are no numbers")
    # Whose it is follows from its name. One that waits for a job is nobody's yet.
    waits, warm = _waiting(body) if LABEL_WAITING in labels else (0, "")
    if waits:
        _check_waiting(name, labels)
    else:
        _check_name(name, labels.get(LABEL_EXECUTION, ""))
    wanted = container_config(
        user=user_id(name, settings.sandbox_users),
        image_id=image,
        memory=memory,
        scratch=scratch,
        cpu_quota=cpu,
        labels={key: value for key, value in labels.items() if key != "managed-by"},
        runtime=settings.runtime,
        waits=waits,
        warm=warm,
    )
    if (different := next(differing(wanted, body), None)) is not None:
        raise RefusedError(
            f"a container whose {different} is not as the policy has it (is the release the same, and USER_IDS?)"
        )
    if not re.match(r"sha256:[0-9a-f]{64}\Z", image):
        raise RefusedError("an image by another name than its id")
    for field_, value, most in (
        ("memory", memory, parse_memory_limit(settings.max_memory)),
        ("scratch", scratch, parse_memory_limit(settings.max_scratch)),
        ("cpu", cpu, parse_cpu_limit(settings.max_cpu)),
    ):
        if not 0 < value <= most:
            raise RefusedError(f"a container with more {field_} than SKILLBOX_MAX_{field_.upper()}")
    _check_labels(labels, settings.instance)
    return image


def _check_name(name: str, execution: Any) -> None:
    attempt = name.rpartition("-")[2]
    named = isinstance(execution, str) and _EXECUTION.match(execution) and _NUMBER.match(attempt)
    if not named or name != container_name(execution, int(attempt)):
        raise RefusedError("a container that is not named after its execution")


def _waiting(body: Any) -> tuple[int, str]:
    """For how many seconds a container waits for a job, and what becomes an interpreter in it, by its command.

    What that is makes no difference to any wall: a sandbox is there to run what a stranger wrote.
    """
    waits, warm = (*(body["Cmd"][2:] if isinstance(body.get("Cmd"), list) else []), "", "")[:2]
    if not isinstance(waits, str) or not _SECONDS.match(waits) or not isinstance(warm, str) or len(body["Cmd"]) > 4:
        raise RefusedError("a container that waits for a job without an end")
    return int(waits), warm


def _check_waiting(name: str, labels: Mapping[str, Any]) -> None:
    if not _WAITING.match(name):
        raise RefusedError("a container that waits for a job under another name than such a one has")
    if labels.get(LABEL_NAME) != name:
        raise RefusedError("a container that waits for a job and says another name than its own")
    if set(labels) != {"managed-by", LABEL_INSTANCE, LABEL_WAITING, LABEL_NAME, LABEL_DEADLINE}:
        raise RefusedError("a container that waits for a job, and says whose it is")


def _check_labels(labels: Mapping[str, Any], instance: str) -> None:
    for key, value in labels.items():
        if not (key == "managed-by" or key.startswith("skillbox.")) or not isinstance(value, str) or len(value) > 512:
            raise RefusedError(f"a container with the label {key!a}")
    if not is_ours(labels, instance):
        raise RefusedError("a container of another installation")


def differing(wanted: Any, given: Any, path: str = "") -> Iterator[str]:
    """Each field, as a path, in which two bodies are not equal in value and type."""
    if isinstance(wanted, dict) and isinstance(given, dict):
        for key in sorted({*wanted, *map(str, given)}):
            if key not in wanted or key not in given:
                yield f"{path}{key}"
            else:
                yield from differing(wanted[key], given[key], f"{path}{key}.")
    elif wanted != given or type(wanted) is not type(given):
        yield path.rstrip(".")


def is_ours(labels: Mapping[str, Any] | None, instance: str) -> bool:
    """Whether a container's labels say that it is a sandbox of this installation."""
    return all((labels or {}).get(key) == value for key, value in _ours(instance).items())
