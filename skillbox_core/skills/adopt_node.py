"""How a Node script is called, as far as its text tells: `process.argv`, commander, standard input. Pure."""

from __future__ import annotations

import re
from typing import Literal

from skillbox_core.skills.adopt_reading import Argument, Reading, Usage, Use
from skillbox_core.skills.adopt_uses import decide

_COMMENTS = re.compile(r"(?s:/\*.*?\*/)|(?m:^\s*//.*$)")
_SLICE = re.compile(r"process\.argv\.slice\(\s*2\s*\)")
_ALIAS = re.compile(r"(?:const|let|var)\s+(\w+)\s*=\s*process\.argv(\.slice\(\s*2\s*\))?\s*;?")
_UNPACKED = re.compile(r"(?:const|let|var)\s+\[([^\]]*)\]\s*=\s*process\.argv(\.slice\(\s*2\s*\))?")
_ASSIGNED = re.compile(r"(?:const|let|var)\s+(\w+)\s*=\s*(?:\w+(?:\.\w+)*\()*\s*$")
_STDIN = re.compile(r"process\.stdin(?!\.isTTY)|readFileSync\(\s*(?:0|[\"']/dev/stdin[\"'])")
_PRINT = re.compile(r"console\.(?:log|info)\(|process\.stdout\.write\(")
_PRINTS_JSON = re.compile(r"(?:console\.log|process\.stdout\.write)\(\s*JSON\.stringify\(")
_MODULE = re.compile(r"(?m)^\s*(?:module\.)?exports\b|^\s*export\s")
_COMMANDER = re.compile(
    r"\.(argument|requiredOption|option)\(\s*[\"'`]([^\"'`]*)[\"'`](?:\s*,\s*[\"'`]([^\"'`]*)[\"'`])?"
)
_FLAG = re.compile(r"--[A-Za-z][\w-]*")
_SHORT = re.compile(r"-[A-Za-z]")
_MOST = 20


def read_node(text: str) -> Reading:
    """What a Node script says of itself."""
    plain = _COMMENTS.sub("", text)
    arguments, doubts = _arguments(plain)
    stdin: Literal["", "text"] = "text" if _STDIN.search(plain) else ""
    prints = len(_PRINT.findall(plain))
    if not arguments and not prints and not stdin and _MODULE.search(plain):
        return Reading(doubts=("a module for others to import: it does nothing by itself",))
    documents = len(_PRINTS_JSON.findall(plain))
    looped = re.search(r"\b(?:for|while)\s*\(|\.forEach\(", plain)
    result = "json" if documents and documents == prints and not looped else "auto"
    return Reading((Usage(tuple(arguments)),), stdin=stdin, result=result, doubts=tuple(doubts))


def _arguments(text: str) -> tuple[list[Argument], list[str]]:
    if re.search(r"""['"]commander['"]""", text):
        doubts = ["it has subcommands of commander, which are not followed"] if ".command(" in text else []
        return [one for kind, spec, said in _COMMANDER.findall(text) if (one := _commander(kind, spec, said))], doubts
    doubts = [
        f"it reads options by {name}, and all of those are left out"
        for name in ("yargs", "minimist", "parseArgs")
        if re.search(rf"\b{name}\b", text)
    ]
    return _positions(text), doubts


def _commander(kind: str, spec: str, said: str) -> Argument | None:
    if kind == "argument":
        name = spec.strip("<>[].").replace("-", "_")
        return (
            decide(Argument(name, required=spec.startswith("<"), several="..." in spec, help=said), set())
            if name
            else None
        )
    flag = _FLAG.search(spec) or _SHORT.search(spec)
    if flag is None:
        return None
    name = flag[0].lstrip("-").replace("-", "_")
    switch, several = "<" not in spec and "[" not in spec, "..." in spec
    required = kind == "requiredOption"
    return decide(
        Argument(name, flag[0], required=required, switch=switch, several=several, each=several, help=said), set()
    )


def _positions(text: str) -> list[Argument]:
    found: dict[int, tuple[str, bool]] = {}
    rest: tuple[int, str] | None = None
    ways = [(r"process\.argv", 2), *((rf"\b{name}", 0 if cut else 2) for name, cut in _ALIAS.findall(text))]
    for array, first in ways:
        for one in re.finditer(rf"{array}\[\s*(\d{{1,2}})\s*\](\s*(?:\|\||\?\?|\?[^.]))?", text):
            position = int(one[1]) - first + 1
            if 1 <= position <= _MOST:
                named = _ASSIGNED.search(text, max(0, one.start() - 120), one.start())
                name, needed = found.get(position, ("", False))
                found[position] = (name or (named[1] if named else ""), needed or not one[2])
        if first == 0 and re.search(
            rf"{array}\.(?:map|forEach|join|filter|reduce)\(|of\s+{array}\b|\.\.\.{array}\b", text
        ):
            rest = (1, "values")
    if re.search(_SLICE.pattern + r"\s*(?:\.(?:map|forEach|join|filter|reduce)\(|\))", text):
        rest = (1, "values")
    for names, cut in _UNPACKED.findall(text):
        for index, name in enumerate(part.strip() for part in names.split(",")):
            position = index + 1 if cut else index - 1
            plain = name.partition("=")[0].strip()
            if position >= 1 and plain.startswith("..."):
                rest = (position, plain[3:])
            elif position >= 1 and plain:
                found[position] = (plain, "=" not in name)
    # What stands behind one that is left out would take its place.
    last = max((position for position, (_, needed) in found.items() if needed), default=0)
    told = {position: found.get(position, ("", True)) for position in range(1, max(found, default=0) + 1)}
    made = [_argument((name, needed or position < last), position, text) for position, (name, needed) in told.items()]
    return [*made, Argument(rest[1], several=True)] if rest else made


def _argument(told: tuple[str, bool], position: int, text: str) -> Argument:
    name, required = told
    held = rf"(?:process\.argv\[\s*{position + 1}\s*\]" + (rf"|\b{re.escape(name)}\b)" if name else ")")
    uses: dict[Use, str] = {
        "write": rf"(?:writeFile|writeFileSync|createWriteStream)\(\s*{held}",
        "read": rf"(?:readFile|readFileSync|createReadStream|statSync|existsSync)\(\s*{held}",
        "folder": rf"(?:readdir|readdirSync)\(\s*{held}",
    }
    use = next((use for use, pattern in uses.items() if re.search(pattern, text)), None)
    return decide(Argument(name or f"argument{position}", required=required, use=use or "value"), set())
