"""Watching one run: its lines, its progress, its events and its artifacts. Nothing here can fail the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from prefect import get_run_logger

from prefect_skillbox.observe import events, outbox
from prefect_skillbox.observe.artifacts import Home
from prefect_skillbox.observe.assets import AssetEvents
from prefect_skillbox.observe.marked_log import MarkedLog, RunLogger
from prefect_skillbox.observe.pictures import Picture, pictures
from prefect_skillbox.observe.progress_bar import ProgressBar
from prefect_skillbox.observe.reporting import reports
from prefect_skillbox.observe.run_log import RunLog
from prefect_skillbox.observe.table_previews import table_artifacts
from skillbox_core.base.progress import Progress, parse_progress
from skillbox_core.base.redaction import Redactor
from skillbox_core.installation import Installation
from skillbox_core.models import Execution, LoadedSkill, Output, PlannedFile, RunResult
from skillbox_core.sandbox.logs import Stream

logger = logging.getLogger(__name__)


class Watch:
    """What is told of one run while it goes on.

    Made inside a Prefect run, to whose log and artifacts it adds.

    Args:
        skill, tenant: What runs.
        secrets: Values that no artifact may show. Lines come here without them.
        unlearned: There are more of them, which are told by `learned`. Until then nothing is shown of what the
            skill gave back.
        log: Where its lines go; by default the Prefect run's own log.
    """

    def __init__(
        self,
        skill: str,
        tenant: str,
        secrets: Iterable[str] = (),
        *,
        unlearned: bool = False,
        log: RunLogger | None = None,
    ) -> None:
        self.unlearned = unlearned
        self._redactor = Redactor(secrets)
        self._home = Home.here()
        self._logger = log or get_run_logger()
        self._log = RunLog(self._logger)
        self._progress = ProgressBar(skill, tenant, self._home)
        self._environment = ProgressBar(skill, tenant, self._home, kind="environment")
        self._pictures: list[Picture] = []
        self._given: tuple[PlannedFile, ...] = ()
        self._started = False

    def learned(self, secrets: Iterable[str]) -> None:
        """All values are known that no artifact may show."""
        self._redactor.learn(secrets)
        self.unlearned = False

    def opened(self, execution: Execution) -> None:
        """The execution has its record."""
        self._given = execution.files
        option = "" if execution.tenant == "default" else f" --tenant {execution.tenant}"
        self._log.whole = f"`skillbox exec logs {execution.id}{option}` for its beginning and its end"

    def preparing(self, progress: Progress) -> None:
        """The skill's packages are made ready, which takes its time once."""
        with _harmless("how far an environment is"):
            self._logger.info("[skillbox: %s]", progress.text)
            self._show(self._environment, progress)

    def started(self, execution: Execution, skill: LoadedSkill) -> None:
        """The skill runs in its container."""
        self._started = True
        events.emit_started(execution, skill)

    def followed(self) -> None:
        """Its lines come from now on, from the first one."""
        self._log.again()

    def on_log(self, stream: Stream, line: str) -> None:
        """The skill printed a line."""
        with _harmless("a line of the skill's log"):
            progress = parse_progress(line) if stream == "stderr" and line.startswith("::") else None
            if progress is None:
                self._log.write(stream, line)
            else:
                self._show(self._progress, progress)

    def collected(self, output: Output) -> None:
        """Its files are here, on their way to the store."""
        with _harmless("the pictures among the skill's files"):
            self._pictures = pictures(output)

    def ended(self, result: RunResult) -> None:
        """Its record is closed."""
        with _harmless("the end of the skill's log"):
            self._log.close()
            if result.ok:
                self._progress.complete()
                if result.diagnosis:
                    self._logger.warning("[skillbox: %s (%s)]", result.diagnosis.summary, result.diagnosis.resolution)
        events.emit_ended(result)

    def report(self, result: RunResult, installation: Installation) -> None:
        """Makes the artifacts of the run. A result of an earlier run that is used again has them too."""
        with _harmless("the run's artifacts"):
            redact = self._redact
            for artifact in reports(
                result,
                self._home,
                link_expiry=installation.settings.url_expiry,
                links=partial(installation.artifacts.links, result.artifacts),
                pictures=self._pictures,
                redact=redact,
            ):
                outbox.post(artifact)
            self._tell_assets(result, installation)
            if not self.unlearned:
                for table in table_artifacts(result, self._home, installation, redact):
                    outbox.post(table, slow=True)

    @property
    def _redact(self) -> Callable[[str], str]:
        return _nothing if self.unlearned else self._redactor.text

    def _show(self, bar: ProgressBar, progress: Progress) -> None:
        bar.show(progress)

    def _tell_assets(self, result: RunResult, installation: Installation) -> None:
        if self._started:
            # Of a result that is used again all was told when it was made.
            outbox.post(AssetEvents(result, self._given, self._home, installation.executions, self._redact))


class InputWatch(Watch):
    """What is told of one input of a batch: its lines, each with its index, and its events.

    It has no artifacts of its own: a row in the table of the batch says how it ended, and of a thousand summaries and
    progress bars nobody would find one.

    Args:
        index: In the batch.
        skill, tenant, secrets, unlearned: See `Watch`.
    """

    def __init__(
        self, index: int, skill: str, tenant: str, secrets: Iterable[str] = (), *, unlearned: bool = False
    ) -> None:
        log = MarkedLog(get_run_logger(), f"[{index}] ")
        super().__init__(skill, tenant, secrets, unlearned=unlearned, log=log)

    def collected(self, output: Output) -> None:
        """See `Watch`; pictures would be artifacts."""

    def ended(self, result: RunResult) -> None:
        """See `Watch`; here the log is where a failure is said, since its task run may go well."""
        super().ended(result)
        if not result.ok:
            self._logger.warning("[skillbox: %s: %s]", result.reason or result.status, result.error)

    def report(self, result: RunResult, installation: Installation) -> None:
        """Tells of the files that it read and left."""
        with _harmless("the run's assets"):
            if result.files_list or self._given:
                self._tell_assets(result, installation)

    def _show(self, bar: ProgressBar, progress: Progress) -> None:
        """Shows no bar; see above."""


def _nothing(_text: str) -> str:
    return "not shown: the Secret blocks of its environment could not be read, so it can't be redacted"


@contextmanager
def _harmless(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        logger.warning("%s could not be shown: %s", what, error)
