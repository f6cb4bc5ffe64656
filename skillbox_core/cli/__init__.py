"""The `skillbox` command. Only this module is loaded for `--help`; each command loads what it needs."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script."""
    from skillbox_core.cli.app import app
    from skillbox_core.cli.output import EXIT_CANCELLED, EXIT_INFRASTRUCTURE, exit_code_of, fail
    from skillbox_core.errors import SkillboxError

    try:
        app(standalone_mode=True)
    except SkillboxError as error:
        fail(str(error))
        sys.exit(exit_code_of(error.reason))
    except KeyboardInterrupt:
        sys.exit(EXIT_CANCELLED)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        sys.stderr.close()
        sys.exit(EXIT_INFRASTRUCTURE)
