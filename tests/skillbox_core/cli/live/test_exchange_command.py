"""`skillbox skill export` and `import`: a skill goes to a site that no index answers, and runs there."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

Call = Callable[..., subprocess.CompletedProcess[str]]


def test_a_site_without_an_index_runs_a_skill_with_its_packages(call: Call, pushed: Path, tmp_path: Path) -> None:
    early = call("skill", "export", "packed", "packed.skillbox", "--with-environment")
    assert early.returncode == 2
    assert "skillbox env build packed@1.0.0" in early.stderr
    assert not (tmp_path / "packed.skillbox").exists()
    assert call("env", "build", "packed").returncode == 0
    exported = call("skill", "export", "packed", "packed.skillbox", "--with-environment")
    assert exported.returncode == 0, exported.stderr
    assert call("skill", "export", "packed", "again.skillbox", "--with-environment").returncode == 0
    assert (tmp_path / "again.skillbox").read_bytes() == (tmp_path / "packed.skillbox").read_bytes()
    bare = call("skill", "export", "packed@1.0.0", "bare.skillbox")
    assert "--with-environment adds them" in bare.stderr

    (tmp_path / "index" / "greeter-1.0-py3-none-any.whl").unlink()
    imported = call("skill", "import", "packed.skillbox", home="away")
    assert imported.returncode == 0, imported.stderr
    assert "packed@1.0.0 stored" in imported.stdout
    ran = call("run", "packed", "--json", home="away")
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)["output"]) == 32
    again = call("skill", "import", "packed.skillbox", home="away")
    assert "packed@1.0.0 is there already" in again.stdout
    lacking = call("skill", "import", "bare.skillbox", home="third")
    assert lacking.returncode == 0, lacking.stderr
    assert "its first run asks the index" in lacking.stderr


def test_a_zip_of_a_folder_is_pushed_with_its_packages(call: Call, pushed: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "zipped"), "zip", pushed))
    again = call("skill", "push", str(archive))
    assert again.stdout == "packed@1.0.0 is there already\n", again.stderr
    new = call("skill", "push", str(archive), home="new")
    assert new.stdout == "packed@1.0.0 stored\n", new.stderr
    assert "greeter==1.0 by requirements.txt, locked for Python" in new.stderr
    ran = call("run", "packed", "--json", home="new")
    assert len(json.loads(ran.stdout)["output"]) == 32, ran.stderr
