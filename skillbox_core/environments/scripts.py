"""Console scripts, written anew: what an installer writes begins with the path of the packager's own Python. Pure."""

from __future__ import annotations

import configparser
import re

from skillbox_core.base.paths import path_problem

SHEBANG = b"#!/usr/bin/env python3\n"
"""The image's Python, wherever that is; the sandbox's PATH finds it."""
_TARGET = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(?:\[.*\])?\Z", re.ASCII)
_NAME = re.compile(r"[\w.+ -]+\Z", re.ASCII)
_LONG = b"#!/bin/sh\n'''exec' "
"""How a script begins whose interpreter's path is too long for a kernel, or has a space in it."""
_MAX = 1024 * 1024


def console_scripts(entry_points: bytes) -> dict[str, bytes]:
    """The scripts that a package's `entry_points.txt` asks for, by name.

    What is no name of a file, or no function of a module, is left out.
    """
    if len(entry_points) > _MAX:
        return {}
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(entry_points.decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError):
        return {}
    found: dict[str, bytes] = {}
    for section in ("console_scripts", "gui_scripts"):
        for name, value in parser.items(section) if parser.has_section(section) else ():
            target = _TARGET.match(value.strip())
            if target and _NAME.match(name) and path_problem(name) is None:
                found[name] = _script(target[1], target[2])
    return found


def _script(module: str, function: str) -> bytes:
    first = function.partition(".")[0]
    return SHEBANG + f"import sys\nfrom {module} import {first}\nsys.exit({function}())\n".encode()


def with_own_interpreter(script: bytes, interpreter: str) -> bytes:
    """A script of a package's own, whose first line was made that of the packager.

    Args:
        interpreter: The path of the Python that the installer knew.
    """
    if script.startswith(_LONG) and interpreter.encode() in script[:4096]:
        end = script.find(b"\n' '''\n")
        return SHEBANG + script[end + len(b"\n' '''\n") :] if end >= 0 else script
    line, newline, rest = script.partition(b"\n")
    if line.startswith(b"#!") and interpreter.encode() in line:
        return SHEBANG + rest if newline else SHEBANG
    return script
