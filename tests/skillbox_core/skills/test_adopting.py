"""Drafts of overlays: how scripts of each kind are read, what is left out and why, and that nothing of them runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skillbox_core.base.placeholders import Element
from skillbox_core.skills.adopt import MAX_SCRIPT, Draft, adopt
from skillbox_core.skills.overlay import MAX_ENTRYPOINTS, EntryPoint, parse_overlay
from skillbox_core.skills.package import package

ARGPARSE = "import argparse\np = argparse.ArgumentParser()\n"
AT = ARGPARSE + "p.add_argument('x')\na = p.parse_args()\n"
CLICK = "import click\n@click.command()\n"
TYPER = "import typer\nfrom pathlib import Path\n"
ARGV = "import sys\n"
PEP_723 = "# /// script\n# dependencies = ['numpy']\n# ///\n"
LOOP = """at="$1"; shift
while [[ $# -gt 0 ]]; do
  case "$1" in
    --to) TO="$2"; shift 2 ;;
    -q|--quiet) Q=1; shift ;;
    -h) exit ;;
  esac
done
"""


def draft_of(folder: Path, **scripts: str | bytes) -> Draft:
    """The draft for a skill with these scripts, whose names have `_` for the dot."""
    skill = folder / "some-skill"
    (skill / "scripts").mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: some-skill\ndescription: For a test.\n---\n")
    for name, text in scripts.items():
        path = skill / "scripts" / ".".join(name.rsplit("_", 1))
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return adopt(package(skill, folder / "skill.zip", 10**8, prepare=False))


def entry_of(folder: Path, **scripts: str) -> EntryPoint:
    """The only entrypoint, as the overlay's reader has it."""
    (entry,) = parse_overlay(draft_of(folder, **scripts).text.encode()).entrypoints.values()
    return entry


@pytest.mark.parametrize(
    ("script", "args"),
    [
        # argparse
        (ARGPARSE + "p.add_argument('name')\np.parse_args()", ["{input.name}"]),
        (ARGPARSE + "p.add_argument('-n', '--name', required=True)\np.parse_args()", ["--name={input.name}"]),
        (ARGPARSE + "p.add_argument('-n', required=True)\np.parse_args()", ["-n", "{input.n}"]),
        (ARGPARSE + "p.add_argument('--top', default=3)\np.parse_args()", ["--top={input.top?}"]),
        (ARGPARSE + "p.add_argument('-t')\np.parse_args()", [("-t", "{input.t?}")]),
        (ARGPARSE + "p.add_argument('--at', nargs=2)\np.parse_args()", [("--at", "{input.at.0?}", "{input.at.1?}")]),
        (ARGPARSE + "p.add_argument('--all', action='store_true')\np.parse_args()", ["{if input.all}--all"]),
        (ARGPARSE + "p.add_argument('--no-log', dest='log', action='store_false')\np.parse_args()",
         ["{if input.no_log}--no-log"]),
        (ARGPARSE + "p.add_argument('--color', action=argparse.BooleanOptionalAction, default=True)\np.parse_args()",
         ["{if input.no_color}--no-color"]),
        (ARGPARSE + "p.add_argument('-v', action='count')\np.parse_args()", ["{if input.v}-v"]),
        (ARGPARSE + "p.add_argument('--tag', action='append')\np.parse_args()", ["--tag={input.tag...?}"]),
        (ARGPARSE + "p.add_argument('-t', action='append')\np.parse_args()", ["-t{input.t...?}"]),
        (ARGPARSE + "p.add_argument('-tag', action='append')\np.parse_args()", ["-tag={input.tag...?}"]),
        (ARGPARSE + "p.add_argument('--ids', nargs='*')\np.add_argument('x')\np.parse_args()",
         ["{input.x}", ("--ids", "{input.ids...?}")]),
        (ARGPARSE + "p.add_argument('--ids', nargs='+', required=True)\np.parse_args()", [("--ids", "{input.ids...}")]),
        (ARGPARSE + "p.add_argument('x', nargs='?')\np.add_argument('y')\np.parse_args()",
         ["{input.x?}", "{input.y}"]),
        (ARGPARSE + "p.add_argument('x', nargs='*')\np.parse_args()", ["{input.x...?}"]),
        (ARGPARSE + "p.add_argument('x', nargs='+')\np.parse_args()", ["{input.x...}"]),
        (ARGPARSE + "p.add_argument('--pdf')\np.parse_args()", ["--pdf={file:pdf?}"]),
        (ARGPARSE + "p.add_argument('--pdfs', nargs='*')\np.parse_args()", [("--pdfs", "{files}")]),
        (ARGPARSE + "p.add_argument('--pdf', action='append')\np.parse_args()", ["--pdf={files}"]),
        (ARGPARSE + "p.add_argument('--output')\np.parse_args()", ["--output={out}/{input.output?}"]),
        (ARGPARSE + "p.add_argument('x', nargs=2)\np.parse_args()", ["{input.x.0}", "{input.x.1}"]),
        (ARGPARSE + "p.add_argument('--to', dest='goal', required=True)\np.parse_args()", ["--to={input.goal}"]),
        (ARGPARSE + "g = p.add_argument_group()\ng.add_argument('name')\np.parse_args()", ["{input.name}"]),
        (ARGPARSE + "def more(q):\n    q.add_argument('name')\nmore(p)\np.parse_args()", ["{input.name}"]),
        (ARGPARSE + "p.add_argument('x')\na = p.parse_args()\nopen(a.x)", ["{file:x}"]),
        (ARGPARSE + "p.add_argument('x', type=argparse.FileType('r'))\np.parse_args()", ["{file:x}"]),
        (ARGPARSE + "p.add_argument('x')\na = p.parse_args()\nopen(a.x, 'w').write('')", ["{out}/x.txt"]),
        (ARGPARSE + "p.add_argument('x')\ndef go(at):\n    open(at)\na = p.parse_args()\ngo(a.x)", ["{file:x}"]),
        (ARGPARSE + "p.add_argument('xs', nargs='+')\na = p.parse_args()\nfor x in a.xs:\n    open(x)", ["{files}"]),
        # what is done with a path
        (AT + "import zipfile\nzipfile.ZipFile(a.x, 'w')", ["{out}/x"]),
        (AT + "import tarfile\ntarfile.open(a.x, 'w:gz')", ["{out}/x"]),
        (AT + "import zipfile\nzipfile.ZipFile(a.x)", ["{file:x}"]),
        (AT + "import os\nos.makedirs(a.x, exist_ok=True)", ["{out}/x"]),
        (AT + "import zipfile\nzipfile.ZipFile('a.zip').extractall(a.x)", ["{out}/x"]),
        (AT + "from pathlib import Path\nat = Path(a.x) / 'b.txt'\nat.write_text('')", ["{out}"]),
        (AT + "import os\nopen(os.path.join(a.x, 'b.txt'), 'w')", ["{out}"]),
        (AT + "open(f'{a.x}/b.txt', 'w')", ["{out}"]),
        (AT + "def go(at: str):\n    for n in range(3):\n        open(f'{at}/{n}', 'w')\ngo(at=a.x)", ["{out}"]),
        (AT + "from pathlib import Path\nprint((Path(a.x) / 'b').read_text())", ["{file:x}"]),
        (AT + "from pathlib import Path\nat: Path = Path(a.x)\nat.read_text()", ["{file:x}"]),
        (AT + "at = a.x or 'b'\nopen(at)", ["{file:x}"]),
        (AT + "ats = [str(x) for x in [a.x]]\ndef go(at):\n    return at\nopen(go(a.x))", ["{file:x}"]),
        (AT + "class R:\n    def __init__(self, at):\n        self.at = at\n    def go(self):\n"
         "        open(self.at)\nR(a.x).go()", ["{file:x}"]),
        (AT + "p2 = argparse.ArgumentParser()\ndef load(at):\n    return open(at)\nload('b')\nload(a.x)", ["{file:x}"]),
        (AT + "from pathlib import Path\nat = Path(a.x)\nif at.suffix.lower() != '.html':\n    exit(2)\nat.read_text()",
         ["{file:x.html}"]),
        (AT + "OF = {'.b', '.a'}\nimport os\nending = os.path.splitext(a.x)[1]\nprint(ending in OF, open(a.x))",
         ["{file:x.a}"]),
        (AT + "from pathlib import Path\nat = Path(a.x)\nat.write_text(at.suffix != '.png')", ["{out}/x.png"]),
        (AT + "print(a.x.lower().endswith(('.pdf',)), open(a.x))", ["{file:x.pdf}"]),
        (ARGV + "at = sys.argv[1]\nprint(at.endswith('.pdf'), open(at))", ["{file:at.pdf}"]),
        (AT + "import xml.etree.ElementTree as ET\nET.parse(a.x)", ["{file:x}"]),
        (AT + "a.x.replace('b', 'c')\nprint(a.x)", ["{input.x}"]),
        (ARGPARSE + "p.add_argument('out_dir')\np.parse_args()", ["{out}"]),
        (ARGPARSE + "p.add_argument('output')\na = p.parse_args()\nimport os\nos.path.exists(a.output)",
         ["{out}/output.txt"]),
        (ARGPARSE + "p.add_argument('x')\np.add_argument('y')\na = p.parse_args()\ndef load(at):\n    open(at)\n"
         "load(a.x)\nload(a.y)", ["{file:x}", "{file:y}"]),
        (ARGPARSE + "p.add_argument('pdf')\np.parse_args()", ["{file:pdf}"]),
        (ARGPARSE + "p.add_argument('--output', required=True)\np.parse_args()", ["--output={out}/output.txt"]),
        (ARGPARSE + "p.add_argument('{x}')\np.parse_args()", ["{input.x}"]),
        (ARGPARSE + "for n in ('-a', 'b'):\n    p.add_argument(n, default=1)",
         [("-a", "{input.a?}"), "{input.b}"]),
        (ARGPARSE + "for n, m in [('a', 1)]:\n    p.add_argument(f'--{n}', required=True)", ["--a={input.a}"]),
        ("from other import BaseArgumentParser\nq = BaseArgumentParser()\nq.add_argument('x')", ["{input.x}"]),
        ("import argparse\nclass P(argparse.ArgumentParser): ...\nq = P()\nq.add_argument('x')", ["{input.x}"]),
        ("import argparse\ndef made():\n    p = argparse.ArgumentParser()\n    p.add_argument('at')\n    return p\n"
         "def main():\n    given = made().parse_args()\n    open(given.at)\nmain()", ["{file:at}"]),
        ("import argparse\nclass Do:\n    def __init__(self):\n        self.p = argparse.ArgumentParser()\n"
         "        self.p.add_argument('at')\n        self.args = self.p.parse_args()\n    def go(self):\n"
         "        open(self.args.at)\nDo().go()", ["{file:at}"]),
        (ARGPARSE + "q = argparse.ArgumentParser()\nq.add_argument('--why', required=True)\nq.parse_known_args()\n"
         "p.add_argument('x')\np.parse_args()", ["{input.x}"]),
        # click
        (CLICK + "@click.argument('name')\ndef f(name): ...\nf()", ["{input.name}"]),
        (CLICK + "@click.option('--name', required=True)\ndef f(name): ...\nf()", ["--name={input.name}"]),
        (CLICK + "@click.option('--name')\ndef f(name): ...\nf()", ["--name={input.name?}"]),
        (CLICK + "@click.option('-n', '--tag', multiple=True)\ndef f(tag): ...\nf()", ["--tag={input.tag...?}"]),
        (CLICK + "@click.option('--log', is_flag=True)\ndef f(log): ...\nf()", ["{if input.log}--log"]),
        (CLICK + "@click.option('--log/--no-log')\ndef f(log): ...\nf()", ["{if input.log}--log"]),
        (CLICK + "@click.option('--log/--no-log', default=True)\ndef f(log): ...\nf()", ["{if input.no_log}--no-log"]),
        (CLICK + "@click.option('--json', 'how', flag_value='json')\ndef f(how): ...\nf()", ["{if input.json}--json"]),
        (CLICK + "@click.argument('names', nargs=-1)\ndef f(names): ...\nf()", ["{input.names...?}"]),
        (CLICK + "@click.argument('name', required=False)\ndef f(name): ...\nf()", ["{input.name?}"]),
        (CLICK + "@click.argument('at', type=click.Path(exists=True))\ndef f(at): ...\nf()", ["{file:at}"]),
        (CLICK + "@click.argument('at', type=click.File('w'))\ndef f(at): ...\nf()", ["{out}/at.txt"]),
        (CLICK + "@click.argument('at')\ndef f(at):\n    open(at)\nf()", ["{file:at}"]),
        # typer
        (TYPER + "def f(name: str, n: int = 1): ...\ntyper.run(f)", ["--n={input.n?}", "{input.name}"]),
        (TYPER + "def f(on: bool | None = None): ...\ntyper.run(f)", ["{if input.on}--on"]),
        (TYPER + "def f(on: bool = True): ...\ntyper.run(f)", ["{if input.no_on}--no-on"]),
        (TYPER + "def f(names: list[str] = typer.Option([])): ...\ntyper.run(f)", ["--names={input.names...?}"]),
        (TYPER + "def f(name: str = typer.Option(...)): ...\ntyper.run(f)", ["--name={input.name}"]),
        (TYPER + "def f(at: Path = typer.Argument(..., exists=True)): ...\ntyper.run(f)", ["{file:at}"]),
        (TYPER + "a = typer.Typer()\n@a.command()\ndef f(name: str, on: bool = False): ...\na()",
         ["{if input.on}--on", "{input.name}"]),
        # sys.argv
        (ARGV + "print(sys.argv[1])", ["{input.argument1}"]),
        (ARGV + "name = sys.argv[1]\nprint(name)", ["{input.name}"]),
        (ARGV + "a, b = sys.argv[1:]\nprint(a, b)", ["{input.a}", "{input.b}"]),
        (ARGV + "print(sys.argv[1] if len(sys.argv) > 1 else 'x')", ["{input.argument1?}"]),
        (ARGV + "a = sys.argv[1] if len(sys.argv) > 1 else 'x'\nprint(a, sys.argv[2])",
         ["{input.a}", "{input.argument2}"]),
        (ARGV + "print(*sys.argv[1:])", ["{input.values...}"]),
        (ARGV + "import getopt\no, rest = getopt.getopt(sys.argv[1:], 'n:v', ['name=', 'all'])\nprint(*rest)",
         [("-n", "{input.n?}"), "{if input.v}-v", "--name={input.name?}", "{if input.all}--all",
          "{input.values...?}"]),
        (ARGV + "import getopt\no, rest = getopt.getopt(sys.argv[1:], 'o:')\nopen(rest[0])",
         [("-o", "{out}/{input.o?}"), "{file:argument1}"]),
        (ARGV + "import getopt\nprint(getopt.getopt(sys.argv[1:], OPTIONS))", []),
        (ARGV + "if len(sys.argv) < 2:\n    sys.exit('usage: x.py NAME')\nprint(sys.argv[1])", ["{input.name}"]),
        (ARGV + "def main(argv):\n    print(argv[0])\nmain(sys.argv[1:])", ["{input.argument1}"]),
        (ARGV + "for at in sys.argv[1:]:\n    open(at)", ["{files}"]),
        (ARGV + "def main(argv=None):\n    argv = sys.argv[1:] if argv is None else argv\n    print(argv[0])\nmain()",
         ["{input.argument1}"]),
        (ARGV + "def main(argv=None):\n    argv = list(argv or sys.argv[1:])\n    if len(argv) < 1:\n        return\n"
         "    open(argv[0])\nmain()", ["{file:argument1}"]),
        # what a script is said to be called with
        (ARGV + "print('''Its usage: one may say that it\nis by many or few.''', *sys.argv[1:])",
         ["{input.values...}"]),
        (ARGV + "if len(sys.argv) != 3:\n    sys.exit('Usage: x.py [first name] <second.txt>')\nprint(sys.argv[1:3])",
         ["{input.first_name}", "{input.second}"]),
        (ARGV + "if not sys.argv[1:]:\n    sys.exit(f'usage: {sys.argv[0]} X')\nprint(sys.argv[1])", ["{input.x}"]),
    ],
)  # fmt: skip
def test_a_python_script_is_given_what_it_takes(script: str, args: list[Element], tmp_path: Path) -> None:
    assert list(entry_of(tmp_path, do_py=script).call.args) == args


@pytest.mark.parametrize(
    ("name", "script", "args"),
    [
        ("do_sh", "echo $1 ${2}", ["{input.argument1}", "{input.argument2}"]),
        ("do_sh", 'name="$1"\necho "$name" ${2:-none}', ["{input.name}", "{input.argument2?}"]),
        ("do_sh", "while getopts ':n:v' o; do :; done\nshift $((OPTIND - 1))\necho $1",
         [("-n", "{input.n?}"), "{if input.v}-v", "{input.argument1}"]),
        ("do_sh", "while getopts $OPTIONS o; do :; done", []),
        ("do_sh", "echo ${1:-none} $2", ["{input.argument1}", "{input.argument2}"]),
        ("do_sh", 'cat "$1"', ["{file:argument1}"]),
        ("do_sh", 'date > "$1"', ["{out}/argument1"]),
        ("do_sh", "f() {\n  echo $1\n}\nf x", []),
        ("do_sh", "# takes $1\ndate", []),
        ("do_sh", LOOP + 'cat "$at"', [("--to", "{input.to?}"), "{if input.quiet}--quiet", "{file:at}"]),
        ("do_sh", LOOP + 'if [ -z "$TO" ]; then\n  exit 1\nfi',
         ["--to", "{input.to}", "{if input.quiet}--quiet", "{input.at}"]),
        ("do_sh", LOOP.replace("-q|", "--to=*) TO=${1#*=}; shift ;;\n    -q|"),
         [("--to", "{input.to?}"), "{if input.quiet}--quiet", "{input.at}"]),
        ("do_sh", LOOP.replace('TO="$2"; shift 2', 'shift; TO="$1"; shift'),
         [("--to", "{input.to?}"), "{if input.quiet}--quiet", "{input.at}"]),
        ("do_sh", 'while getopts "n:v" o; do\n  case $o in\n    n) N=$OPTARG ;;\n    *) exit 2 ;;\n  esac\ndone',
         [("-n", "{input.n?}"), "{if input.v}-v"]),
        ("do_sh", 'A="${1:-x}"\nB="${2:-}"\nif [ -z "$B" ]; then\n  exit 1\nfi\necho "$A" "$B"',
         ["{input.a}", "{input.b}"]),
        ("do_sh", 'Q="${1:-}"\nif [ -z "$Q" ]; then\n  echo no\n  exit 1\nfi\necho "$Q"', ["{input.q}"]),
        ("do_sh", 'Q="${1:-}"\nif [ -z "$Q" ]; then\n  Q=none\nfi\necho "$Q"', ["{input.q?}"]),
        ("do_sh", 'main() {\n  echo "$1"\n}\nmain "$@"', ["{input.argument1}"]),
        ("do_sh", 'root="$1"\nhead "$root/a.txt"', ["{file:root}"]),
        ("do_sh", 'for a in "$@"; do\n  case $a in\n    --to=*) TO="${a#*=}" ;;\n  esac\ndone', ["--to={input.to?}"]),
        ("do_sh", 'for each; do echo "$each"; done', ["{input.each...}"]),
        ("do_js", "console.log(process.argv[2])", ["{input.argument1}"]),
        ("do_js", "const [a, b] = process.argv.slice(2);\nconsole.log(a, b)", ["{input.a}", "{input.b}"]),
        ("do_js", "const a = process.argv[2] || 'x';\nconsole.log(a)", ["{input.a?}"]),
        ("do_js", "const a = process.argv[2] || 'x';\nconsole.log(a, process.argv[3])",
         ["{input.a}", "{input.argument2}"]),
        ("do_js", "console.log(process.argv.slice(2).join())", ["{input.values...}"]),
        ("do_js", "const fs = require('fs');\nfs.readFileSync(process.argv[2])", ["{file:argument1}"]),
        ("do_js", "const args = process.argv.slice(2);\nconsole.log(args[0])", ["{input.argument1}"]),
        ("do_js", "const p = require('commander');\np.argument('<name>').option('-x').requiredOption('--to <t>')",
         ["{if input.x}-x", "--to={input.to}", "{input.name}"]),
        ("do_js", "require('commander').option('-t, --tag <tags...>').option('--to [t]').option('-n <n>')",
         ["--tag={input.tag...?}", "--to={input.to?}", ("-n", "{input.n?}")]),
    ],
)  # fmt: skip
def test_a_script_for_a_shell_or_node_is_given_what_it_takes(
    name: str, script: str, args: list[Element], tmp_path: Path
) -> None:
    assert list(entry_of(tmp_path, **{name: script}).call.args) == args


@pytest.mark.parametrize(
    ("script", "field", "value"),
    [
        ("import sys\nprint(sys.stdin.read())", "stdin", "{input.text}"),
        ("import json, sys\nprint(json.load(sys.stdin))", "stdin", "{input}"),
        ("print(input())", "stdin", "{input.text}"),
        ("import sys\nif len(sys.argv) > 9:\n    sys.stdin.read()\nprint(1)", "stdin", None),
        ("import json\nprint(json.dumps(1))", "result", "json"),
        ("import json, sys\njson.dump(1, sys.stdout)", "result", "json"),
        ("import json\nprint(json.dumps(1))\nprint(2)", "result", "auto"),
        ("for n in range(3):\n    print(n)", "result", "lines"),
        ("import sys\nfor n in range(3):\n    print(n, file=sys.stderr)\nprint(1)", "result", "auto"),
        ("open('a.txt', 'w').write('')\nprint('done')", "result", "file:a.txt"),
        ("open('a.txt', 'w').write('')\nprint(len('a'))", "result", "auto"),
        ("open('/a.txt', 'w').write('')", "result", "auto"),
        ("import sys\nx = 1\nprint(x)\nsys.exit(1 if x else 0)", "ok_exit_codes", {0, 1}),
        ("import sys\nx = 1\nprint(x)\nif x:\n    sys.exit(3)", "ok_exit_codes", {0, 3}),
        ("import sys\nx = 1\nif x:\n    sys.exit(1)\nprint(x)", "ok_exit_codes", {0}),
        ("import sys\ndef go():\n    print(1)\n    return 1 if id(1) else 0\nsys.exit(go())", "ok_exit_codes", {0, 1}),
        ("import sys\nx = input()\nprint(x)\nif 'Error' in x:\n    sys.exit(1)", "ok_exit_codes", {0}),
        ("import sys\nx = failed = 1\nprint(x)\nsys.exit(2 if failed else 0)", "ok_exit_codes", {0}),
        ("import sys\nx = errors = 1\nprint(x)\nsys.exit(1 if errors else 0)", "ok_exit_codes", {0, 1}),
        ("import sys\nx = 1\nprint(x)\nsys.exit(not x)", "ok_exit_codes", {0, 1}),
        ("import sys\nx = 1\nprint(x)\nsys.exit(x > 2)", "ok_exit_codes", {0, 1}),
        ("def go():\n    code = 0\n    if input():\n        print(1)\n        code = 1\n    return code\n"
         "raise SystemExit(go())", "ok_exit_codes", {0, 1}),
        ("import sys\ncode = len(input())\nprint(code)\nsys.exit(code)", "ok_exit_codes", {0}),
        ("import sys\ndef go():\n    print(1)\n    return 1 if input() else 0\ndef main():\n    return go()\n"
         "sys.exit(main())", "ok_exit_codes", {0, 1}),
        ("import typer\nx = input()\nprint(x)\nif x:\n    raise typer.Exit(code=1)", "ok_exit_codes", {0, 1}),
        ("import sys\nfor one in (sys.stdin, sys.stdout):\n    one.reconfigure()\nprint(1)", "stdin", None),
        ("import sys\ndef text(p):\n    if p != '-':\n        return open(p).read()\n    return sys.stdin.read()\n"
         "print(text(sys.argv[1]))", "stdin", None),
        ("import sys\ndef text():\n    return sys.stdin.read()\np = sys.argv[1]\nprint(text() if p == '-' else p)",
         "stdin", None),
        ("import sys\ndef go():\n    if not sys.argv:\n        return 2\n    print(sys.stdin.read())\nsys.exit(go())",
         "stdin", "{input.text}"),
        ("import sys\np = sys.argv[1]\nopen(p + '.md', 'w').write(open(p).read())", "edit", True),
        ("import sys\np = sys.argv[1]\nopen(f'{p}_1.md', 'w').write(open(p).read())", "edit", True),
        ("import sys\nfrom pathlib import Path\np = Path(sys.argv[1])\nat = p.with_suffix('.md')\n"
         "at.write_text(p.read_text())", "edit", True),
        ("import sys\nfrom pathlib import Path\np = Path(sys.argv[1])\nprint(p.stat(), file=open(p.parent / 'a', 'w'))",
         "edit", True),
        ("import sys\np = sys.argv[1]\nprint(open(p + '.md').read(), open(p).read())", "edit", False),
        ("import sys\np = sys.argv[1]\nt = open(p).read()\nopen(p, 'w').write(t)", "edit", True),
    ],
)  # fmt: skip
def test_what_a_script_answers_with_is_read(script: str, field: str, value: Any, tmp_path: Path) -> None:
    assert getattr(entry_of(tmp_path, do_py=script).call, field) == value


def test_a_draft_has_a_schema_for_what_may_be_given(tmp_path: Path) -> None:
    script = ARGPARSE + (
        "p.add_argument('n', type=int)\np.add_argument('kind', choices=['a', '1'])\n"
        "p.add_argument('r', type=float, help='How much: of it')\n"
        "p.add_argument('--top', type=int, default=3, help='Rows')\np.add_argument('--ids', nargs='+')\n"
        "p.add_argument('--all', action='store_true')\np.add_argument('--output')\n"
        "p.add_argument('--near', type=float, default=0.5)\np.add_argument('--k', default='')\np.parse_args()"
    )
    assert entry_of(tmp_path, do_py=script).input_schema == {
        "type": "object",
        "required": ["n", "kind", "r"],
        "properties": {
            "n": {"type": "integer"},
            "kind": {"enum": ["a", "1"]},
            "r": {"type": "number", "description": "How much: of it"},
            "top": {"type": "integer", "description": "Rows (by default 3)"},
            "ids": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "all": {"type": "boolean"},
            "near": {"type": "number", "description": "by default 0.5"},
            "k": {"type": "string"},
            "output": {"type": "string", "pattern": "^[^/]+$", "description": "Name of the file that it writes"},
        },
        # A mistyped field would else be one that is left out.
        "additionalProperties": False,
    }


def test_a_file_that_must_be_given_is_declared(tmp_path: Path) -> None:
    entry = entry_of(tmp_path, do_py="import os, sys\ndata = sys.argv[1]\nprint(os.listdir(data), open(sys.argv[2]))")
    assert [file.name for file in entry.input_files] == ["data/*", "argument2"]


def test_each_subcommand_is_an_entrypoint(tmp_path: Path) -> None:
    script = ARGPARSE + (
        "p.add_argument('--where', required=True)\ns = p.add_subparsers()\na = s.add_parser('add')\n"
        "a.add_argument('n')\na = s.add_parser('take')\na.add_argument('m')\np.parse_args()"
    )
    overlay = parse_overlay(draft_of(tmp_path, do_py=script).text.encode())
    assert {name: list(entry.call.args) for name, entry in overlay.entrypoints.items()} == {
        "do-add": ["--where={input.where}", "add", "{input.n}"],
        "do-take": ["--where={input.where}", "take", "{input.m}"],
    }


def test_subcommands_that_share_a_helper_or_a_loop_have_what_is_theirs(tmp_path: Path) -> None:
    script = ARGPARSE + (
        "s = p.add_subparsers()\ndef common(q):\n    q.add_argument('--to', required=True)\n"
        "for name in ('add', 'take'):\n    q = s.add_parser(name)\n    common(q)\n"
        "    if name == 'add':\n        q.add_argument('n')\n    else:\n        q.add_argument('m')\n"
        "show = s.add_parser('show')\nfor each in (q, show):\n    each.add_argument('--by', required=True)\n"
        "p.parse_args()"
    )
    draft = draft_of(tmp_path, do_py=script)
    overlay = parse_overlay(draft.text.encode())
    assert {name: list(entry.call.args) for name, entry in overlay.entrypoints.items()} == {
        "do-add": ["add", "--to={input.to}", "{input.n}"],
        "do-take": ["take", "--to={input.to}", "--by={input.by}", "{input.m}"],
        "do-show": ["show", "--by={input.by}"],
    }
    assert not any(entry.doubts for entry in draft.entrypoints)


def test_packages_that_nothing_asks_for_are_named(tmp_path: Path) -> None:
    script = "import json, numpy.linalg\nfrom other import x\nfrom . import y\nif x:\n    import maybe\nprint(x)"
    lacking, asking = (
        draft_of(tmp_path / name, do_py=text, other_py="x = 1")
        for name, text in (("a", script), ("b", PEP_723 + script))
    )
    says = "it imports numpy, and nothing in the skill asks for packages: the image must have them"
    assert [entry.doubts for entry in lacking.entrypoints] == [(says,)]
    assert [entry.doubts for entry in asking.entrypoints] == [()]


def test_options_that_a_shell_takes_apart_may_be_given(tmp_path: Path) -> None:
    (entry,) = draft_of(tmp_path, do_sh=LOOP).entrypoints
    assert (entry.required, list(entry.properties), entry.left_out) == (("at",), ["to", "quiet", "at"], ())


def test_a_folder_to_write_into_may_be_given(tmp_path: Path) -> None:
    script = ARGPARSE + "p.add_argument('--to')\na = p.parse_args()\nif a.to:\n    open(f'{a.to}/b.txt', 'w')"
    entry = entry_of(tmp_path, do_py=script)
    assert entry.call.args == (("--to", "{if input.to}{out}"),)
    schema = {"type": "boolean", "description": "Whether it writes into the result's files"}
    assert (entry.input_schema or {})["properties"] == {"to": schema}


def test_a_file_that_may_be_given_has_the_ending_that_the_script_asks_for(tmp_path: Path) -> None:
    script = ARGPARSE + "p.add_argument('--at')\na = p.parse_args()\nprint(a.at.endswith(('.b', '.a')), open(a.at))"
    (entry,) = draft_of(tmp_path, do_py=script).entrypoints
    assert (entry.args, entry.input_files) == (("--at={file:at.a?}",), ())
    assert "the script looks at the ending of at.a, which may be .b instead" in entry.doubts


def test_options_that_getopt_reads_are_not_said_to_be_left_out(tmp_path: Path) -> None:
    script = ARGV + (
        "import getopt\nopts, rest = getopt.getopt(sys.argv[1:], 'n:')\nfor o, v in opts:\n    print(o == '-n', v)\n"
        "for one in rest:\n    print(one == '-n')"
    )
    (entry,) = draft_of(tmp_path, do_py=script).entrypoints
    assert (entry.args, entry.doubts) == ((("-n", "{input.n?}"), "{input.one...?}"), ())


def test_an_argument_of_several_subcommands_may_be_missing_in_each(tmp_path: Path) -> None:
    script = ARGPARSE + (
        "s = p.add_subparsers()\nfor name in ('add', 'take'):\n    q = s.add_parser(name)\n"
        "    q.add_argument('--log', action=argparse.BooleanOptionalAction, default=True)\n"
        "    q.add_argument('--tag', action='append')\n    q.add_argument('ids', nargs='+')\np.parse_args()"
    )
    overlay = parse_overlay(draft_of(tmp_path, do_py=script).text.encode())
    args = ["{if input.no_log}--no-log", "--tag={input.tag...?}", "{input.ids...}"]
    assert {name: list(entry.call.args) for name, entry in overlay.entrypoints.items()} == {
        "do-add": ["add", *args],
        "do-take": ["take", *args],
    }
    for entry in overlay.entrypoints.values():
        assert (entry.input_schema or {})["properties"]["ids"]["minItems"] == 1


@pytest.mark.parametrize(
    "script",
    [
        "if '--fast' in sys.argv or '-x' in sys.argv:\n    print(1)",
        "for arg in sys.argv[1:]:\n    if arg == '-x':\n        print(1)\n    arg.startswith('--fast=')",
        "for arg in sys.argv[1:]:\n    match arg:\n        case '--fast' | '-x':\n            print(1)",
        "if sys.argv[1] in ('-x', '--fast', '--help', '-1', '- '):\n    print(sys.argv.index('-x'))",
        "argv, at = sys.argv[1:], 0\nwhile at < len(argv):\n    word = argv[at]\n    print(word in ('-x', '--fast'))",
        "print(sys.argv[1] == '--fast', '-x' in sys.argv, input() == '--other')",
    ],
)
def test_options_that_a_script_looks_for_itself_are_named(script: str, tmp_path: Path) -> None:
    (entry,) = draft_of(tmp_path, do_py=ARGV + script).entrypoints
    (doubt,) = [one for one in entry.doubts if "by itself" in one]
    assert sorted(doubt.rpartition(": ")[2].split(", ")) == ["--fast", "-x"]


@pytest.mark.parametrize(
    "dispatch",
    [
        "show.set_defaults(func=do_show)\nput.set_defaults(func=do_put)\na = p.parse_args()\nsys.exit(a.func(a))",
        "a = p.parse_args()\nif a.c == 'show':\n    sys.exit(do_show(a))\nelif a.c == 'put':\n    do_put(a)",
        "a = p.parse_args()\nsys.exit({'show': do_show, 'put': do_put}[a.c](a))",
    ],
    ids=["set_defaults", "if", "table"],
)
def test_what_one_subcommand_does_is_not_said_of_another(dispatch: str, tmp_path: Path) -> None:
    script = ARGPARSE + (
        "import json, sys\ndef load(at):\n    return open(at).read()\n"
        "def do_show(args):\n    print(json.dumps(load(args.at)))\n    return 1 if args.at else 0\n"
        "def do_put(args):\n    text = load(args.at)\n    open(args.at, 'w').write(text + sys.stdin.read())\n"
        "s = p.add_subparsers(dest='c')\nshow = s.add_parser('show')\nshow.add_argument('at')\n"
        f"put = s.add_parser('put')\nput.add_argument('at')\n{dispatch}\n"
    )
    overlay = parse_overlay(draft_of(tmp_path, do_py=script).text.encode())
    show, put = (entry.call for entry in overlay.entrypoints.values())
    assert (show.stdin, show.edit, show.result, set(show.ok_exit_codes)) == (None, False, "json", {0, 1})
    assert (put.stdin, put.edit, set(put.ok_exit_codes)) == ("{input.text}", True, {0})


def test_what_could_not_be_followed_is_said_once_with_its_lines(tmp_path: Path) -> None:
    script = ARGPARSE + "p.add_argument(input())\np.add_argument(input())\np.parse_args()"
    (entry,) = draft_of(tmp_path, do_py=script).entrypoints
    assert entry.doubts[0] == "lines 3, 4: an argument could not be followed"


def test_loops_within_loops_end(tmp_path: Path) -> None:
    loops = "".join(f"{' ' * level}for v{level} in range_:\n" for level in range(8)).replace("range_", str(["a"] * 150))
    script = ARGPARSE + loops + " " * 8 + "p.add_argument('--' + v7)\n" + "p.parse_args()"
    assert len(draft_of(tmp_path, do_py=script).entrypoints) == 1


def test_a_group_of_click_has_an_entrypoint_for_each_command(tmp_path: Path) -> None:
    script = "import click\n@click.group()\ndef cli(): ...\n@cli.command()\ndef show_all(): ...\ncli()"
    overlay = parse_overlay(draft_of(tmp_path, do_py=script).text.encode())
    assert {name: list(entry.call.args) for name, entry in overlay.entrypoints.items()} == {"do-show-all": ["show-all"]}


def test_a_position_is_given_only_with_the_one_before_it(tmp_path: Path) -> None:
    script = ARGPARSE + "p.add_argument('a', nargs='?')\np.add_argument('b', nargs='?')\np.parse_args()"
    entry = entry_of(tmp_path / "values", do_py=script)
    assert entry.call.args == ("{input.a?}", "{input.b?}")
    assert (entry.input_schema or {})["dependentRequired"] == {"b": ["a"]}
    text = draft_of(tmp_path / "file", do_py=script.replace("'b'", "'pdf'")).text
    assert "# look at this: pdf stands behind a: where that is not given, it takes its place" in text


def test_a_file_that_may_be_given_is_not_declared(tmp_path: Path) -> None:
    assert entry_of(tmp_path, do_py=ARGPARSE + "p.add_argument('--pdf')\np.parse_args()").input_files == ()


def test_a_file_may_be_given_instead_of_standard_input(tmp_path: Path) -> None:
    script = ARGPARSE + (
        "import sys\np.add_argument('at', nargs='?', type=argparse.FileType(), default=sys.stdin)\np.parse_args()"
    )
    entry = entry_of(tmp_path, do_py=script)
    assert (entry.call.args, entry.call.stdin) == (("{file:at?}",), "{input.text?}")


@pytest.mark.parametrize(
    ("arguments", "left_out", "why"),
    [
        ("p.add_argument('pdfs', nargs='+')\np.add_argument('--csv')", "--csv", "another argument takes all"),
        ("p.add_argument('pdf')\np.add_argument('--files', nargs='*')", "--files", "others have a meaning"),
        ("p.add_argument('--output', nargs='*')", "--output", "any number of files to write"),
        (
            "p.add_argument('--ids', nargs='*')\ns = p.add_subparsers()\na = s.add_parser('x')",
            "--ids",
            "the subcommand",
        ),
    ],
)
def test_what_no_template_can_say_is_left_out_with_the_reason(
    arguments: str, left_out: str, why: str, tmp_path: Path
) -> None:
    draft = draft_of(tmp_path, do_py=ARGPARSE + arguments + "\np.parse_args()")
    ((said,),) = [entry.left_out for entry in draft.entrypoints]
    assert said.startswith(f"{left_out}: ")
    assert why in said
    assert f"# left out, {said}" in draft.text
    assert not any(left_out in str(element) for element in draft.entrypoints[0].args)


def test_a_command_is_required_only_where_every_entrypoint_starts_it(tmp_path: Path) -> None:
    one = "import subprocess\nsubprocess.run(['pandoc', '-v'])"
    assert parse_overlay(draft_of(tmp_path / "a", do_py=one).text.encode()).requires == ("pandoc",)
    both = draft_of(tmp_path / "b", do_py=one, other_py="print(1)")
    assert parse_overlay(both.text.encode()).requires == ()
    assert "some of the scripts start pandoc" in both.text
    maybe = draft_of(tmp_path / "c", do_py=f"import subprocess\nif id(1):\n    {one.splitlines()[1]}")
    assert parse_overlay(maybe.text.encode()).requires == ()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (b"def f(): ...\n", "a module for others to import"),
        (b"if __name__ == '__main__':\n    raise RuntimeError('no script')\n", "a module for others to import"),
        (b"print(", "it is no Python that is read here"),
        (b"print '2'", "it is no Python that is read here"),
        (b"print(1)\0", "it has a NUL"),
        (b"print('\xff')", "it is not UTF-8"),
        (b"print(1)\n" + b"#" * MAX_SCRIPT, "at most"),
        (b"print(" + b"(" * 150 + b")" * 150 + b")", "nested deeper"),
        (b"print(" + b"-" * 100_000 + b"1)", "it is"),
        (b"print(" + b"1+" * 100_000 + b"1)", "too deeply"),
        (b"x" + b".a" * 100_000 + b"()", "too deeply"),
    ],
    ids=[
        "module", "refuses", "broken", "python-2", "nul", "encoding", "size", "brackets", "signs", "sums", "attributes",
    ],
)  # fmt: skip
def test_a_script_that_can_not_be_read_is_named_and_the_others_are_drafted(
    script: bytes, why: str, tmp_path: Path
) -> None:
    draft = draft_of(tmp_path, bad_py=script, good_py="print(1)")
    assert [entry.name for entry in draft.entrypoints] == ["good"]
    ((path, said),) = draft.left_out
    assert path == "scripts/bad.py"
    assert why in said
    assert f"# no entrypoint for 'scripts/bad.py': {said}" in draft.text
    assert list(parse_overlay(draft.text.encode()).entrypoints) == ["good"]


@pytest.mark.parametrize(
    "text",
    [
        "\n    image: evil",
        "# {x}",
        "\x85a\u2028b",
        "\ud800",
        "a: b",
        "{input.secret}",
        "{files}",
        "\0",
        "'\"",
        "- x",
        "\x1b[0m",
    ],
)
def test_a_text_of_the_script_stays_a_text_in_the_draft(text: str, tmp_path: Path) -> None:
    script = ARGPARSE + (
        f"p.add_argument('name', help={text!r}, choices=[{text!r}])\np.add_argument('--o', default={text!r})\n"
        f"p.add_argument('--f' + {text!r})\np.add_argument('--g'{text!r}, required=True)\n"
        f"s = p.add_subparsers()\ns.add_parser({text!r}, help={text!r})\ns.add_parser('x', help={text!r})"
    )
    overlay = parse_overlay(draft_of(tmp_path, do_py=script).text.encode())
    assert (overlay.image, {entry.call.script for entry in overlay.entrypoints.values()}) == (None, {"scripts/do.py"})
    for entry in overlay.entrypoints.values():
        assert not {"{files}", "{input.secret}"} & set(entry.call.args)


def test_nothing_of_a_script_runs(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    draft_of(tmp_path, do_py=f"from pathlib import Path\nPath({str(mark)!r}).touch()\nprint(1)")
    assert not mark.exists()


def test_an_overlay_has_no_more_entrypoints_than_it_may_have(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, **{f"do{number}_py": "print(1)" for number in range(MAX_ENTRYPOINTS + 3)})
    assert len(parse_overlay(draft.text.encode()).entrypoints) == MAX_ENTRYPOINTS
    assert len(draft.left_out) == 3


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("".join(f"p.add_argument('--o{number}')\n" for number in range(1_100)), "the limit is 1000"),
        ("".join(f"p.add_argument('--pdf{number}', nargs=20)\n" for number in range(60)), "the limit is 1000"),
        ("".join(f"p.add_argument('a{number}_pdf')\n" for number in range(110)), "more than 100"),
        (f"p.add_argument('--{'o' * 300_000}')\n", "256 KiB at most"),
    ],
    ids=["options", "values", "files", "size"],
)
def test_an_entrypoint_that_no_overlay_may_have_is_left_out_with_the_reason(
    arguments: str, why: str, tmp_path: Path
) -> None:
    draft = draft_of(tmp_path, big_py=f"{ARGPARSE}{arguments}p.parse_args()", good_py="print(1)")
    assert list(parse_overlay(draft.text.encode()).entrypoints) == ["good"]
    ((path, said),) = draft.left_out
    assert (path, why in said) == ("scripts/big.py", True), said


def test_a_draft_is_no_larger_than_an_overlay_may_be(tmp_path: Path) -> None:
    options = "".join(f"a.add_argument('--option-{number}', help='{'x' * 150}')\n" for number in range(90))
    commands = "".join(f"a = s.add_parser('c{number}')\n{options}" for number in range(20))
    draft = draft_of(tmp_path, do_py=f"{ARGPARSE}s = p.add_subparsers()\n{commands}p.parse_args()")
    overlay = parse_overlay(draft.text.encode())
    assert len(overlay.entrypoints) + len(draft.left_out) == 20
    assert list(overlay.entrypoints)[:2] == ["do-c0", "do-c1"]
    assert "do-c19: an overlay has 256 KiB at most" in [why for _, why in draft.left_out]
