"""What the Prefect UI shows of a run beside its states. Trouble here is a warning and never fails a run."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from skillbox_core.models import RunResult
from skillbox_core.sandbox.limits import format_bytes
from skillbox_core.sandbox.orphans import Orphan

logger = logging.getLogger(__name__)

LOG_TAIL = 4_000
OUTPUT_HEAD = 2_000
MAX_FILES = 50


def report(result: RunResult) -> None:
    """Makes the markdown artifact of a run."""
    try:
        create_markdown_artifact(
            key=f"skill-{result.skill.replace('_', '-')}",
            markdown=summary(result),
            description=f"{result.skill} {result.version}: {result.status.value}",
        )
    except Exception as error:
        logger.warning("the run's artifact could not be made: %s", error)


def report_orphans(orphans: Sequence[Orphan], *, dry_run: bool) -> None:
    """Makes the table artifact of a clean-up, where there was something to clean up."""
    if not orphans:
        return
    outcome = "would go" if dry_run else "gone"
    try:
        create_table_artifact(
            key="skillbox-orphans",
            table=[
                {
                    "kind": orphan.kind,
                    "name": orphan.name,
                    "execution": orphan.execution_id,
                    "why": orphan.why,
                    "outcome": f"failed: {orphan.error}" if orphan.error else outcome,
                }
                for orphan in orphans
            ],
            description="What killed workers left behind" + (" (dry run)" if dry_run else ""),
        )
    except Exception as error:
        logger.warning("the clean-up's artifact could not be made: %s", error)


def summary(result: RunResult) -> str:
    """A run as markdown. What a skill wrote stands in code blocks only, so that it is shown, not interpreted."""
    usage = result.usage
    facts = {
        "status": result.status.value,
        "reason": result.reason.value if result.reason else "",
        "duration": f"{result.duration_ms / 1000:.2f} s",
        "peak memory": format_bytes(usage.peak_memory) if usage.peak_memory else "",
        "CPU": f"{usage.cpu_seconds:.2f} s" if usage.cpu_seconds is not None else "",
        "exit code": str(usage.exit_code) if usage.exit_code is not None else "",
        "execution": result.execution_id,
        "tenant": result.tenant,
    }
    # In a code span: bare, name@version would become a mail address.
    (first, value), *rest = ((name, value) for name, value in facts.items() if value)
    lines = [f"# `{result.skill}@{result.version}`", "", f"| {first} | {value} |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rest]
    if result.error:
        lines += ["", "## Error", "", _block(result.error)]
    if result.files_list:
        lines += ["", "## Files", ""]
        if result.files_url.startswith(("http://", "https://")):
            lines += [f"[files.tar.gz]({result.files_url})", ""]
        names = "\n".join(result.files_list[:MAX_FILES])
        more = len(result.files_list) - MAX_FILES
        lines += [_block(names + (f"\n... and {more} more" if more > 0 else ""))]
        lines += ["", f"`skillbox exec files {result.execution_id} --download DIR`"]
    if result.output is not None:
        text = json.dumps(result.output, indent=2, ensure_ascii=False)
        lines += [
            "",
            "## Output",
            "",
            _block(text if len(text) <= OUTPUT_HEAD else text[:OUTPUT_HEAD] + "\n..."),
        ]
    if result.logs:
        lines += [
            "",
            "## Logs",
            "",
            _block(result.logs if len(result.logs) <= LOG_TAIL else "...\n" + result.logs[-LOG_TAIL:]),
        ]
    return "\n".join(lines) + "\n"


def _block(text: str) -> str:
    """A code block whose fence is longer than any row of backticks inside."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text.rstrip()}\n{fence}"
