"""Interpreters that wait for their script with its packages imported: whether one can serve a job, and what it is told.

The interpreter is started with the script's path, which is not there yet, and stops itself before it opens it; see
`warm_hook.py` and `warm_hook.js`, and supervisor.sh for who lets it go on. Nothing that it imports runs once the
container is ready.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from skillbox_core.sandbox.delivery import COMMANDS, LANG, PIPE, SCRIPTS, STDIN, Invocation
from skillbox_core.sandbox.environment import skill_environment
from skillbox_core.sandbox.policy import SANDBOX
from skillbox_core.sandbox.site_packages import environment_lines

FOLDER = f"{SANDBOX}/.warm"
NODE_HOOK = "/dev/shm/.warm.js"  # noqa: S108 - the sandbox's own tmpfs


@dataclass(frozen=True)
class Hook:
    """How an interpreter is made to wait.

    Attributes:
        source: The file that it runs first, in this package.
        path: Where that lies in a sandbox.
        variable: By which it is found there: what this says of it, and what stands between that and what others say.
    """

    source: str
    path: str
    variable: str
    says: str
    between: str


LANGS = {
    "python": Hook("warm_hook.py", f"{FOLDER}/sitecustomize.py", "PYTHONPATH", FOLDER, ":"),
    "node": Hook("warm_hook.js", NODE_HOOK, "NODE_OPTIONS", f"--require {NODE_HOOK}", " "),
}
"""Languages of which an interpreter can wait."""
MAX_MODULES = 32
"""As many as SKILL.md may name."""
MAX_STATEMENT = 20_000
TRIPLE = '"' * 3

_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_IMPORT = re.compile(
    rf"import[ \t]+({_NAME}(?:[ \t]+as[ \t]+\w+)?(?:[ \t]*,[ \t]*{_NAME}(?:[ \t]+as[ \t]+\w+)?)*)\Z", re.ASCII
)
_FROM = re.compile(rf"from[ \t]+({_NAME})[ \t]+import\b[ \t]*(?:[\w \t,*]*|\([^()]*\))\Z", re.ASCII)
_OPENS = re.compile(r"from[ \t]+[\w.]+[ \t]+import[ \t]*\([^()]*\Z", re.ASCII)
_STRING = re.compile(r"""[rRuU]?(\"{3}|'{3}|"|')""")
_REQUIRE = re.compile(
    r"(?:(?:const|let|var)[ \t]+[\w$ \t,:{}]{1,200}=[ \t]*)?require\([ \t]*(['\"])"
    r"((?:node:)?(?:@[\w.-]+/)?[A-Za-z_][\w.-]*(?:/[\w.-]+)*)\1[ \t]*\)(?:\.\w+)*[ \t]*;?\Z",
    re.ASCII,
)
_STRICT = re.compile(r"""(['"])use strict\1[ \t]*;?\Z""")
_READ_WHEN_IMPORTED = re.compile(
    r"TZ\Z|LANG\Z|LANGUAGE\Z|LC_|OMP_|GOMP_|KMP_|OPENBLAS_|GOTO_|MKL_|BLIS_|VECLIB_|NUMEXPR_|NUMBA_|MPL|POLARS_|ARROW_|PANDAS_"
    r"|DUCKDB_|TORCH_|TF_|CUDA_|JAX_|XLA_|HF_|TRANSFORMERS_|TOKENIZERS_|MALLOC_|XDG_|DEBUG\Z|NO_COLOR\Z|TERM\Z|COLUMNS\Z"
)
"""Names of variables that packages read when they are imported."""


def modules_of(lang: str, source: str, own: Iterable[str]) -> tuple[str, ...]:
    """The modules that a script imports before it does anything else, in its order.

    What comes behind the first other statement may depend on that: on a variable, a search path, a seed. So they are
    the first imports of the script, blank lines, comments and its docstring apart, and each a line that is nothing
    else. A parser of a stranger's text can be brought down by it; this reads lines.

    Args:
        lang: One of `LANGS`.
        own: Names of what lies beside the script, which a Python script would import instead.
    """
    found: dict[str, None] = {}
    beside = {name.partition(".")[0] for name in own}
    for statement in _statements(source) if lang == "python" else _node_lines(source):
        names = _imported(statement) if lang == "python" else _required(statement)
        if names is None:
            break
        found.update(dict.fromkeys(name for name in names if lang != "python" or name.partition(".")[0] not in beside))
    return tuple(found)[:MAX_MODULES]


def _imported(statement: str) -> list[str] | None:
    """The modules of an import; None for what is none."""
    if match := _IMPORT.match(statement):
        return [name.split()[0] for name in match[1].split(",")]
    if match := _FROM.match(statement):
        return [match[1]] if match[1] != "__future__" else []
    # Of the skill's own package.
    return [] if statement.startswith("from .") else None


def _required(statement: str) -> list[str] | None:
    if match := _REQUIRE.match(statement):
        return [match[2]]
    return [] if _STRICT.match(statement) else None


def _statements(source: str) -> Iterator[str]:
    """A Python script's lines without comments, blank ones and docstring; what is in brackets is one with its line."""
    lines = iter(source.splitlines())
    first = True
    for line in lines:
        if first and (string := _STRING.match(line)):
            _skip_string(line[string.end() :], string[1], lines)
            first = False
            continue
        if not (text := _without_comment(line)).strip():
            continue
        first = False
        while _OPENS.match(text) and len(text) < MAX_STATEMENT:
            more = next(lines, None)
            if more is None:
                return
            text = f"{text} {_without_comment(more).strip()}"
        yield text.rstrip()


def _skip_string(rest: str, quote: str, lines: Iterator[str]) -> None:
    """Reads on to the end of a docstring that has begun; one quote ends with its line."""
    while len(quote) == len(TRIPLE) and quote not in rest:
        following = next(lines, None)
        if following is None:
            return
        rest = following


def _node_lines(source: str) -> Iterator[str]:
    """A Node script's lines without comments and blank ones."""
    within = False
    for line in source.splitlines():
        text = line
        if within or text.startswith("/*"):
            within = "*/" not in text
            text = "" if within else text.partition("*/")[2].strip()
        if text.startswith("#!") or not (text := text.partition("//")[0].rstrip()):
            continue
        yield text


def _without_comment(line: str) -> str:
    """A line up to its `#`; of a line with a string in it, which is no import, it does not matter where that is."""
    return line.partition("#")[0]


def is_told_late(env: Mapping[str, str]) -> bool:
    """Whether a caller sets variables that count only if they are there before a package is imported."""
    return any(_READ_WHEN_IMPORTED.match(name.upper()) for name in env)


@cache
def _text(name: str) -> str:
    return files("skillbox_core.sandbox").joinpath(name).read_text("utf-8")


def warm_start(lang: str, entrypoint: str, modules: Sequence[str], *, prepared: bool) -> str:
    """The shell command that becomes an interpreter which waits for its script.

    Args:
        lang: One of `LANGS`.
        entrypoint: Path of the script below the skill's own folder.
        modules: What it imports meanwhile.
        prepared: The image is an environment's.
    """
    # All that is the same for each job.
    env = {
        name: value
        for name, value in skill_environment(b"", "", {}, None, prepared=prepared).items()
        if not name.startswith(("SANDBOX_", "SKILL_"))
    }
    lines = [f"cd {SANDBOX}", f'export LANG="${{LANG:-{LANG}}}"']
    lines += [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    if prepared:
        lines += environment_lines(lang)
    hook = LANGS[lang]
    text = f"{_text(hook.source)}\nmain({json.dumps(list(modules))})\n"
    lines += [
        f"mkdir -p {hook.path.rpartition('/')[0]} && printf %s {shlex.quote(text)} >{hook.path}",
        f'export {hook.variable}="{hook.says}${{{hook.variable}:+{hook.between}${hook.variable}}}"',
        f"exec {COMMANDS[lang]} {shlex.quote(f'{SANDBOX}/{SCRIPTS}/{entrypoint}')}",
    ]
    return "\n".join(lines)


def warm_job(env: Mapping[str, str], entrypoint: str, invocation: Invocation) -> bytes:
    """What the interpreter is told of its job, as JSON; what `start_script` says in shell."""
    result = invocation.result_file
    return json.dumps(
        {
            "env": dict(env),
            "args": list(invocation.args),
            "cwd": invocation.working_folder,
            "own": f"{SANDBOX}/{SCRIPTS}/{entrypoint}".rpartition("/")[0],
            "search": env["PYTHONPATH"].split(":") if env.get("PYTHONPATH") else [],
            "stdin": f"{SANDBOX}/{STDIN}" if invocation.stdin is not None else None,
            "stdout": f"{SANDBOX}/{PIPE}" if invocation.printed else None,
            "folders": [f"{invocation.working_folder}/{result}".rpartition("/")[0]] if result else [],
        }
    ).encode()
