"""A new skill's folder: small, complete, and running as it is."""

from __future__ import annotations

from pathlib import Path

from skillbox_core.base.names import check_skill
from skillbox_core.errors import InvalidRequestError

_SKILL_MD = """\
---
name: {name}
version: 1.0.0
description: {summary} Say here what the skill does and when to use it.
lang: {lang}
timeout: 30s
resources:
  cpu: "0.5"
  memory: 128Mi
{schemas}---

# {name}

## Input

{input}

## Output

{output}

## Example

`{{"name": "Ada"}}`
"""

_GREETS = ("`name`, a text.", '`{"greeting": "Hello, Ada!"}`, and the same in the file `greeting.txt`.')
_MEASURES = ("Any JSON.", '`{"bytes": 16}`, the size of the input, and a copy of it in the file `copy.json`.')

_GREETS_SCHEMAS = """\
input_schema:
  type: object
  required: [name]
  properties:
    name: {type: string, minLength: 1, description: Whom to greet.}
output_schema:
  type: object
  required: [greeting]
  properties:
    greeting: {type: string}
"""
_MAIN_PY = '''\
"""Greets someone by name."""

import json
import os
import sys
from pathlib import Path

input_file = Path(os.environ.get("SANDBOX_INPUT_FILE") or "/sandbox/input.json")
output_file = Path(os.environ.get("SANDBOX_OUTPUT") or "/sandbox/out/output.json")
files_dir = Path(os.environ.get("SANDBOX_FILES_DIR") or "/sandbox/out/files")

request = json.loads(input_file.read_text(encoding="utf-8"))
name = request.get("name") if isinstance(request, dict) else None
if not isinstance(name, str) or not name:
    sys.exit('"name" must be a text that is not empty')  # the message goes to stderr, the exit code is 1

# What is printed becomes the log.
print(f"greeting {name}")
greeting = f"Hello, {name}!"

# Files left in this folder are kept with the execution.
files_dir.mkdir(parents=True, exist_ok=True)
(files_dir / "greeting.txt").write_text(greeting + "\\n", encoding="utf-8")

# The result: one JSON value.
output_file.write_text(json.dumps({"greeting": greeting}), encoding="utf-8")
'''

_MAIN_JS = """\
// Greets someone by name.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const inputFile = process.env.SANDBOX_INPUT_FILE || "/sandbox/input.json";
const outputFile = process.env.SANDBOX_OUTPUT || "/sandbox/out/output.json";
const filesDir = process.env.SANDBOX_FILES_DIR || "/sandbox/out/files";

const name = JSON.parse(fs.readFileSync(inputFile, "utf8"))?.name;
if (typeof name !== "string" || name === "") {
  console.error('"name" must be a text that is not empty');
  process.exit(1);
}

// What is printed becomes the log.
console.log(`greeting ${name}`);
const greeting = `Hello, ${name}!`;

// Files left in this folder are kept with the execution.
fs.mkdirSync(filesDir, { recursive: true });
fs.writeFileSync(path.join(filesDir, "greeting.txt"), greeting + "\\n");

// The result: one JSON value.
fs.writeFileSync(outputFile, JSON.stringify({ greeting }));
"""

_MAIN_SH = """\
#!/usr/bin/env bash
# Measures its input. Small images have no JSON tools, so this takes the input as it is.
set -eu

input_file="${SANDBOX_INPUT_FILE:-/sandbox/input.json}"
output_file="${SANDBOX_OUTPUT:-/sandbox/out/output.json}"
files_dir="${SANDBOX_FILES_DIR:-/sandbox/out/files}"

if [ ! -r "$input_file" ]; then
  echo "there is no input to read" >&2
  exit 1
fi

# What is printed becomes the log.
bytes="$(($(wc -c < "$input_file")))"
echo "the input has $bytes bytes"

# Files left in this folder are kept with the execution.
mkdir -p "$files_dir"
cat "$input_file" > "$files_dir/copy.json"

# The result: one JSON value.
printf '{"bytes": %s}\\n' "$bytes" > "$output_file"
"""

_LANGS = {
    "python": ("main.py", _MAIN_PY, "Greets someone by name.", _GREETS, _GREETS_SCHEMAS),
    "node": ("main.js", _MAIN_JS, "Greets someone by name.", _GREETS, _GREETS_SCHEMAS),
    "bash": ("main.sh", _MAIN_SH, "Measures its input.", _MEASURES, ""),
}

_NEVER = "choose a new folder; existing files are never overwritten"
_INPUT_JSON = '{"name": "Ada"}\n'


def scaffold(target: Path, name: str, lang: str) -> list[Path]:
    """Writes a new skill that can be run, tested and pushed as it is.

    Args:
        target: The skill's folder; made if it does not exist, and must be empty if it does.
        name: The skill's name.
        lang: `python`, `node` or `bash`.

    Returns:
        The files written: SKILL.md, the entrypoint and a sample `input.json`.

    Raises:
        InvalidRequestError: The name or language is not valid, or the folder can't take the files.
    """
    check_skill(name)
    if lang not in _LANGS:
        raise InvalidRequestError(f'lang "{lang}" is not supported', hint=f"one of {', '.join(_LANGS)}")
    entrypoint, program, summary, (given, answered), schemas = _LANGS[lang]
    contents = {
        "SKILL.md": _SKILL_MD.format(
            name=name, lang=lang, summary=summary, schemas=schemas, input=given, output=answered
        ),
        entrypoint: program,
        "input.json": _INPUT_JSON,
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise InvalidRequestError(f'folder "{target}" is not empty', hint=_NEVER)
        for file, text in contents.items():
            # "x" refuses a file that appeared since the check.
            with (target / file).open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
    except FileExistsError as error:
        raise InvalidRequestError(f'"{error.filename}" already exists', hint=_NEVER) from None
    except OSError as error:
        raise InvalidRequestError(
            f'folder "{target}" can\'t be written: {error.strerror}', hint="choose a folder you may write to"
        ) from None
    return [target / file for file in contents]
