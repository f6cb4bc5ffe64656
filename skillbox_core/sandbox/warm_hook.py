"""What an interpreter does that waits for its script: its first `sitecustomize`, inside a sandbox. Nowhere imported.

Python runs a `sitecustomize` module when its paths are set and before it opens its script. So the packages are imported
there, then the process stops itself, and goes on once its job has come: the interpreter opens the script, and nothing
of this stands in a traceback, in `__main__` or between the script and its exit.

Whoever sends it along puts a call of `main` behind it. Standard library only, of Python 3.8 and later.
"""

import sys

_startup = frozenset(sys.modules)

import io  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

FOLDER = "/sandbox/.warm"
HOOK = f"{FOLDER}/sitecustomize.py"
JOB = "/sandbox/.job"
COLD = "/sandbox/.run"
PRINTED = ("/tmp/.printed", "/tmp/.complained")  # noqa: S108 - the sandbox's own tmpfs
MODULES = ("py", "pyc", "so")
"""How names of files end that are modules."""
OUTPUTS = (5, 6)
"""Descriptors of the container's stdout and stderr, which what is imported does not write to."""


def make_way() -> None:
    """Leaves this module out of sight, and runs the `sitecustomize` that the image, or an environment, has."""
    sys.path[:] = [entry for entry in sys.path if entry != FOLDER]
    sys.path_importer_cache.pop(FOLDER, None)
    theirs = os.environ.pop("PYTHONPATH").partition(FOLDER)[2].lstrip(":")
    if theirs:
        os.environ["PYTHONPATH"] = theirs
    del sys.modules[__name__]
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        pass


def warm(modules: "list[str]") -> None:
    """Imports them. One that is not there, or fails, is the script's matter: where it fails, so does this process."""
    for name in modules:
        try:
            __import__(name)
        except ModuleNotFoundError as missing:
            if missing.name != name:
                os._exit(1)
        except BaseException:
            os._exit(1)


def leave_alone() -> None:
    """Has the garbage collector leave alone what there is now.

    At its end the interpreter would look through a package's hundred thousands of objects once more. That takes longer
    than a little job, and somebody waits for it.
    """
    known = "gc" in sys.modules
    import gc

    gc.collect()
    gc.freeze()
    if not known:
        del sys.modules["gc"]


def hidden(folders: "list[str]") -> bool:
    """Whether the skill brings a module along under a name that is imported already: it would have come first."""
    loaded = {name.partition(".")[0] for name in sys.modules.keys() - _startup}
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            stem, _, kind = name.partition(".")
            if stem in loaded and (kind.endswith(MODULES) or not kind):
                return True
    return False


def begin_cold(job: "dict[str, Any]") -> "NoReturn":
    """Becomes what it would have been without this: a shell with the start script."""
    redirect([os.open(job["stdout"], os.O_WRONLY) if job["stdout"] else OUTPUTS[0], OUTPUTS[1]])
    for path in (*PRINTED, JOB, HOOK):
        os.remove(path)
    os.rmdir(FOLDER)
    with open("/proc/1/environ", "rb") as file:
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
        environment = {name: value for name, _, value in pairs}
    os.execve("/bin/sh", ["sh", COLD], environment)  # noqa: S606


def redirect(outputs: "Sequence[int]") -> None:
    """Has the standard streams go where they are meant to."""
    sys.stdout.flush()
    sys.stderr.flush()
    for number, descriptor in enumerate(outputs, 1):
        os.dup2(descriptor, number)
    for descriptor in {*OUTPUTS, *outputs}:
        os.close(descriptor)


def reopen() -> None:
    """Makes the standard streams as an interpreter makes them: what these were opened on was a file."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        old = getattr(sys, name)
        raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115 - it is the stream from now on
        raw.name = old.buffer.name
        new = io.TextIOWrapper(
            raw, old.encoding, old.errors, newline="\n", line_buffering=old.line_buffering, write_through=True
        )
        new.mode = "w"  # type: ignore[misc]
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)


def begin(job: "dict[str, Any]") -> None:
    """Puts everything where a process that starts now would find it."""
    outputs = [os.open(job["stdout"], os.O_WRONLY) if job["stdout"] else OUTPUTS[0], OUTPUTS[1]]
    said = []
    for path in PRINTED:
        with open(path, "rb") as file:
            said.append(file.read())
    redirect(outputs)
    reopen()
    for number, text in enumerate(said, 1):
        while text:
            text = text[os.write(number, text) :]
    if job["stdin"]:
        descriptor = os.open(job["stdin"], os.O_RDONLY)
        os.dup2(descriptor, 0)
        os.close(descriptor)
    for path in (*PRINTED, JOB, COLD, HOOK, *filter(None, (job["stdin"], job["stdout"]))):
        os.remove(path)
    os.rmdir(FOLDER)
    for folder in job["folders"]:
        os.makedirs(folder, exist_ok=True)
    os.chdir(job["cwd"])
    # Of a shell's own: where it is, and what came before.
    os.environ.update(job["env"], PWD=job["cwd"])
    sys.argv[1:] = job["args"]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv += job["args"]
    if "logging" in sys.modules:
        # What it counts from is when it was imported: seconds, and nanoseconds from Python 3.13 on.
        logging: Any = sys.modules["logging"]
        logging._startTime = time.time_ns() if isinstance(logging._startTime, int) else time.time()
    sys.path[:0] = job["search"]


def main(modules: "list[str]") -> None:
    """Waits, and gets ready."""
    make_way()
    warm(modules)
    leave_alone()
    os.kill(os.getpid(), signal.SIGSTOP)
    with open(JOB, encoding="utf-8", errors="surrogatepass") as file:
        job = json.load(file)
    if hidden([job["own"], *job["search"]]):
        begin_cold(job)
    begin(job)
