"""The contract with the original, name by name: what existing skills and callers rely on."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import skillbox_core
from skillbox_core import RunRequest, RunResult, Status, parse_cpu_limit, parse_memory_limit, validate_image
from skillbox_core.base.quantities import parse_duration
from skillbox_core.cli.app import app
from skillbox_core.errors import (
    ImageNotAllowedError,
    InvalidRequestError,
    InvalidSkillError,
    RunnerNotImplementedError,
    SkillNotFoundError,
)
from skillbox_core.models import ExecutionTimeoutError
from skillbox_core.sandbox.environment import check_env, skill_environment
from skillbox_core.settings import DEFAULT_IMAGES, Settings
from skillbox_core.skills.archive import find_entrypoint, inspect_archive
from skillbox_core.skills.manifest import parse_manifest
from skillbox_core.storage.tables import ExecutionRow

ID = "0" * 32


def request(text: str) -> Any:
    return RunRequest.model_validate_json(text).model_dump(mode="json")


def result(**fields: Any) -> Any:
    return json.loads(RunResult(execution_id=ID, status=Status.SUCCESS, **fields).model_dump_json())


def manifest(*lines: str) -> Any:
    front = {"name": "s", "description": "d"} | dict(line.split(": ", 1) for line in lines)
    return parse_manifest("\n".join(["---", *(f"{k}: {v}" for k, v in front.items()), "---", ""]).encode())


def defaults() -> dict[str, Any]:
    return {name: field.get_default(call_default_factory=False) for name, field in Settings.model_fields.items()}


LEAST = {"execution_id": ID, "status": "success", "duration_ms": 0, "error": None}

HOLDS: dict[str, tuple[Callable[[], Any], Any]] = {
    "RunRequest: skill, version, input, and env where there is one": (
        lambda: request('{"skill": "s", "version": "1.0.0", "input": {"b": 1, "a": 2}, "env": {"K": "v"}}'),
        {"skill": "s", "version": "1.0.0", "input": {"b": 1, "a": 2}, "env": {"K": "v"}},
    ),
    "RunRequest: no env is omitted": (lambda: request('{"skill": "s"}'), {"skill": "s", "version": "", "input": None}),
    "RunRequest: a null version is none": (lambda: request('{"skill": "s", "version": null}')["version"], ""),
    "RunRequest: names in another case, as Go takes them": (
        lambda: request('{"Skill": "s", "VERSION": "1.0.0", "Input": {"A": 1}}'),
        {"skill": "s", "version": "1.0.0", "input": {"A": 1}},
    ),
    "RunRequest: a null variable is empty": (lambda: request('{"skill": "s", "env": {"A": null}}')["env"], {"A": ""}),
    "RunRequest: unknown keys are passed over": (
        lambda: request('{"skill": "s", "tenant_id": "x", "y": {}}'),
        {"skill": "s", "version": "", "input": None},
    ),
    "RunRequest: keys in the caller's order": (
        lambda: [*request('{"skill":"s","input":{"b":1,"a":2}}')["input"]],
        ["b", "a"],
    ),
    "RunResult: what is always there": (lambda: result(), LEAST),
    "RunResult: empty is omitted": (lambda: result(files_url="", files_list=(), logs=""), LEAST),
    "RunResult: the text null is no empty output": (lambda: result(output=None), {**LEAST, "output": None}),
    "RunResult: all of it": (
        lambda: result(output={"b": 1, "a": 2}, files_url="u", files_list=("a",), logs="l", duration_ms=1, error="e"),
        {
            **LEAST,
            "output": {"b": 1, "a": 2},
            "files_url": "u",
            "files_list": ["a"],
            "logs": "l",
            "duration_ms": 1,
            "error": "e",
        },
    ),
    "RunResult: in the original's order": (
        lambda: list(result(output=1, files_url="u", files_list=("a",), logs="l")),
        ["execution_id", "status", "output", "files_url", "files_list", "logs", "duration_ms", "error"],
    ),
    "ParseCPULimit 0.5": (lambda: parse_cpu_limit("0.5"), 50_000),
    "ParseCPULimit 0.123456": (lambda: parse_cpu_limit("0.123456"), 12_346),
    "ParseCPULimit 1.999999": (lambda: parse_cpu_limit("1.999999"), 200_000),
    "ParseCPULimit, the smallest": (lambda: parse_cpu_limit("0.0001"), 1_000),
    "ParseCPULimit with blanks": (lambda: parse_cpu_limit("\t0.5 \n"), 50_000),
    "ParseMemoryLimit Ki": (lambda: parse_memory_limit("2Ki"), 2048),
    "ParseMemoryLimit Mi": (lambda: parse_memory_limit("5Mi"), 5 * 2**20),
    "ParseMemoryLimit Gi": (lambda: parse_memory_limit("1Gi"), 2**30),
    "ParseMemoryLimit bytes": (lambda: parse_memory_limit("77"), 77),
    "ParseMemoryLimit with blanks": (lambda: parse_memory_limit(" 5Mi "), 5 * 2**20),
    "timeouts are Go durations": (lambda: [*map(parse_duration, ("60s", "1h30m", "1.5m"))], [60, 5400, 90]),
    "ValidateImage, an exact match": (lambda: validate_image("bash:5", ["bash:5"]), None),
    "SKILL.md: lang defaults to python": (
        lambda: find_entrypoint(manifest().lang, {"main.py", "main.js"}),
        ("python", "main.py"),
    ),
    "SKILL.md: version defaults to 1.0.0": (lambda: manifest().version, "1.0.0"),
    "SKILL.md: version with a pre-release": (lambda: manifest("version: 1.2.3-rc.1").version, "1.2.3-rc.1"),
    "SKILL.md: image, timeout, resources": (
        lambda: (lambda m: (m.image, m.timeout, m.resources.cpu, m.resources.memory))(
            manifest("image: a:1", "timeout: 1h30m", "resources: {cpu: 0.5, memory: 1Gi}")
        ),
        ("a:1", "1h30m", "0.5", "1Gi"),
    ),
    "entrypoints: main.py before run.py": (lambda: find_entrypoint("python", {"run.py", "main.py"})[1], "main.py"),
    "entrypoints: the root before scripts/": (
        lambda: find_entrypoint("python", {"run.py", "scripts/main.py"})[1],
        "run.py",
    ),
    "entrypoints: node": (lambda: find_entrypoint("node", {"main.py", "scripts/main.js"})[1], "scripts/main.js"),
    "entrypoints: lang decides": (lambda: find_entrypoint("bash", {"main.py", "main.sh"})[1], "main.sh"),
    "default images": (
        lambda: DEFAULT_IMAGES,
        {"python": "python:3.12-slim", "node": "node:20-slim", "bash": "bash:5"},
    ),
    "inside: the environment": (
        lambda: {
            name: skill_environment(b"{}", "Do it.", {}, None)[name]
            for name in ("SANDBOX_INPUT", "SANDBOX_OUTPUT", "SANDBOX_FILES_DIR", "SKILL_INSTRUCTIONS", "HOME")
        },
        {
            "SANDBOX_INPUT": "{}",
            "SANDBOX_OUTPUT": "/sandbox/out/output.json",
            "SANDBOX_FILES_DIR": "/sandbox/out/files/",
            "SKILL_INSTRUCTIONS": "Do it.",
            "HOME": "/tmp",
        },
    ),
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_the_original_gives(name: str) -> None:
    give, expected = HOLDS[name]
    assert give() == expected


REFUSES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    **{
        f"ParseCPULimit {text!r}": (lambda text=text: parse_cpu_limit(text), InvalidRequestError, "cpu")
        for text in ("", " ", "x", "0", "-1")
    },
    **{
        f"ParseMemoryLimit {text!r}": (lambda text=text: parse_memory_limit(text), InvalidRequestError, "memory")
        for text in ("", " ", "0", "-1", "1.5Gi", "1G", "1kb")
    },
    "ValidateImage, another case": (lambda: validate_image("Bash:5", ["bash:5"]), ImageNotAllowedError, "Bash:5"),
    "ValidateImage, an empty list": (lambda: validate_image("bash:5", []), ImageNotAllowedError, "none"),
    "ValidateImage, no list": (lambda: validate_image("bash:5", None), ImageNotAllowedError, "none"),
    "ValidateImage, an empty image": (lambda: validate_image("", ["bash:5"]), ImageNotAllowedError, "no image"),
    "SKILL.md: all faults together": (
        lambda: parse_manifest(b'---\nversion: "1.x"\ndescription: d\n---\n'),
        InvalidSkillError,
        r'^invalid skill: name is required; version "1.x" must be semver',
    ),
    **{
        f"env {name}": (lambda name=name: check_env({name: "x"}), InvalidRequestError, name)
        for name in (
            *("PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "NODE_PATH", "NODE_OPTIONS"),
            *("SANDBOX_X", "SKILL_X", "sandbox_x", "Skill_X"),
        )
    },
}


@pytest.mark.parametrize("name", REFUSES)
def test_what_the_original_refuses(name: str) -> None:
    attempt, kind, said = REFUSES[name]
    with pytest.raises(kind, match=said):
        attempt()


@pytest.mark.parametrize(
    ("original", "here"),
    [
        ("ErrImageNotAllowed", ImageNotAllowedError),
        ("ErrSkillNotFound", SkillNotFoundError),
        ("ErrTimeout", ExecutionTimeoutError),
        ("ErrNotImplemented", RunnerNotImplementedError),
    ],
)
def test_each_public_error_of_the_original_has_one_here(original: str, here: type[Exception]) -> None:
    assert getattr(skillbox_core, here.__name__) is here, original


def test_the_settings_of_the_original_are_settings_with_its_defaults() -> None:
    expected = {
        **dict.fromkeys(("db_dsn", "s3_endpoint", "s3_access_key", "s3_secret_key", "docker_host"), ""),
        "s3_bucket_skills": "skills",
        "s3_bucket_executions": "executions",
        "s3_use_ssl": False,
        "image_allowlist": ("python:3.12-slim", "python:3.11-slim", "node:20-slim", "node:18-slim", "bash:5"),
        "default_timeout": "120s",
        "max_timeout": "10m",
        "default_memory": "256Mi",
        "default_cpu": "0.5",
        "max_output_size": 1_048_576,
        "max_skill_size": 52_428_800,
        "max_concurrent_execs": 10,
        "log_level": "info",
    }
    assert {name: defaults()[name] for name in expected} == expected


def test_the_records_columns_are_the_originals_and_more() -> None:
    # Without files_url: it is signed when the record is read, and what is kept is the key.
    original = {
        *("id", "skill_name", "skill_version", "tenant_id", "status", "input", "output", "logs"),
        *("files_list", "duration_ms", "error", "created_at", "finished_at"),
    }
    assert original <= set(ExecutionRow.model_fields)


def test_the_command_line_has_the_originals_commands_and_options() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {"run", "skill", "exec", "health", "version"} <= commands.keys()
    assert {"package", "push", "list", "lint"} <= commands["skill"].commands.keys()
    assert "logs" in commands["exec"].commands
    options = {option for parameter in commands["run"].params for option in parameter.opts}
    assert {"--input", "--version", "--download", "--env"} <= options


@pytest.mark.parametrize("folder", ["", "wrapped/"])
def test_a_skill_lies_at_the_root_or_in_one_folder(folder: str, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{folder}SKILL.md", "\r\n---\r\nname: s\r\ndescription: d\r\nlang: bash\r\n---\r\nDo it.\r\n")
        archive.writestr(f"{folder}scripts/main.sh", "exit 0\n")
    (tmp_path / "s.zip").write_bytes(packed.getvalue())
    found = inspect_archive(tmp_path / "s.zip", 10**6)
    assert (found.manifest.name, found.entrypoint) == ("s", "scripts/main.sh")
