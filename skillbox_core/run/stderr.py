"""What the last lines of a skill's stderr tell: its error's own line, and which known trouble it names. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_LINE = 300
"""Characters of one line that are quoted."""

_PYTHON_HEADER = re.compile(r"Traceback \(most recent call last\):\Z")
_PYTHON_PLACE = re.compile(r'  File ".*", line \d+')
_PYTHON_FATAL = re.compile(r"Fatal Python error: ")
_GROUP_HEADER = re.compile(r" *\+ Exception Group Traceback \(most recent call last\):\Z")
_GROUP_ERROR = re.compile(r" *\| (?! )(\S.*)")
_NODE_PLACE = re.compile(r"    at \S")
_NODE_ERROR = re.compile(r"(?:Uncaught )?[A-Za-z_$][\w$.]*(?: \[[\w.]+\])?(?:: .*)?\Z")
_NODE_FATAL = re.compile(r"FATAL ERROR: ")
_NODE_CLOSING = re.compile(r"Node\.js v\d|\(Use `node --trace|\s*\^\s*\Z")

_NO_SPACE = re.compile(r"no space left on device|\bENOSPC\b", re.IGNORECASE)
_TOO_LARGE = re.compile(r"file too large|\bEFBIG\b|file size limit exceeded", re.IGNORECASE)
_NO_NETWORK = re.compile(
    r"name resolution|name or service not known|nodename nor servname|\bgaierror\b"
    r"|\bEAI_AGAIN\b|\bgetaddrinfo ENOTFOUND\b|\bENETUNREACH\b|network is unreachable"
    r"|could not resolve (?:host|proxy)|unable to resolve host|failed to resolve|temporary failure resolving"
    r"|: bad address '",
    re.IGNORECASE,
)
_NODE_HEAP = re.compile(r"JavaScript heap out of memory")


def error_line(stderr: str) -> str | None:
    """The line on which a Python or Node error says what it is, such as `ValueError: bad row 17`.

    Of several errors it is the last one, which is the one that nothing caught. None when there is none.
    """
    lines = stderr.splitlines()
    found = max(_python_errors(lines) + _node_errors(lines), default=None)
    return shortened(found[1].removeprefix("__main__.")) if found else None


def last_line(stderr: str) -> str | None:
    """The last line that says something; None when there is none."""
    lines = [line for line in stderr.splitlines() if line.strip() and not _NODE_CLOSING.match(line)]
    return shortened(lines[-1].strip()) if lines else None


def no_space(stderr: str) -> str | None:
    """The last line about a file system without room, None when there is none."""
    return _last(_NO_SPACE, stderr)


def too_large(stderr: str) -> bool:
    """Whether a file reached the largest size that a file may have."""
    return _last(_TOO_LARGE, stderr) is not None


def no_network(stderr: str) -> bool:
    """Whether the skill says that it could not find a host, or reach a network."""
    return _last(_NO_NETWORK, stderr) is not None


def heap_exhausted(stderr: str) -> bool:
    """Whether Node gave up because its own heap was full."""
    return _last(_NODE_HEAP, stderr) is not None


def shortened(line: str) -> str:
    """A line that is not too long to be quoted in a sentence."""
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 3] + "..."


def _last(pattern: re.Pattern[str], stderr: str) -> str | None:
    return next((line for line in reversed(stderr.splitlines()) if pattern.search(line)), None)


def _python_errors(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Errors with the numbers of their lines. An error is what follows a traceback's indented lines."""
    found: list[tuple[int, str]] = []
    within = group = False
    for number, line in enumerate(lines):
        if _GROUP_HEADER.match(line):
            # The errors inside a group come after it, each with a traceback of its own.
            group = True
        elif group and (error := _GROUP_ERROR.match(line)):
            found.append((number, error[1]))
            group = within = False
        elif _PYTHON_HEADER.match(line) or _PYTHON_PLACE.match(line):
            within = True
        elif _PYTHON_FATAL.match(line):
            found.append((number, line))
        elif within and line and not line[0].isspace():
            found.append((number, line))
            within = False
    return found


def _node_errors(lines: Sequence[str]) -> list[tuple[int, str]]:
    """As `_python_errors`. An error is what precedes the first line of a stack; its message may have several lines."""
    found = [(number, line) for number, line in enumerate(lines) if _NODE_FATAL.match(line)]
    for number, line in enumerate(lines):
        if not _NODE_PLACE.match(line) or number == 0 or _NODE_PLACE.match(lines[number - 1]):
            continue
        for back in range(number - 1, max(number - 10, -1), -1):
            if not lines[back]:
                break
            if _NODE_ERROR.match(lines[back]):
                found.append((back, lines[back].removeprefix("Uncaught ")))
                break
    return found
