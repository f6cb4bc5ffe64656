"""`skillbox run`."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.json_rules import JsonError, parse_json
from skillbox_core.base.names import is_skill_name, shown, split_entrypoint, split_reference
from skillbox_core.base.quantities import format_bytes
from skillbox_core.base.text import harmless
from skillbox_core.cli.output import exit_code, fail, note
from skillbox_core.errors import InvalidRequestError
from skillbox_core.inputs.sources import input_files
from skillbox_core.models import Call, RunOptions, RunRequest, RunResult, referenced
from skillbox_core.runner import Runner
from skillbox_core.storage.opening import present_settings


def run_skill(
    reference: str,
    version: str,
    input_text: str,
    env: list[str],
    env_files: list[Path],
    files: list[str],
    call: Call | None = None,
    *,
    timeout: str | None,
    cpu: str | None,
    memory: str | None,
    download: Path | None,
    as_json: bool,
    tenant: str,
) -> int:
    """Runs a skill for a person or a script, and returns the exit code."""
    if call and split_entrypoint(reference)[1]:
        more = "one more" if call.script.startswith("-") else "one more, or a script, which is another call"
        raise InvalidRequestError(
            f"the arguments of `{harmless(reference)}` are said by its overlay, and {shown(call.script)} is {more}",
            hint="files go by --file and values by --input; or call its script: skillbox run NAME SCRIPT -- ARGS",
        )
    bare, call = referenced(reference, call)
    name, of_reference = split_reference(bare)
    if not is_skill_name(name) and (place := Path(reference)).exists():
        kind = "folder" if place.is_dir() else "file"
        raise InvalidRequestError(
            f"`{reference}` is a {kind}: `skillbox skill push {shlex.quote(reference)}`, then `skillbox run NAME`"
        )
    if of_reference and version and of_reference != version:
        raise InvalidRequestError(f"`{reference}` and --version {version} are two versions; only one of them can be")
    request = RunRequest(
        skill=name,
        version=of_reference or version,
        input=read_input(input_text),
        env=read_env(env, env_files, os.environ),
    )
    given = input_files([*map(read_file, files)])
    options = RunOptions(tenant=tenant, timeout=timeout, cpu=cpu, memory=memory, call=call, files=given)
    runner = Runner.from_settings(present_settings().for_one_run())
    token = CancelToken()
    # What a script prints may be its result, which then stands on stdout alone.
    with _interrupts(token), _spinner(f"running {harmless(reference)}", as_json or call is not None) as show:
        result = runner.run(
            request, options, on_log=show, cancel=token,
            on_progress=lambda progress: show("stderr", f"[skillbox: {progress.text}]"),
        )  # fmt: skip
    if as_json:
        print(json.dumps(result.model_dump(mode="json"), ensure_ascii=True))
    else:
        _show_output(result)
    if not as_json or not result.ok:
        note(_facts(result))
    _explain(result)
    if download and result.files_list:
        for path in result.download(download):
            note(f"saved {path}")
    return exit_code(result)


def read_call(
    script: str | None,
    args: Sequence[str],
    stdin: str | None,
    ok_exit_codes: Sequence[int],
    result: str | None,
    *,
    edit: bool,
) -> Call | None:
    """The call of a script that a command line asks for; None where it names none.

    Raises:
        InvalidRequestError: Something breaks its rule, or would have no effect without a script.
    """
    given: dict[str, Any] = {"stdin": stdin, "ok_exit_codes": set(ok_exit_codes) | {0} if ok_exit_codes else None}
    given |= {"result": result, "edit": edit or None}
    named = {name: value for name, value in given.items() if value is not None}
    if script is not None:
        return Call(script=script, args=tuple(args), **named)
    if named:
        option = "ok-exit-code" if "ok_exit_codes" in named else next(iter(named))
        raise InvalidRequestError(f"--{option} is for a script: skillbox run NAME SCRIPT --{option} ...")
    return None


def read_input(text: str) -> Any:
    """The value of `--input`: JSON, `@file`, `-` for stdin; empty for none.

    Raises:
        InvalidRequestError: No such file, or not JSON; says where.
    """
    source = "stdin" if text == "-" else text[1:] if text.startswith("@") else "--input"
    if not text:
        return None
    try:
        if text == "-":
            # JSON is UTF-8, whatever the terminal's locale says.
            text = sys.stdin.buffer.read().decode("utf-8-sig")
        elif text.startswith("@"):
            text = Path(source).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidRequestError(f"the input file {source} can't be read: {reason}") from None
    try:
        return parse_json(text)
    except JsonError as error:
        raise InvalidRequestError(f"{source} {error}", hint="a file is given as --input @FILE") from None


def read_file(text: str) -> str | dict[str, str]:
    """The value of `--file`: a path or URL, or `name=` and one; an '=' of the path's or URL's own is no sign."""
    name, sign, place = text.partition("=")
    own = not sign or "://" in name or Path(text).exists()
    return text if own else {name: place}


def read_env(pairs: Sequence[str], files: Sequence[Path], ours: Mapping[str, str]) -> dict[str, str]:
    """The values of `--env-file` and, over them, of `--env`.

    Args:
        pairs: `NAME=VALUE`, or `NAME` for the value that it has here.
        files: Lines of `NAME=VALUE`, as in an `.env`.
        ours: The caller's own environment.

    Raises:
        InvalidRequestError: One has no value, or a file can't be read. Shows no word that may be a secret.
    """
    env: dict[str, str] = {}
    for file in files:
        env |= _env_file(file)
    for number, text in enumerate(pairs, 1):
        name, sign, value = text.partition("=")
        if not sign and name not in ours:
            # Not shown: somebody may have typed a secret alone.
            raise InvalidRequestError(
                f"--env takes NAME=VALUE, or the NAME of a variable that is set here; number {number} is neither",
                hint="an `export` may be missing",
            )
        env[name] = value if sign else ours[name]
    return env


def _env_file(file: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        with file.open(encoding="utf-8-sig") as stream:
            found = dotenv_values(stream=stream, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidRequestError(f"the environment file {file} can't be read: {reason}") from None
    if None in found.values():
        raise InvalidRequestError(f"the environment file {file} has a line that is not NAME=VALUE")
    return {name: value for name, value in found.items() if value is not None}


@contextmanager
def _interrupts(token: CancelToken) -> Iterator[None]:
    """Ctrl-C and SIGTERM cancel the run; a second Ctrl-C interrupts as usual."""

    def stop(number: int, _frame: object) -> None:
        if token.cancelled and number == signal.SIGINT:
            raise KeyboardInterrupt
        token.cancel()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _spinner(title: str, apart: bool) -> Iterator[Callable[[str, str], None]]:
    """Shows logs live: above a spinner or bar on a terminal, plain when piped; on stderr when stdout is kept apart."""

    def plain(stream: str, line: str) -> None:
        out = sys.stderr if apart or stream == "stderr" else sys.stdout
        print(harmless(line), file=out, flush=True)

    if not sys.stderr.isatty():
        with nullcontext():
            yield plain
        return
    from rich.console import Console

    from skillbox_core.cli.terminal_log import TerminalLog

    with TerminalLog(Console(stderr=True), title) as log:
        yield log.show


def _show_output(result: RunResult) -> None:
    if result.call and isinstance(result.output, str):
        sys.stdout.write(harmless(result.output) if sys.stdout.isatty() else result.output)
    elif result.has_output:
        print(json.dumps(result.output, indent=2, ensure_ascii=True))
    for path in result.files_list:
        note(f"file {path}")
    for entry in result.left_out:
        note(f"left out {entry.path}: {entry.why}")


def _facts(result: RunResult) -> str:
    """A run in one line."""
    usage = result.usage
    ended = f"{result.status.value}: {result.reason.value}" if result.reason else result.status.value
    parts = [f"{result.skill}@{result.version}", ended, f"{result.duration_ms / 1000:.2f} s"]
    shown = usage.shown()
    if shown["peak_memory"]:
        of = f" of {format_bytes(usage.memory_limit)}" if usage.peak_memory and usage.memory_limit else ""
        parts.append(f"container's peak {shown['peak_memory']}{of}")
    if shown["cpu_seconds"]:
        parts.append(f"cpu {shown['cpu_seconds']}")
    return " · ".join([*parts, f"execution {result.execution_id}"])


def _explain(result: RunResult) -> None:
    """Why it failed, in one line, or what a success should be warned of; and what helps."""
    diagnosis = result.diagnosis
    if result.error:
        fail(result.error)
    elif diagnosis:
        note(f"warning: {diagnosis.summary}")
    if diagnosis and diagnosis.resolution:
        note(f"  {diagnosis.resolution}")
