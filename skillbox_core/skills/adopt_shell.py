"""How a shell script is called, as far as its text tells: `$1`, `"$@"`, standard input. Pure."""

from __future__ import annotations

import re
from typing import Literal

from skillbox_core.skills.adopt_getopt import options
from skillbox_core.skills.adopt_reading import Argument, Reading, Usage, Use
from skillbox_core.skills.adopt_uses import decide

_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#(?![!{]).*$")
_QUOTED = re.compile(r"'[^'\n]*'")
_FUNCTION = re.compile(r"(?ms)^\s*(?:function\s+)?[A-Za-z_][\w-]*\s*\(\)\s*\{\s*$.*?^\}")
_POSITION = re.compile(r"\$\{?#?([1-9])(:?[-=+?])?")
_ARITHMETIC = re.compile(r"\(\(.*?\)\)")
_ALL = re.compile(r"\$[@*]|\$\{[@*]|(?m:^|;)\s*for\s+(\w+)\s*;\s*do|(?m:^|;)\s*for\s+(\w+)\s*(?:\n|;)\s*do")
_EACH = re.compile(r"""for\s+(\w+)\s*(?:;|\n|in\s+"?\$@"?)""")
_NAMED = re.compile(r"""(?m)^\s*(?:local\s+|readonly\s+)?([A-Za-z_]\w*)=["']?\$\{?([1-9])\b""")
_STDIN = re.compile(r"/dev/stdin|\$\(\s*cat\s*\)|\bcat\s+-(?:\s|$)|(?m:^)\s*cat\s*(?:\||$)")
_TOOLS = frozenset(
    {"git", "jq", "pdftotext", "pdftoppm", "pdfinfo", "pandoc", "ffmpeg", "ffprobe", "convert", "magick", "gs", "curl"}
)
_GETOPTS = re.compile(r"""\bgetopts\s+["']?:?([A-Za-z0-9:]+)["']?\s""")
_TOOL = re.compile(r"(?m)^([a-z][a-z0-9]+)\s")


def read_shell(text: str) -> Reading:
    """What a shell script says of itself, its functions apart: those have arguments of their own."""
    plain = _FUNCTION.sub("", _COMMENT.sub("", text))
    found: dict[int, bool] = {}
    for one in _POSITION.finditer(_QUOTED.sub("''", plain)):
        needed = one[2] is None or "?" in one[2]
        number = int(one[1])
        found[number] = found.get(number, False) or needed
    # What stands behind one that is left out would take its place.
    last = max((number for number, needed in found.items() if needed), default=0)
    names = {int(number): name for name, number in _NAMED.findall(plain)}
    arguments = [
        _argument(
            names.get(number, f"argument{number}"),
            _words(number, names.get(number)),
            plain,
            number <= last or found.get(number, True),
        )
        for number in range(1, max(found, default=0) + 1)
    ]
    if not found and (_ALL.search(plain)):
        each = _EACH.search(plain)
        name = each[1] if each else "values"
        arguments = [_argument(name, f"(?:{name}|@)", plain, required=True, several=True)]
    spec = _GETOPTS.search(plain)
    arguments = [*(options(spec[1]) if spec else ()), *arguments]
    unread = "getopts" in plain and not spec
    doubts = ["it reads options by getopts, and all of those are left out"] if unread else []
    needs = tuple(sorted({one for one in _TOOL.findall(plain) if one in _TOOLS}))
    stdin: Literal["", "text"] = "text" if _STDIN.search(plain) else ""
    return Reading((Usage(tuple(arguments)),), stdin=stdin, needs=needs, doubts=tuple(doubts))


def _words(number: int, name: str | None) -> str:
    return f"(?:{number}|{re.escape(name)})" if name else f"{number}"


def _argument(name: str, held: str, text: str, required: bool, *, several: bool = False) -> Argument:
    text = _ARITHMETIC.sub("", text)
    value = rf'"?\$\{{?{held}\}}?"?'
    uses: dict[Use, str] = {
        "write": rf"(?<![0-9<])>>?\s*{value}",
        "read": rf"(?<!<)<\s*{value}|\b(?:cat|head|tail|wc(?: -\w)?|sort|grep \S+|jq \S+)\s+{value}|-[fs]\s+{value}",
        "folder": rf"-d\s+{value}|\b(?:ls|find|cd)\s+{value}",
    }
    use = next((use for use, pattern in uses.items() if re.search(pattern, text)), None)
    return decide(
        Argument(name.lower(), required=required, several=several, use=use or "value", binary=use == "write"), set()
    )
