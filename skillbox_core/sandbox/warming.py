"""Interpreters that wait for their script with its packages imported: whether one can serve a job, and what it is told.

The interpreter is started with the script's path, which is not there yet, and stops itself before it opens it; see
`warm_hook.py` and `warm_hook.js`, and supervisor.sh for who lets it go on. Nothing that it imports runs once the
container is ready.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
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

_IMPORT = re.compile(r"(?:import|from)[ \t]+([A-Za-z_][\w., \t]*)", re.ASCII)
_REQUIRE = re.compile(
    r"(?:(?:const|let|var)[ \t]+[\w$ \t,:{}]{1,200}=[ \t]*)?require\([ \t]*['\"]"
    r"((?:node:)?(?:@[\w.-]+/)?[A-Za-z_][\w.-]*(?:/[\w.-]+)*)['\"]",
    re.ASCII,
)
_MODULE = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)
_READ_WHEN_IMPORTED = re.compile(
    r"TZ\Z|LANG\Z|LANGUAGE\Z|LC_|OMP_|GOMP_|KMP_|OPENBLAS_|GOTO_|MKL_|BLIS_|VECLIB_|NUMEXPR_|NUMBA_|MPL|POLARS_|ARROW_|PANDAS_"
    r"|DUCKDB_|TORCH_|TF_|CUDA_|JAX_|XLA_|HF_|TRANSFORMERS_|TOKENIZERS_|MALLOC_|XDG_|DEBUG\Z|NO_COLOR\Z|TERM\Z|COLUMNS\Z"
)
"""Names of variables that packages read when they are imported."""


def modules_of(lang: str, source: str, own: Iterable[str]) -> tuple[str, ...]:
    """The modules that a script imports at its top: what stands at the beginning of a line.

    A line in a longer text may look like one, and then one module too many is imported. A parser of a stranger's text
    can be brought down by it; this reads lines.

    Args:
        lang: One of `LANGS`.
        own: Names of what lies beside the script, which a Python script would import instead.

    Returns:
        Names as they are imported, of Python's without what comes behind a dot; sorted.
    """
    found = set()
    for line in source.splitlines():
        if lang == "node":
            found |= {match[1] for match in [_REQUIRE.match(line)] if match}
        elif match := _IMPORT.match(line):
            names = match[1].split(",") if line.startswith("import") else [match[1].split()[0]]
            found |= {name.split()[0].partition(".")[0] for name in names if name.strip()}
    beside = {name.partition(".")[0] for name in own} if lang == "python" else set()
    return tuple(sorted(name for name in found - beside if lang == "node" or _MODULE.match(name)))[:MAX_MODULES]


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
