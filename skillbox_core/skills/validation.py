"""Checks by a skill's schemas, made in helper processes that can be ended."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

from skillbox_core.base.helper import Helper, Turns
from skillbox_core.base.quantities import format_bytes

CPU_SECONDS = 20
"""Processor time for one check. An honest schema takes about 0.7 s for each MB of small objects; a skill may use
more than this in its sandbox anyway."""
MEMORY = 1024 * 1024 * 1024
PATIENCE = 120.0
"""Seconds without an answer before a helper is given up: a backstop, its limits end it sooner."""
_SPARE = 2
_AT_ONCE = 4
"""Helpers: each may take `MEMORY`, and a mapped task may ask hundreds of questions at once."""
_PROGRAM = Path(__file__).with_name("validation_process.py")


def find_breach(schema: str, document: str) -> str | None:
    """Where a document breaks a schema, and which rule; None when it fits.

    Args:
        schema, document: JSON texts.

    Raises:
        InfrastructureError: The helper could not be started, or was ended by somebody else.
    """
    return _ask(schema.encode(), document.encode(errors="surrogatepass"))


@lru_cache(maxsize=256)
def find_schema_problem(schema: str) -> str | None:
    """What keeps a JSON text from being a JSON Schema; None for a valid one. Raises as `find_breach`."""
    return _ask(schema.encode(), b"")


def _ask(schema: bytes, document: bytes) -> str | None:
    with _turns:
        try:
            helper = _idle.pop()
        except IndexError:
            helper = Helper("the schema check", _PROGRAM, [str(CPU_SECONDS)], memory=MEMORY, patience=PATIENCE)
        answer = helper.ask(b"%d %d\n%b%b" % (len(schema), len(document), schema, document))
        if helper.usable and len(_idle) < _SPARE:
            _idle.append(helper)
        else:
            helper.end()
    if answer is None:
        return f"checking takes over {CPU_SECONDS} s of processor time or {format_bytes(MEMORY)} of memory"
    return str(said) if (said := json.loads(answer)) is not None else None


_idle: list[Helper] = []
_turns = Turns(_AT_ONCE)
# Two processes must not talk to one helper.
os.register_at_fork(after_in_child=_idle.clear)
