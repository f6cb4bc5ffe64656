"""The `skillbox` command. Only this module is loaded for `--help`; each command loads what it needs."""

from __future__ import annotations

import atexit
import gc
import io
import logging
import os
import sys

_OBJECTS = 50_000
"""New objects after which the garbage collector looks for what is unreachable."""


def main() -> None:
    """The console script."""
    # By default the collector looks through what modules have made once for each 700 objects, and a command makes
    # some hundred thousand as it loads, of which all stay: a tenth of its time.
    gc.set_threshold(_OBJECTS)
    # Nor has it anything to find there as the interpreter ends, which takes longer than most commands do.
    atexit.register(gc.freeze)
    _prepare_streams()
    logger = logging.getLogger("skillbox_core")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(_Messages())

    from skillbox_core.cli.app import app
    from skillbox_core.cli.output import EXIT_CANCELLED, EXIT_INFRASTRUCTURE, exit_code_of, fail
    from skillbox_core.errors import SkillboxError

    try:
        try:
            app(standalone_mode=True)
        finally:
            # Left to the interpreter, what can't be written would be told in its own words, with its own exit code.
            sys.stdout.flush()
    except SkillboxError as error:
        fail(str(error))
        sys.exit(exit_code_of(error.reason))
    except KeyboardInterrupt:
        sys.exit(EXIT_CANCELLED)
    except SystemExit as ending:
        # Typer takes this one itself, for the exit code of a skill that failed.
        if isinstance(ending.__context__, BrokenPipeError):
            _drop_output()
            sys.exit(EXIT_INFRASTRUCTURE)
        raise
    except (OSError, UnicodeError) as error:
        _drop_output()
        # The reader of our output may have gone away, as `head` does; that is no news to anybody.
        if not isinstance(error, BrokenPipeError):
            fail(_sentence(error))
        sys.exit(EXIT_INFRASTRUCTURE)


def _prepare_streams() -> None:
    """Makes sure that there are three streams, and that any text can be written to two of them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # The number of one that was closed would else be the next file's, for instance the database's.
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="backslashreplace")


class _Messages(logging.Handler):
    """The core's own messages as sentences on stderr, from the level of SKILLBOX_LOG_LEVEL on."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        from skillbox_core.cli.output import note
        from skillbox_core.errors import SettingsError
        from skillbox_core.settings import load_settings

        # Looked up when there is something to say: most commands say nothing, and start faster so.
        try:
            least = logging.getLevelName(load_settings().log_level.upper())
        except SettingsError:
            least = logging.WARNING
        if record.levelno >= least:
            # With the traceback of what is no error of ours.
            note(f"skillbox: {self.format(record)}")


def _drop_output() -> None:
    """Gives what could not be written to nobody, or the interpreter would try again as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _sentence(error: OSError | UnicodeError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
