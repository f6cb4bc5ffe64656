"""Which modules an interpreter imports that waits, and when none can."""

from __future__ import annotations

import json

import pytest

from skillbox_core.sandbox.delivery import PLAIN, Invocation
from skillbox_core.sandbox.logs import NOBODY, Announcement, Line, LineReader
from skillbox_core.sandbox.warming import MAX_MODULES, is_told_late, modules_of, warm_job, warm_start


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("", ()),
        ("import json", ("json",)),
        ("import os.path as p, sys , numpy as np", ("os.path", "sys", "numpy")),
        ("from pandas import DataFrame as D, Series", ("pandas",)),
        ("from xml.dom import minidom\nfrom xml import sax\nimport abc", ("xml.dom", "xml", "abc")),
        ("from os import (\n  path,  # why\n  sep,\n)\nimport sys\n", ("os", "sys")),
        ("from os import (path, sep)\nfrom os import *\nimport sys", ("os", "sys")),
        ("from os import (\n  path,", ()),
        ("import a # b, c", ("a",)),
        ("import\tjson", ("json",)),
        ("from . import beside\nfrom .other import x\nimport json", ("json",)),
        ("from __future__ import annotations\nimport json", ("json",)),
        ("importlib.import_module('x')\nimport json", ()),
        ("import helpers, json", ("json",)),
        ("import package.inside", ()),
        ("import json\r\nimport sys\r\n", ("json", "sys")),
        ("import \u00e9t\u00e9\nimport json", ()),
        ("import 1a\nimport json", ()),
        ("\0import json\nimport sys", ()),
        # Before them, a script may say what it is.
        ("#!/usr/bin/env python3\n# /// script\n# ///\n\nimport json", ("json",)),
        ('"""\nimport this module to see the shape,\nimport this\n"""\nimport json', ("json",)),
        ("'One line.'\nimport json", ("json",)),
        ('r"""# One line."""\n\nimport json', ("json",)),
        ('"""It is open.\nimport json', ()),
        # What comes behind anything else may depend on it.
        ("import sys\nsys.path.insert(0, 'lib')\nimport statistics", ("sys",)),
        ("import os\nos.environ['OMP_NUM_THREADS'] = '1'\nimport numpy", ("os",)),
        ("import os; os.environ['A'] = '1'\nimport numpy", ()),
        ("import gevent\n\nif True:\n    import json\nimport sys", ("gevent",)),
        ("import a\ntry:\n    import b\nexcept ImportError:\n    b = None\nimport c", ("a",)),
        ("import a\n'import b'\nimport c", ("a",)),
        ("import a, \\\n    b\nimport c", ()),
        ("import a words\nimport c", ()),
        ("(" * 100_000 + "\nimport json", ()),
        ("import " + ", ".join(f"m{n:03}" for n in range(100)), tuple(f"m{n:03}" for n in range(MAX_MODULES))),
    ],
)
def test_what_a_script_imports_first_is_imported_in_its_order(source: str, modules: tuple[str, ...]) -> None:
    assert modules_of("python", source, ["helpers.py", "package", "main.py"]) == modules


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("const fs = require('fs')", ("fs",)),
        ('const { a, b: c } = require("@scope/pkg/deep");', ("@scope/pkg/deep",)),
        ("var $x=require( 'node:path' )\nlet y = require('lodash-es').fp;", ("node:path", "lodash-es")),
        ("#!/usr/bin/env node\n'use strict';\n// why\n\nrequire('b') // it\nconst a = require('a')", ("b", "a")),
        ("/* const x = require('x')\n */ \n/* one */ const y = require('y')", ("y",)),
        ("const fs = require('fs')\nprocess.env.A = '1'\nconst a = require('a')", ("fs",)),
        ("require('dotenv').config()\nconst a = require('a')", ()),
        ("const x = require('./beside')\nconst y = require('y')", ()),
        ("const x = require('/sandbox/y')", ()),
        ("  const x = require('inside')", ()),
        ("const x = require(name)", ()),
        ("import x from 'esm'", ()),
        ("const x = require('a', 'b') || require('c')", ()),
        ("const x = require('a\")", ()),
        ("const " + "x" * 100_000 + " = require('long')", ()),
    ],
)
def test_what_a_node_script_requires_first(source: str, modules: tuple[str, ...]) -> None:
    assert modules_of("node", source, ["fs"]) == modules


def test_a_long_line_is_read_once() -> None:
    assert len(modules_of("python", "import " + "a" * 1_000_000, ())) == 1
    assert modules_of("python", "import " + "a, " * 300_000, ()) == ()
    assert modules_of("python", "from a import (\n" + "b,\n" * 300_000, ()) == ()
    assert modules_of("node", "/*" * 300_000, ()) == ()


@pytest.mark.parametrize(
    ("names", "late"),
    [
        ((), False),
        (("API_KEY", "STAGE", "DEBUGGER", "TZ_OF_SHOP", "LANGUAGES_WANTED"), False),
        *[((name,), True) for name in ("TZ", "tz", "LANG", "LC_ALL", "OMP_NUM_THREADS", "MPLBACKEND", "POLARS_SKIP")],
        (("API_KEY", "OPENBLAS_NUM_THREADS"), True),
    ],
)  # fmt: skip
def test_a_variable_that_packages_read_comes_too_late(names: tuple[str, ...], late: bool) -> None:
    assert is_told_late(dict.fromkeys(names, "x")) is late


def test_the_command_says_nothing_of_a_job() -> None:
    start = warm_start("python", "scripts/it's.py", ("json", "sys"), prepared=True)
    exported = [line.partition("=")[0].removeprefix("export ") for line in start.splitlines() if "export " in line]
    assert not [name for name in exported if name.startswith(("SANDBOX_", "SKILL_"))]
    assert start.endswith("""exec python3 '/sandbox/scripts/scripts/it'"'"'s.py'""")
    assert 'main(["json", "sys"])' in start
    assert warm_start("python", "a.py", (), prepared=False) != warm_start("python", "b.py", (), prepared=False)


def test_a_job_says_what_the_start_script_says() -> None:
    how = Invocation(args=("a b", "é"), stdin="x", result_file="new/a.json", printed=True, own_folder=True)
    assert json.loads(warm_job({"A": "\udcff", "PYTHONPATH": "/x:/y"}, "deep/main.py", how)) == {
        "env": {"A": "\udcff", "PYTHONPATH": "/x:/y"},
        "args": ["a b", "é"],
        "cwd": "/sandbox/scripts",
        "own": "/sandbox/scripts/deep",
        "search": ["/x", "/y"],
        "stdin": "/sandbox/.stdin",
        "stdout": "/sandbox/.pipe",
        "folders": ["/sandbox/scripts/new"],
    }
    plain = json.loads(warm_job({}, "main.py", PLAIN))
    assert (plain["args"], plain["cwd"], plain["search"], plain["folders"]) == ([], "/sandbox", [], [])
    assert (plain["stdin"], plain["stdout"]) == (None, None)


def frame(text: str, stream: int = 2) -> bytes:
    data = text.encode()
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def test_that_it_is_ready_is_no_line_of_the_skills() -> None:
    stream = frame("\n\x1eskillbox - ready\n\n\x1eskillbox tok started\n\nmine\n")
    assert list(LineReader("tok", waited=True).feed(stream)) == [
        Announcement("started", {}),
        Line("stderr", ""),
        Line("stderr", "mine"),
    ]
    assert Announcement("ready", {}) in list(LineReader(NOBODY).feed(stream))
    assert list(LineReader("tok", waited=True).feed(frame("\x1eskillbox - ready\n", 1))) == [
        Line("stdout", "\x1eskillbox - ready")
    ]
