"""`skillbox exec ...`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skillbox_core.cli.output import note, print_json, table
from skillbox_core.status import Status
from skillbox_core.text import harmless

if TYPE_CHECKING:
    from skillbox_core.storage.tables import ExecutionRow

app = typer.Typer(help="Look at executions.", no_args_is_help=True, rich_markup_mode=None)

Tenant = Annotated[str, typer.Option(help="Whose executions.", envvar="SKILLBOX_TENANT")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    status: Annotated[Status | None, typer.Option(help="Only these.")] = None,
    skill: Annotated[str | None, typer.Option(help="Only this skill's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    tenant: Tenant = "default",
    json_: Json = False,
) -> None:
    """List the newest executions."""
    from skillbox_core.runner import Runner

    rows = Runner.from_settings().executions.list(tenant, status=status, skill=skill, limit=limit)
    if json_:
        print_json([_summary(row) for row in rows])
        return
    table(
        ["ID", "SKILL", "STATUS", "REASON", "DURATION", "CREATED"],
        [
            [
                row.id,
                f"{row.skill_name}@{row.skill_version}",
                row.status,
                row.reason or "",
                f"{row.duration_ms / 1000:.2f} s" if row.finished_at else "",
                f"{row.created_at:%Y-%m-%d %H:%M:%S}",
            ]
            for row in rows
        ],
    )


@app.command()
def show(execution_id: str, tenant: Tenant = "default", json_: Json = False) -> None:
    """Show a record; with --json its RunResult."""
    from skillbox_core.names import check_execution_id
    from skillbox_core.runner import Runner

    executions = Runner.from_settings().executions
    row = executions.get(tenant, check_execution_id(execution_id))
    if json_:
        print_json(executions.result(tenant, row.id).model_dump(mode="json"))
        return
    for key, value in _summary(row).items():
        if value not in (None, "", []):
            print(harmless(f"{key + ':':<14}{value}"))
    if row.output is not None:
        print("output:")
        print(json.dumps(json.loads(row.output), indent=2, ensure_ascii=True))


@app.command()
def logs(execution_id: str, tenant: Tenant = "default") -> None:
    """Print what the skill printed."""
    from skillbox_core.names import check_execution_id
    from skillbox_core.runner import Runner

    row = Runner.from_settings().executions.get(tenant, check_execution_id(execution_id))
    sys.stdout.write(harmless(row.logs) if sys.stdout.isatty() else row.logs)


@app.command()
def files(
    execution_id: str,
    download: Annotated[Path | None, typer.Option(help="Folder to put them in.")] = None,
    tenant: Tenant = "default",
) -> None:
    """List the files an execution left, or download them."""
    from skillbox_core.names import check_execution_id
    from skillbox_core.runner import Runner

    runner = Runner.from_settings()
    row = runner.executions.get(tenant, check_execution_id(execution_id))
    if download and row.files_key:
        for path in runner.artifacts.extract(runner.executions.result(tenant, row.id).artifacts, download):
            print(path)
    else:
        for name in json.loads(row.files_list):
            print(name)
    for name, why in json.loads(row.files_skipped):
        note(f"not collected: {name}: {why}")


def _summary(row: ExecutionRow) -> dict[str, object]:
    return {
        "id": row.id,
        "skill": f"{row.skill_name}@{row.skill_version}",
        "asked": row.asked_version,
        "digest": row.skill_digest,
        "status": row.status,
        "reason": row.reason,
        "error": row.error,
        "created": row.created_at.isoformat(),
        "finished": row.finished_at.isoformat() if row.finished_at else None,
        "duration_ms": row.duration_ms,
        "exit_code": row.exit_code,
        "peak_memory": row.peak_memory,
        "cpu_seconds": row.cpu_seconds,
        "image": row.image,
        "image_id": row.image_id,
        "attempt": row.attempt,
        "files": json.loads(row.files_list),
        "input_files": [path for path, _, _ in json.loads(row.input_files)],
    }
