"""What the Prefect UI shows of a run that ended: a summary, a link to its files, its pictures; and of a clean-up."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from prefect.artifacts import create_table_artifact

from prefect_skillbox.observe.artifacts import Artifact, Home, Later, artifact_key, block, code
from prefect_skillbox.observe.pictures import Picture
from skillbox_core.base.quantities import format_bytes
from skillbox_core.errors import SkillboxError
from skillbox_core.models import RunResult
from skillbox_core.operations.orphan_rules import Orphan
from skillbox_core.operations.table_preview import readable, table_kind
from skillbox_core.storage.opened_files import is_picture

logger = logging.getLogger(__name__)

LOG_TAIL = 4_000
OUTPUT_HEAD = 2_000
MAX_FILES = 50


def reports(
    result: RunResult,
    home: Home,
    *,
    link_expiry: int,
    links: Callable[[], Mapping[str, str]] = dict,
    pictures: Sequence[Picture] = (),
    redact: Callable[[str], str] = str,
) -> Iterator[Artifact | Later]:
    """The artifacts of a run.

    Args:
        link_expiry: Seconds for which an address of its files is good.
        links: Gives the addresses of single files by their paths. Its store is asked, so it is called later.
        pictures: To be shown beside the summary.
        redact: Takes secrets out of what is shown of the output and of file names; logs and errors have none.
    """
    title, execution = _title(result), f"`{result.execution_id}`"
    until = _until(link_expiry) if result.files_url.startswith(("http://", "https://")) else None

    def artifact(kind: str, type_: str, data: str, description: str) -> Artifact:
        return Artifact(type_, artifact_key(kind, result.skill, result.tenant), data, description, home)

    yield artifact("skill", "markdown", summary(result, until, redact), f"{title}: {result.status.value}")
    if until:
        yield Later(partial(_files, artifact, result, until, links, redact))
    for picture in pictures:
        name = code(redact(picture.path))
        yield artifact("picture", "image", picture.url, f"{name} of {title}, execution {execution}")


def _files(
    artifact: Callable[[str, str, str, str], Artifact],
    result: RunResult,
    until: str,
    links: Callable[[], Mapping[str, str]],
    redact: Callable[[str], str],
) -> Artifact:
    """The links to a run's files: to all of them, and to those that people open."""
    try:
        # An address spells out the name of its file.
        found = {path: url for path, url in links().items() if redact(path) == path}
    except SkillboxError as error:
        logger.warning("the files of execution %s are shown without links of their own: %s", result.execution_id, error)
        found = {}
    lines = [f"[files.tar.gz]({result.files_url})", ""]
    lines += [f"- {code(path)}: [{'open' if is_picture(path) else 'download'}]({url})" for path, url in found.items()]
    return artifact(
        "files",
        "markdown",
        "\n".join(lines).rstrip(),
        f"{len(result.files_list)} files of {_title(result)}. Whoever has such a link may download them until {until}; "
        f"afterwards: `skillbox exec files {result.execution_id} --download DIR`",
    )


def described(orphans: Sequence[Orphan]) -> str:
    """What a clean-up found, in a line. Pure."""
    in_vain = sum(orphan.kind == "waiting" for orphan in orphans)
    parts = ["What killed workers left behind"] if in_vain < len(orphans) else []
    if in_vain:
        parts.append(f"{in_vain} containers that waited for a job in vain")
    return ", and ".join(parts)


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
                    "kind": orphan.what,
                    "name": orphan.name,
                    "execution": orphan.execution_id,
                    "why": orphan.why,
                    "outcome": code(f"failed: {orphan.error}") if orphan.error else outcome,
                }
                for orphan in orphans
            ],
            description=described(orphans) + (" (dry run)" if dry_run else ""),
        )
    except Exception as error:
        logger.warning("the clean-up's artifact could not be made: %s", error)


def summary(result: RunResult, link_until: str | None = None, redact: Callable[[str], str] = str) -> str:
    """A run as markdown. What a skill wrote stands in code blocks only, so that it is shown, not interpreted.

    Args:
        link_until: When the address of the files ends to be good; None leaves it out.
        redact: As in `reports`.
    """
    usage = result.usage
    shown = usage.shown()
    facts = {
        "status": result.status.value,
        "reason": result.reason.value if result.reason else "",
        "duration": f"{result.duration_ms / 1000:.2f} s",
        "container's peak memory": shown["peak_memory"],
        "container's memory limit": format_bytes(usage.memory_limit) if usage.memory_limit else "",
        "files in memory at the end": shown["file_memory"],
        "CPU": shown["cpu_seconds"],
        "exit code": str(usage.exit_code) if usage.exit_code is not None else "",
        "execution": result.execution_id,
        "tenant": result.tenant,
    }
    # In a code span: bare, name@version would become a mail address.
    (first, value), *rest = ((name, value) for name, value in facts.items() if value)
    lines = [f"# `{result.skill}@{result.version}`", "", f"| {first} | {value} |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rest]
    if result.call:
        lines += ["", "## Call", "", block(redact(result.call.text))]
    diagnosis = result.diagnosis
    if result.error or diagnosis:
        told = result.error or (diagnosis.summary if diagnosis else "")
        lines += ["", "## Error" if result.error else "## Warning", "", block(told)]
    if diagnosis and diagnosis.resolution:
        lines += ["", diagnosis.resolution]
    if diagnosis and diagnosis.detail:
        lines += ["", "The last lines of stderr:", "", block(diagnosis.detail)]
    if result.files_list:
        lines += ["", "## Files", ""]
        if link_until:
            lines += [f"[files.tar.gz]({result.files_url}), until {link_until}", ""]
        names = redact("\n".join(result.files_list[:MAX_FILES]))
        more = len(result.files_list) - MAX_FILES
        lines += [block(names + (f"\n... and {more} more" if more > 0 else ""))]
        lines += ["", f"`skillbox exec files {result.execution_id} --download DIR`"]
        if "parquet" not in readable() and not readable().issuperset(filter(None, map(table_kind, result.files_list))):
            lines += [
                "",
                "Parquet and Arrow files are shown where pyarrow is: `pip install 'prefect-skillbox[tables]'`",
            ]
    if result.left_out:
        names = "\n".join(f"{entry.path}: {entry.why}" for entry in result.left_out[:MAX_FILES])
        lines += ["", "## Left out", "", block(redact(names))]
    if result.has_output:
        text = redact(json.dumps(result.output, indent=2, ensure_ascii=False))
        lines += ["", "## Output", "", block(text if len(text) <= OUTPUT_HEAD else text[:OUTPUT_HEAD] + "\n...")]
    if result.logs:
        tail = result.logs if len(result.logs) <= LOG_TAIL else "...\n" + result.logs[-LOG_TAIL:]
        lines += ["", "## Logs", "", block(tail)]
    return "\n".join(lines) + "\n"


def _title(result: RunResult) -> str:
    return f"`{result.skill}@{result.version}`"


def _until(seconds: int) -> str:
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%d %H:%M} UTC"
