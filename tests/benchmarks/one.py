"""Measures one part in this process, and writes it as JSON.

python -m tests.benchmarks.one NAME TURNS FILE [--quick]
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import traceback
from pathlib import Path

from tests.benchmarks.ground import Scale
from tests.benchmarks.parts import PARTS
from tests.benchmarks.report import Part, part_document


def main() -> None:
    """What goes wrong fails the part, which keeps what it has measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(PARTS))
    parser.add_argument("turns", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    part = Part(asked.name, say=lambda line: print(line, flush=True))
    try:
        importlib.import_module(f"tests.benchmarks.{PARTS[asked.name]}").measure(Scale(asked.turns, asked.quick), part)
    except Exception as error:
        traceback.print_exc()
        part.fail(f"{type(error).__name__}: {error}")
    asked.file.write_text(json.dumps(part_document(part)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
