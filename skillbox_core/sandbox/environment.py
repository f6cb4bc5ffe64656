"""The environment a skill sees, and which names a caller may add to it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from skillbox_core.errors import InvalidRequestError
from skillbox_core.sandbox.site_packages import environment_variables

MAX_ENV_STRING = 131_072
"""The kernel's limit for one `NAME=value` with its NUL (MAX_ARG_STRLEN); beyond it exec fails."""
MAX_ENV_TOTAL = 1024 * 1024
MAX_ENV_VARIABLES = 1_000
"""Of a caller. The sandbox's shell reads them one by one, before the skill's time begins to be its own."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PREFIXES = ("SANDBOX_", "SKILL_", "LD_", "DYLD_", "PYTHON", "BASH_", "GIT_", "PERL5", "RUBY")
_NAMES = frozenset(
    {
        *("PATH", "HOME", "TMPDIR", "TZDIR"),
        *("NODE_PATH", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "NODE_REPL_EXTERNAL_MODULE"),
        *("ENV", "BASHOPTS", "SHELLOPTS", "IFS", "PS4", "PROMPT_COMMAND", "CDPATH", "GLOBIGNORE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY"),
        *("GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH", "MALLOC_TRACE"),
        *("HOSTALIASES", "LOCALDOMAIN", "RESOLV_HOST_CONF", "RES_OPTIONS"),
    }
)


_SHELLS_OWN = frozenset(
    {
        *("PPID", "UID", "EUID", "GROUPS", "OPTIND", "LINENO", "RANDOM", "SRANDOM", "SECONDS"),
        *("EPOCHSECONDS", "EPOCHREALTIME", "BASH", "BASHPID", "DIRSTACK", "FUNCNAME", "HISTCMD", "SHLVL", "_"),
    }
)
"""What a shell sets itself: some are read-only and would end the start script, others arrive with another value
(POSIX 2.5.3; bash's and dash's manuals, "Shell Variables")."""


def check_env(env: Mapping[str, str]) -> None:
    """Refuses names that would change the loader, an interpreter or the contract, oversized values, and too many.

    Raises:
        InvalidRequestError: Names the variable, never its value.
    """
    if len(env) > MAX_ENV_VARIABLES:
        raise InvalidRequestError(
            f"there are {len(env)} environment variables, the limit is {MAX_ENV_VARIABLES}",
            hint="pass them in the input",
        )
    total = 0
    for name, value in env.items():
        shown = ascii(name if len(name) <= 64 else name[:61] + "...")
        if not _NAME.match(name):
            raise InvalidRequestError(f"environment name {shown} is not valid", hint="letters, digits and '_' only")
        upper = name.upper()
        if upper in _NAMES or upper.startswith(_PREFIXES):
            raise InvalidRequestError(f"environment name {shown} may not be set by a caller")
        if name in _SHELLS_OWN:
            raise InvalidRequestError(
                f"environment name {shown} may not be set by a caller",
                hint="it is the shell's own, and would not arrive as it is",
            )
        if "\0" in value:
            raise InvalidRequestError(f"the value of environment variable {shown} contains a NUL")
        try:
            size = len(name) + len(value.encode()) + 2
        except UnicodeEncodeError:
            raise InvalidRequestError(f"the value of environment variable {shown} is not valid Unicode") from None
        if size > MAX_ENV_STRING:
            raise InvalidRequestError(
                f"the value of environment variable {shown} is over the kernel's limit of 128 KiB",
                hint="pass it in the input",
            )
        total += size
    if total > MAX_ENV_TOTAL:
        raise InvalidRequestError("the environment is over 1 MiB in all", hint="pass it in the input")


def skill_environment(
    input_json: bytes,
    instructions: str,
    caller: Mapping[str, str],
    vendored: str | None,
    *,
    prepared: bool = False,
    files_folder: str = "in/files",
) -> dict[str, str]:
    """All variables a skill starts with, the image's own apart.

    Args:
        input_json: What lies in `/sandbox/input.json`.
        instructions: The body of SKILL.md.
        caller: Variables from the request; already checked.
        vendored: Folder of Python dependencies inside the sandbox that the skill brings along, if it has one; or
            several folders, with `:` between them.
        prepared: The image is an environment's.
        files_folder: Where its input files are, below `/sandbox`.

    Returns:
        Names and values. `SANDBOX_INPUT` and `SKILL_INSTRUCTIONS` are left out when they are longer
        than one environment string may be; the files are the contract.
    """
    env = {
        "HOME": "/tmp",  # noqa: S108 - the sandbox's own tmpfs
        "SANDBOX_INPUT_FILES_DIR": f"/sandbox/{files_folder}/",
        "SANDBOX_OUTPUT": "/sandbox/out/output.json",
        "SANDBOX_FILES_DIR": "/sandbox/out/files/",
        # A sandbox's user has a number only.
        "USER": "skill",
        "LOGNAME": "skill",
        # Without a terminal, Python would hold back what it prints until it ends: no live logs.
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if prepared:
        env |= environment_variables()
    if vendored:
        env["PYTHONPATH"] = vendored
    optional = {"SANDBOX_INPUT": input_json.decode(), "SKILL_INSTRUCTIONS": instructions.replace("\0", "")}
    for name, value in optional.items():
        if len(name) + len(value.encode(errors="surrogatepass")) + 2 <= MAX_ENV_STRING:
            env[name] = value
    return {**env, **caller}
