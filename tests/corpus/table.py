"""The corpus: small skills in the shapes that public ones have, how each is called, and what is right."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent
SKILLS = CORPUS / "skills"
_NOTHING = "NOTHING"
"""How the table writes null, for which TOML has no word."""


@dataclass(frozen=True)
class Case:
    """One call of the table.

    Attributes:
        call: The fields of the call that it names, the script among them.
        output: What is right; `has_output` says whether there is one.
        left: Files that must be left, with their text, or True for any contents.
        failed: Reason of the failure that is right; empty for a success.
        needs: What a machine may lack: `index`, or nothing.
    """

    id: str
    skill: str
    call: Mapping[str, Any]
    input: Any = None
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    output: Any = None
    has_output: bool = False
    left: Mapping[str, str | bool] = field(default_factory=dict)
    exit_code: int = 0
    failed: str = ""
    needs: str = ""

    @property
    def name(self) -> str:
        """The skill's name once it is stored: a slug."""
        return self.skill.lower()

    @property
    def folder(self) -> Path:
        return SKILLS / self.skill


_CALL = ("script", "args", "stdin", "ok_exit_codes", "result", "edit")


def cases() -> list[Case]:
    """The calls of the table, in its order."""
    entries = tomllib.loads((CORPUS / "calls.toml").read_text("utf-8"))["call"]
    return [_case(number, dict(entry)) for number, entry in enumerate(entries, 1)]


def _case(number: int, entry: dict[str, Any]) -> Case:
    call = {name: entry.pop(name) for name in _CALL if name in entry}
    given = {"has_output": True, "output": _null(entry.pop("output"))} if "output" in entry else {}
    return Case(f"{number:02}-{entry['skill']}", call=call, **given, **entry)


def _null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _null(item) for name, item in value.items()}
    return None if value == _NOTHING else value
