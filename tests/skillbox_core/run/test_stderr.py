"""What the end of stderr tells: the error's own line, for each language and each way in which it is printed."""

from __future__ import annotations

import pytest

from skillbox_core.run import stderr

PYTHON = """Reading
Traceback (most recent call last):
  File "/sandbox/scripts/main.py", line 3, in <module>
    work()
  File "/sandbox/scripts/main.py", line 2, in work
    raise ValueError("bad row 17")
ValueError: bad row 17
"""
CHAINED = """Traceback (most recent call last):
  File "/sandbox/scripts/main.py", line 2, in <module>
    int("x")
ValueError: invalid literal for int() with base 10: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/sandbox/scripts/main.py", line 4, in <module>
    raise BadRow("17")
__main__.BadRow: 17
"""
SYNTAX = """  File "/sandbox/scripts/main.py", line 1
    foo(
       ^
SyntaxError: '(' was never closed
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/sandbox/scripts/main.py", line 1, in <module>
  |     raise ExceptionGroup("two rows", [ValueError("a"), ValueError("b")])
  | ExceptionGroup: two rows (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: a
    +---------------- 2 ----------------
    | ValueError: b
    +------------------------------------
"""
SEVERAL_LINES = """Traceback (most recent call last):
  File "/sandbox/scripts/main.py", line 1, in <module>
    raise ValueError("bad rows:\\n17\\n18")
ValueError: bad rows:
17
18
"""
CUT = """    raise ValueError("x")
  File "/sandbox/scripts/main.py", line 2000, in work
    raise KeyError("name")
KeyError: 'name'
"""
NODE = """/sandbox/scripts/main.js:3
throw new TypeError("bad row 17");
^

TypeError: bad row 17
    at Object.<anonymous> (/sandbox/scripts/main.js:3:7)
    at node:internal/main/run_main_module:23:47 {
  code: 'E_ROW'
}

Node.js v18.20.4
"""
NODE_CODE = """node:fs:601
  handleErrorFromBinding(ctx);
  ^

Error: ENOENT: no such file or directory, open 'nowhere'
    at Object.openSync (node:fs:601:3)
    at node:internal/main/run_main_module:23:47 {
  errno: -2,
  code: 'ENOENT'
}

Node.js v18.20.4
"""
NODE_COLUMN = """node:internal/process/promises:288
            triggerUncaughtException(err, true /* fromPromise */);
            ^

TypeError [ERR_INVALID_ARG_TYPE]: The "path" argument must be of type string
    at x (node:internal/y:1:2)

Node.js v18.20.4
"""
NODE_TEXT = """node:internal/process/esm_loader:108
    internalBinding('errors').triggerUncaughtException(
                              ^
bad row 17
(Use `node --trace-uncaught ...` to show where the exception was thrown)

Node.js v18.20.4
"""
NODE_HEAP = """
<--- Last few GCs --->

[10:0x7f]     1034 ms: Mark-sweep (reduce) 120.1 (130.2) -> 119.8 (130.9) MB, 40.0 / 0.0 ms

<--- JS stacktrace --->

FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
 1: 0xb7a940 node::Abort() [node]
Aborted
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (PYTHON, "ValueError: bad row 17"),
        (CHAINED, "BadRow: 17"),
        (SYNTAX, "SyntaxError: '(' was never closed"),
        (GROUP, "ExceptionGroup: two rows (2 sub-exceptions)"),
        (SEVERAL_LINES, "ValueError: bad rows:"),
        (CUT, "KeyError: 'name'"),
        (PYTHON.replace("ValueError: bad row 17", "AssertionError"), "AssertionError"),
        ("Fatal Python error: Segmentation fault\n\nCurrent thread 0x1:\n", "Fatal Python error: Segmentation fault"),
        (NODE, "TypeError: bad row 17"),
        (NODE_CODE, "Error: ENOENT: no such file or directory, open 'nowhere'"),
        (NODE_COLUMN, 'TypeError [ERR_INVALID_ARG_TYPE]: The "path" argument must be of type string'),
        (NODE_HEAP, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"),
        (NODE_TEXT, None),
        ("main.sh: line 3: foo: command not found\n", None),
        ("INFO: all is well\n  indented\n", None),
        ("", None),
        (f"Traceback (most recent call last):\n  x\nValueError: {'y' * 1000}", f"ValueError: {'y' * 285}..."),
    ],
)  # fmt: skip
def test_an_error_is_named_by_its_own_line(text: str, line: str | None) -> None:
    assert stderr.error_line(text) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nmain.sh: line 3: foo: command not found\n\n", "main.sh: line 3: foo: command not found"),
        (NODE_TEXT, "bad row 17"),
        ("bad input\n", "bad input"),
        (" \n\n", None),
    ],
)
def test_without_one_the_last_line_that_says_something_is_found(text: str, line: str | None) -> None:
    assert stderr.last_line(text) == line


@pytest.mark.parametrize(
    "line",
    [
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>",
        "Error: getaddrinfo EAI_AGAIN example.com",
        "Error: getaddrinfo ENOTFOUND example.com",
        "curl: (6) Could not resolve host: example.com",
        "wget: unable to resolve host address 'example.com'",
        "wget: bad address 'example.com'",
        "NameResolutionError: Failed to resolve 'example.com'",
        "OSError: [Errno 101] Network is unreachable",
        "Error: connect ENETUNREACH 192.0.2.1:443",
    ],
)
def test_a_missing_network_is_known_in_the_words_of_each_tool(line: str) -> None:
    assert stderr.no_network(f"before\n{line}\nafter")


@pytest.mark.parametrize("line", ["ValueError: bad host", "Error: ENOENT", "the name is resolved", "bad address", ""])
def test_other_trouble_is_not_taken_for_a_missing_network(line: str) -> None:
    assert not stderr.no_network(line)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("cp: '/tmp/x': No space left on device\n", "cp: '/tmp/x': No space left on device"),
        ("Error: ENOSPC: no space left on device, write\n", "Error: ENOSPC: no space left on device, write"),
        ("plenty of space left", None),
    ],
)  # fmt: skip
def test_a_full_file_system_is_known_by_what_the_kernel_says_of_it(text: str, line: str | None) -> None:
    assert stderr.no_space(text) == line


@pytest.mark.parametrize("line", ["OSError: [Errno 27] File too large", "Error: EFBIG: file too large, write",
                                  "main.sh: line 1: 7 File size limit exceeded head -c 9G"])  # fmt: skip
def test_a_file_that_is_too_large_is_known(line: str) -> None:
    assert stderr.too_large(line)
    assert not stderr.too_large("the table is large")
