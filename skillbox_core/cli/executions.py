"""`skillbox exec ...`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skillbox_core.base.text import harmless
from skillbox_core.cli.output import note, note_more, print_json, print_row, table
from skillbox_core.status import Status

if TYPE_CHECKING:
    from skillbox_core.models import RunResult
    from skillbox_core.storage.execution_lists import ExecutionLists
    from skillbox_core.storage.execution_reads import ExecutionRecords
    from skillbox_core.storage.tables import ExecutionRow

SHORTEST = 8
"""How many digits of an id tell it: of so many executions that two begin alike, one has a list of them."""

app = typer.Typer(help="Look at executions.", no_args_is_help=True, rich_markup_mode=None)

Tenant = Annotated[str, typer.Option(help="Whose executions.", envvar="SKILLBOX_TENANT")]
Id = Annotated[str, typer.Argument(metavar="ID", help=f"The first {SHORTEST} or more of its digits are enough.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    status: Annotated[Status | None, typer.Option(help="Only these.")] = None,
    skill: Annotated[str | None, typer.Option(help="Only this skill's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    after: Annotated[
        str | None, typer.Option(help="Only those older than this one: the next page.", metavar="ID")
    ] = None,
    tenant: Tenant = "default",
    json_: Json = False,
) -> None:
    """List the newest executions."""
    from skillbox_core.storage.execution_lists import reason_of
    from skillbox_core.storage.opening import open_lists

    executions = open_lists()
    start = None if after is None else _find_id(executions, tenant, after)
    # One more than is shown says whether there are more.
    found = executions.list(tenant, status=status, skill=skill, limit=limit + 1, after=start)
    rows, following = found[:limit], found[limit - 1].id if len(found) > limit else None
    if json_:
        print_json({"executions": [_summary(row) for row in rows], "next": following})
        return
    if not rows:
        filtered = status is not None or skill is not None or after is not None
        note(
            f"no such executions of tenant {tenant} in {executions.place}"
            if filtered
            else f"no executions of tenant {tenant} in {executions.place} yet; `skillbox run NAME` makes one"
        )
        return
    if sys.stdout.isatty():
        _draw(rows)
    else:
        for row in rows:
            created = f"{_utc(row.created_at):%Y-%m-%d %H:%M:%SZ}"
            print_row([row.id, _skill(row), row.status, reason_of(row), _duration(row), created])
    if following:
        note_more(limit, "older ones", following)


@app.command()
def show(execution_id: Id, tenant: Tenant = "default", json_: Json = False) -> None:
    """Show a record; with --json its RunResult, with what else the record says beside it."""
    from skillbox_core.storage.opening import open_executions

    executions = open_executions()
    row = _find(executions, tenant, execution_id)
    if json_:
        # Where both have a key, they say the same; the RunResult's form is the one that is fixed.
        print_json({**_summary(row), **_more(row), **executions.result(tenant, row.id).model_dump(mode="json")})
        return
    for key, value in {**_summary(row), **_unreported(row)}.items():
        if value not in (None, "", []):
            print(harmless(f"{key + ':':<14}{value}"))
    if row.call:
        from skillbox_core.models import Call

        print(f"call:         {Call.model_validate_json(row.call).text}")
    _print_diagnosis(row)
    if row.output is not None:
        print("output:")
        print(json.dumps(json.loads(row.output), indent=2, ensure_ascii=True))


@app.command()
def logs(execution_id: Id, tenant: Tenant = "default") -> None:
    """Print what the skill printed."""
    from skillbox_core.storage.opening import open_executions

    row = _find(open_executions(), tenant, execution_id)
    sys.stdout.write(harmless(row.logs) if sys.stdout.isatty() else row.logs)


@app.command()
def files(
    execution_id: Id,
    download: Annotated[Path | None, typer.Option(help="Folder to put them in.")] = None,
    cat: Annotated[str | None, typer.Option(metavar="PATH", help="Write this one to stdout.")] = None,
    tenant: Tenant = "default",
) -> None:
    """List the files an execution left, or download them, or write one to stdout."""
    from skillbox_core.errors import InvalidRequestError

    if cat is not None:
        if download:
            raise InvalidRequestError("--download and --cat are two ways to get files; only one of them can be")
        from skillbox_core.cli.opening import print_file

        print_file(_result(tenant, execution_id), cat)
        return
    result = _result(tenant, execution_id)
    if download:
        for path in result.download(download):
            print(path)
    else:
        for name in result.files_list:
            print(name)
    if result.status is Status.RUNNING:
        note(f"execution {result.execution_id} is still running, so it has no files yet")
    elif not result.files_list:
        note(f"execution {result.execution_id} left no files")
    for entry in result.left_out:
        note(f"not collected: {entry.path}: {entry.why}")


@app.command("open")
def open_(
    execution_id: Id,
    path: Annotated[str, typer.Argument(metavar="PATH", help="As `skillbox exec files ID` shows it.")],
    tenant: Tenant = "default",
) -> None:
    """Open a file an execution left with the desktop's program, and say where it was put."""
    from skillbox_core.cli.opening import open_file

    raise typer.Exit(open_file(_result(tenant, execution_id), path))


def _result(tenant: str, text: str) -> RunResult:
    from skillbox_core.storage.opening import open_executions

    executions = open_executions()
    return executions.result(tenant, _find(executions, tenant, text).id)


def _find(executions: ExecutionRecords, tenant: str, text: str) -> ExecutionRow:
    """A tenant's record, as `_find_id` finds it."""
    return executions.get(tenant, _find_id(executions, tenant, text))


def _find_id(executions: ExecutionLists, tenant: str, text: str) -> str:
    """The id of a tenant's record by a part from its beginning that no other one of this tenant has.

    Raises:
        InvalidRequestError: It is no such part, or more than one begins so.
        ExecutionNotFoundError: None does.
    """
    from skillbox_core.base.names import shown
    from skillbox_core.errors import ExecutionNotFoundError, InvalidRequestError

    digits = text.replace("-", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},32}}", digits):
        raise InvalidRequestError(
            f"execution id {shown(text)} is not valid",
            hint=f"32 hexadecimal digits, or the first {SHORTEST} or more; `skillbox exec list` shows them",
        )
    match executions.beginning_with(tenant, digits, 2):
        case []:
            raise ExecutionNotFoundError(
                f"there is no execution {digits} of tenant {tenant} in {executions.place}",
                hint="`skillbox exec list` shows them",
            )
        case [found]:
            return found
    raise InvalidRequestError(f"more than one execution begins with {digits}", hint="give more of its digits")


def age(passed: timedelta) -> str:
    """How long ago something was, in one unit: `42s`, `5m`, `3h`, `12d`. Pure."""
    seconds = max(int(passed.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _digits(ids: Sequence[str]) -> int:
    """How many digits tell these ids apart."""
    return next(count for count in range(SHORTEST, 33) if len({one[:count] for one in ids}) == len(ids))


def _draw(rows: Sequence[ExecutionRow]) -> None:
    """Draws records for a person: what tells them apart, what became of them, and why, on a line each."""
    from skillbox_core.storage.execution_lists import reason_of

    digits, now = _digits([row.id for row in rows]), datetime.now(UTC)
    table(
        ["ID", "SKILL", "STATUS", "AGE", "DURATION", "REASON"],
        [
            [row.id[:digits], _skill(row), row.status, age(now - _utc(row.created_at)), _duration(row), reason_of(row)]
            for row in rows
        ],
        whole=("ID", "SKILL", "STATUS", "AGE", "DURATION"),
        short=("REASON",),
        spare=("DURATION", "AGE", "STATUS"),
    )


def _skill(row: ExecutionRow) -> str:
    return f"{row.skill_name}@{row.skill_version}"


def _duration(row: ExecutionRow) -> str:
    return f"{row.duration_ms / 1000:.2f} s" if row.finished_at else ""


def _more(row: ExecutionRow) -> dict[str, object]:
    """What a record says beside its summary and its result."""
    from skillbox_core.storage.execution_reads import diagnosis_of

    diagnosis = diagnosis_of(row)
    return {
        "diagnosis": asdict(diagnosis) if diagnosis else None,
        "call": json.loads(row.call) if row.call else None,
        "files_skipped": dict(json.loads(row.files_skipped)),
    }


def _print_diagnosis(row: ExecutionRow) -> None:
    from skillbox_core.storage.execution_reads import diagnosis_of

    if (diagnosis := diagnosis_of(row)) is None:
        return
    print(f"diagnosis:    {diagnosis.category}")
    if not row.error:
        print(harmless(f"warning:      {diagnosis.summary}"))
    if diagnosis.resolution:
        print(harmless(f"resolution:   {diagnosis.resolution}"))
    if diagnosis.detail:
        print("last lines of stderr:")
        print(harmless("\n".join(f"  {line}" for line in diagnosis.detail.splitlines())))


def _unreported(row: ExecutionRow) -> dict[str, str]:
    """The figures that the sandbox did not report, and says so."""
    from skillbox_core.models.result import NOT_REPORTED
    from skillbox_core.storage.execution_reads import usage_of

    return {name: text for name, text in usage_of(row).shown().items() if text == NOT_REPORTED}


def _container(row: ExecutionRow) -> str | None:
    """The name of the last attempt's container, which says if it had waited; None where there never was one."""
    from skillbox_core.base.names import container_name

    if row.deadline_at is None:
        return None
    return row.claimed or container_name(row.id, row.attempt)


def _utc(moment: datetime) -> datetime:
    from skillbox_core.storage.tables import aware

    return aware(moment).astimezone(UTC)


def _summary(row: ExecutionRow) -> dict[str, object]:
    return {
        "id": row.id,
        "skill": f"{row.skill_name}@{row.skill_version}",
        "asked": row.asked_version,
        "flow_run": row.owner,
        "digest": row.skill_digest,
        "status": row.status,
        "reason": row.reason,
        "error": row.error,
        "created": _utc(row.created_at).isoformat(),
        "finished": _utc(row.finished_at).isoformat() if row.finished_at else None,
        "duration_ms": row.duration_ms,
        "exit_code": row.exit_code,
        "peak_memory": row.peak_memory,
        "memory_limit": row.memory_limit,
        "file_memory": row.file_memory,
        "cpu_seconds": row.cpu_seconds,
        "image": row.image,
        "image_id": row.image_id,
        "attempt": row.attempt,
        "container": _container(row),
        "files": json.loads(row.files_list),
        "input_files": [path for path, _, _ in json.loads(row.input_files)],
    }
