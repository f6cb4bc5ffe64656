"""`skillbox setup`, and how findings are shown."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from skillbox_core.base.text import harmless
from skillbox_core.cli.output import EXIT_INFRASTRUCTURE, note

if TYPE_CHECKING:
    from skillbox_core.operations.engine_checks import Check


def show(checks: Iterable[Check]) -> list[Check]:
    """Prints findings as they come, and returns them."""
    found = []
    for check in checks:
        found.append(check)
        print(harmless(f"{check.level:<4}  {check.part:<22} {check.found}"))
        if check.advice:
            print(harmless(f"{'':<28} -> {check.advice}"))
        sys.stdout.flush()
    return found


def set_up_installation(folder: Path | None) -> int:
    """Makes an installation, and returns the exit code."""
    from skillbox_core.operations.host_system import this_system
    from skillbox_core.operations.set_up import chosen_home, set_up

    home = chosen_home(folder)
    checks = show(set_up(home, this_system()))
    note(f"next, in each new shell: set -a; . {shlex.quote(str(home / '.env'))}; set +a")
    if any(check.level == "FAIL" for check in checks):
        return EXIT_INFRASTRUCTURE
    note("then: skillbox doctor; skillbox init my-skill && skillbox skill push my-skill && skillbox run my-skill")
    return 0
