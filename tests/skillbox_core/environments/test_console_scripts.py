"""Console scripts: written anew, for the image's own Python."""

from __future__ import annotations

import pytest

from skillbox_core.environments.scripts import console_scripts, with_own_interpreter


@pytest.mark.parametrize(
    ("entry_points", "scripts"),
    [
        ("[console_scripts]\nf2py = numpy.f2py.f2py2e:main\n",
         {"f2py": "#!/usr/bin/env python3\nimport sys\nfrom numpy.f2py.f2py2e import main\nsys.exit(main())\n"}),
        ("[console_scripts]\nA.b = a:B.run [extra]\n",
         {"A.b": "#!/usr/bin/env python3\nimport sys\nfrom a import B\nsys.exit(B.run())\n"}),
        ("[gui_scripts]\ng = a:b\n", {"g": "#!/usr/bin/env python3\nimport sys\nfrom a import b\nsys.exit(b())\n"}),
        ("[pytest11]\nx = a\n", {}),
        ("[console_scripts]\n../../evil = a:b\n", {}),
        ("[console_scripts]\na/b = a:b\n", {}),
        (".. = a:b", {}),
        ("[console_scripts]\nx = a:b(); import os\n", {}),
        ("[console_scripts]\nx = a; evil:b\n", {}),
        ("[console_scripts]\nx = a\n", {}),
        ("[console_scripts]\nx = %(y)s:b\n", {}),
        ("not an ini", {}),
    ],
)  # fmt: skip
def test_scripts_are_made_of_names_and_nothing_else(entry_points: str, scripts: dict[str, str]) -> None:
    assert {name: text.decode() for name, text in console_scripts(entry_points.encode()).items()} == scripts


@pytest.mark.parametrize(
    ("script", "becomes"),
    [
        (b"#!/venv/bin/python\nprint(1)\n", b"#!/usr/bin/env python3\nprint(1)\n"),
        (b"#!/bin/sh\n'''exec' \"/venv/bin/python\" \"$0\" \"$@\"\n' '''\nprint(1)\n",
         b"#!/usr/bin/env python3\nprint(1)\n"),
        (b"#!/bin/sh\necho 1\n", b"#!/bin/sh\necho 1\n"),
        (b"\x7fELF", b"\x7fELF"),
    ],
)  # fmt: skip
def test_a_packages_own_script_loses_the_packagers_interpreter(script: bytes, becomes: bytes) -> None:
    assert with_own_interpreter(script, "/venv/bin/python") == becomes
