"""How a shell script is called, as far as its text tells: `$1`, `"$@"`, standard input. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from skillbox_core.skills.adopt_getopt import options
from skillbox_core.skills.adopt_reading import Argument, Reading, Usage, Use
from skillbox_core.skills.adopt_uses import decide

_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#(?![!{]).*$")
_QUOTED = re.compile(r"'[^'\n]*'")
_FUNCTION = re.compile(r"(?ms)^\s*(?:function\s+)?[A-Za-z_][\w-]*\s*\(\)\s*\{\s*$.*?^\}")
_HANDED = re.compile(r"""(?m)^\s*([A-Za-z_][\w-]*)\s+["']?\$@""")
_LOOP = re.compile(r"""(?ms)^([ \t]*)(?:while|for\s+\w+\s+in)\b[^\n]*$.*?^\1done\b""")
_BRANCH = re.compile(r"(?ms)^\s*\(?((?:-{1,2}[\w-]+(?:=\*)?\s*\|?\s*)+|\*)\)(.*?);;")
_TAKEN = re.compile(r"""([A-Za-z_]\w*)\+?=\(?["']?\$\{?([12])\b""")
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
    own = _own(_COMMENT.sub("", text))
    spec = _GETOPTS.search(own)
    plain, taken = _options(own)
    found: dict[int, bool] = {}
    for one in _POSITION.finditer(_QUOTED.sub("''", plain)):
        needed = one[2] is None or "?" in one[2]
        number = int(one[1])
        found[number] = found.get(number, False) or needed
    names = {int(number): name for name, number in _NAMED.findall(plain)}
    # What stands behind one that is left out would take its place.
    insisted = (number for number, needed in found.items() if needed or _insists(names.get(number), plain))
    last = max(insisted, default=0)
    arguments = [
        _argument(
            names.get(number, f"argument{number}"), _words(number, names.get(number)), plain, required=number <= last
        )
        for number in range(1, max(found, default=0) + 1)
    ]
    if not found and not taken and (_ALL.search(plain)):
        each = _EACH.search(plain)
        name = each[1] if each else "values"
        arguments = [_argument(name, f"(?:{name}|@)", plain, required=True, several=True)]
    arguments = [*(options(spec[1]) if spec else ()), *arguments]
    unread = "getopts" in own and not spec
    doubts = ["it reads options by getopts, and all of those are left out"] if unread else []
    needs = tuple(sorted({one for one in _TOOL.findall(plain) if one in _TOOLS}))
    stdin: Literal["", "text"] = "text" if _STDIN.search(plain) else ""
    arguments += [one for one in taken if not (one.flag == "" and found)]
    return Reading((Usage(tuple(arguments)),), stdin=stdin, needs=needs, doubts=tuple(doubts))


def _own(text: str) -> str:
    """What the script does with its own arguments: without its functions, but those that are handed all of them."""
    kept = set(_HANDED.findall(_FUNCTION.sub("", text)))

    def body(found: re.Match[str]) -> str:
        name = re.match(r"\s*(?:function\s+)?([\w-]+)", found[0])
        return found[0].partition("{")[2] if name and name[1] in kept else ""

    return _FUNCTION.sub(body, text)


def _options(text: str) -> tuple[str, list[Argument]]:
    """The text without the loop that takes options apart, and what that takes."""
    options: dict[str, Argument] = {}

    def loop(found: re.Match[str]) -> str:
        branches = _BRANCH.findall(found[0]) if re.search(r"\bcase\b", found[0]) else []
        for words, body in branches:
            flags = [flag.strip().removesuffix("=*") for flag in words.split("|") if flag.strip() != "*"]
            taken = _TAKEN.search(body)
            if flags and not {"-h", "--help"} & set(flags):
                flag = next((one for one in flags if one.startswith("--")), flags[0])
                # Its value: the next argument, or what stands behind the sign.
                behind = taken and (taken[2] == "2" or re.search(r"\bshift\b", body[: taken.start()]))
                own = taken[1] if taken and (behind or "=*" in words) else ""
                name = (own or flag.lstrip("-")).lower().replace("-", "_")
                switch, apart = not own and "=*" not in words, "=*" not in words
                # One word may have a branch for each of the two ways.
                options.setdefault(flag, Argument(name, flag, switch=switch, apart=apart))
            elif not flags and taken and taken[2] == "1":
                options.setdefault(taken[1], Argument(taken[1].lower(), several="+=" in body))
        return "" if branches else found[0]

    rest = _LOOP.sub(loop, text)
    return rest, [_argument_of(one, rest) for one in options.values()]


def _argument_of(option: Argument, text: str) -> Argument:
    needed = not option.switch and any(_insists(name, text) for name in (option.name, option.name.upper()))
    made = _argument(option.name, f"(?:{option.name}|{option.name.upper()})", text, needed, several=option.several)
    return option if option.switch else replace(made, flag=option.flag, apart=option.apart)


def _insists(name: str | None, text: str) -> bool:
    """Whether the script ends where a variable is empty."""
    if not name:
        return False
    test = (
        rf"""(?s)-z\s+["']?\$\{{?{re.escape(name)}(?::-)?\}}?["']?.*?(?:\bthen\b|&&|\{{)(.*?)(?:\bfi\b|\n\n|\}}|\Z)"""
    )
    return any(re.search(r"\bexit [1-9]|\busage\b|\bdie\b", one) for one in re.findall(test, text))


def _words(number: int, name: str | None) -> str:
    return f"(?:{number}|{re.escape(name)})" if name else f"{number}"


def _argument(name: str, held: str, text: str, required: bool, *, several: bool = False) -> Argument:
    text = _ARITHMETIC.sub("", text)
    value = rf'"?\$\{{?{held}\}}?"?'
    uses: dict[Use, str] = {
        "write": rf"(?<![0-9<])>>?\s*{value}",
        "read": rf"(?<!<)<\s*{value}|\b(?:cat|head|tail|wc(?: -\w)?|sort|grep \S+|jq \S+)\s+{value}|-[fse]\s+{value}",
        "folder": rf"-d\s+{value}|\b(?:ls|find|cd)\s+{value}|\$\{{?{held}\}}?/",
    }
    use = next((use for use, pattern in uses.items() if re.search(pattern, text)), None)
    return decide(
        Argument(name.lower(), required=required, several=several, use=use or "value", binary=use == "write"), set()
    )
