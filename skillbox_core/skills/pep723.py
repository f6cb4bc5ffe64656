"""What a Python script says of itself in comments: PEP 723, https://peps.python.org/pep-0723. Pure."""

from __future__ import annotations

import tomllib
from typing import Any

from skillbox_core.errors import InvalidSkillError

BEGIN, _END = "# /// script", "# ///"


def script_block(script: str, path: str) -> dict[str, Any] | None:
    """The table of a script's `# /// script` block; None where it has none.

    Args:
        script: The text of the script.
        path: Its path inside the skill, for messages.

    Raises:
        InvalidSkillError: There are two, one has no end, or it is no TOML.
    """
    lines = script.splitlines()
    begins = [number for number, line in enumerate(lines) if line == BEGIN]
    if not begins:
        return None
    begin = begins[0]
    end = begin + 1
    while end < len(lines) and (lines[end] == "#" or lines[end].startswith("# ")):
        end += 1
    # As the PEP's own expression does: the last such line of the comment ends the block.
    closing = [number for number in range(begin + 1, end) if lines[number] == _END]
    if not closing:
        raise InvalidSkillError(
            f"{path}, line {begin + 1}: the `{BEGIN}` block has no end", hint=f"a line `{_END}` ends it"
        )
    if any(number > closing[-1] for number in begins):
        raise InvalidSkillError(f"{path} has more than one `{BEGIN}` block")
    text = "\n".join(line[2:] for line in lines[begin + 1 : closing[-1]])
    return parse_toml(text, f"{path}, its `{BEGIN}` block")


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """A TOML document of a stranger's.

    Raises:
        InvalidSkillError: It is none.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        raise InvalidSkillError(f"{where} can't be read: {reason}") from None
