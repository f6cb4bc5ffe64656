"""The runner: runs skills on the parts of an installation."""

from __future__ import annotations

from skillbox_core.base.cancel import CancelToken
from skillbox_core.base.progress import OnProgress
from skillbox_core.installation import Installation
from skillbox_core.models import RunOptions, RunRequest, RunResult
from skillbox_core.run.lifecycle import run_lifecycle
from skillbox_core.run.retrying import repeating
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.logs import OnLog
from skillbox_core.settings import Settings


class Runner:
    """Runs skills. One object serves any number of threads.

    Args:
        installation: What it runs them on.
    """

    def __init__(self, installation: Installation) -> None:
        self.installation = installation

    @classmethod
    def from_settings(cls, settings: Settings | None = None) -> Runner:
        """A runner on the installation that the settings name; see `Installation.from_settings`.

        Raises:
            SettingsError: A setting is wrong.
        """
        return cls(Installation.from_settings(settings))

    def run(
        self,
        request: RunRequest,
        options: RunOptions | None = None,
        *,
        on_log: OnLog | None = None,
        cancel: CancelToken | None = None,
        on_progress: OnProgress | None = None,
    ) -> RunResult:
        """Runs a skill in a sandbox of its own and returns how it ended.

        The sandbox of a skill that has ended is removed after that, in the background; the end of the process waits
        for it, and so does `wait_for_removals`.

        Args:
            on_log: Called with `"stdout"` or `"stderr"` and each line as the skill prints it.
            cancel: Tripped from elsewhere, it ends the run as `cancelled`.
            on_progress: Told how far the skill's environment is, where its packages have to be made ready first.

        Raises:
            SkillboxError: The request can't become an execution: `SkillNotFoundError`,
                `InvalidRequestError`, or the database or the store failed. What fails later is in the result.
        """
        options = options or RunOptions()
        with self.installation.written(options.files, cancel) as files:
            options = options.model_copy(update={"files": files})
            return run_lifecycle(repeating(Steps(self.installation, on_log, cancel, on_progress)), request, options)
