"""A file that a skill says it takes or leaves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DeclaredFile:
    """One item of `input_files` or `output_files`.

    Attributes:
        name: A path below `/sandbox/in/files/` or `/sandbox/out/files/`, or a pattern such as `*.csv`.
        required: One file of the name at least must be there.
        media_type: `TYPE/SUBTYPE` in small letters; empty where the skill doesn't say.
        description: For people; may be empty.
    """

    name: str
    required: bool = True
    media_type: str = ""
    description: str = ""

    @property
    def is_pattern(self) -> bool:
        """Whether it may stand for several files."""
        return any(char in self.name for char in "*?[")
