"""How a skill's interpreter finds its environment: behind the standard library, in front of the image's own. Pure.

Node looks for packages in the `node_modules` of each folder above the real path of who asks, `import` nowhere else: a
link above the skill leads to those of the environment. What the skill brings along lies nearer, and comes first.

A user base is what Python has for that (PEP 370): `site` puts its packages between the two, and runs its `.pth` files
as it does those of site-packages, in the sandbox and as the skill. A virtual environment takes no notice of a user
base; in an image whose `python3` is one, a `sitecustomize` module does the same, and makes way for the image's own.
"""

from __future__ import annotations

import shlex

from skillbox_core.sandbox.treetar import ROOT

USER_BASE = f"/{ROOT}"
"""Where an environment lies in its image."""
_SITE = "/sandbox/.site"

_SITECUSTOMIZE = f"""
import os, site, sys


def add(folder):
    theirs = site.getsitepackages()
    at = next((n for n, entry in enumerate(sys.path) if entry in theirs), len(sys.path))
    known = len(sys.path)
    site.addsitedir(folder)
    sys.path[at:] = sys.path[known:] + sys.path[at:known]


sys.path[:] = [entry for entry in sys.path if entry != {_SITE!r}]
if not site.ENABLE_USER_SITE:
    add("{{}}/lib/python{{}}.{{}}/site-packages".format(os.environ["PYTHONUSERBASE"], *sys.version_info[:2]))
me = sys.modules.pop(__name__)
try:
    import sitecustomize
except ImportError:
    sys.modules[__name__] = me
"""


def environment_variables() -> dict[str, str]:
    """What a skill with an environment is told beside what every skill is."""
    return {
        "PYTHONUSERBASE": USER_BASE,
        # What an image says to keep its user's packages out would keep these out; empty, it says nothing.
        "PYTHONNOUSERSITE": "",
        # Their packages' own folders can't be written.
        "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108 - the sandbox's own tmpfs
        "NUMBA_CACHE_DIR": "/tmp/numba",  # noqa: S108
        "XDG_CACHE_HOME": "/tmp/.cache",  # noqa: S108
    }


def environment_lines(lang: str) -> list[str]:
    """Lines of the start script that come after the variables, in POSIX shell.

    Console scripts are found in the order of imports: the environment's, then the image's.
    """
    if lang == "node":
        return [f"ln -s {USER_BASE}/node_modules /sandbox/node_modules"]
    return [
        'python=$(command -v python3) || python=""',
        # Where an interpreter looks for it itself: beside its own file, and one folder above.
        'if [ -f "${python%/*}/pyvenv.cfg" ] || [ -f "${python%/*/*}/pyvenv.cfg" ]; then',
        f"mkdir -p {_SITE} && printf %s {shlex.quote(_SITECUSTOMIZE)} >{_SITE}/sitecustomize.py",
        f'export PYTHONPATH="{_SITE}${{PYTHONPATH:+:$PYTHONPATH}}"',
        "fi",
        f'export PATH="{USER_BASE}/bin${{PATH:+:$PATH}}"',
    ]
