"""What docs/skills.md says a script sees is what it sees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from skillbox_core import Runner, Settings, Status
from skillbox_core.errors import InvalidRequestError
from tests.conftest import Run

PAGE = (Path(__file__).parents[4] / "docs" / "skills.md").read_text("utf-8")
SECTION = PAGE.partition("## What the script sees")[2].partition("\n## ")[0]

LOOK = """
import getpass, json, os, resource
from pathlib import Path
areas = {path: os.statvfs(path) for path in ("/sandbox", "/tmp", "/dev/shm")}
json.dump(
    {
        "names": sorted(os.environ),
        "paths": [path for path in os.environ["ASKED"].split() if Path(path).exists()],
        "folder": os.getcwd(),
        "script": str(Path(__file__).parent),
        "user": os.getuid(),
        "called": getpass.getuser(),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "inodes": [areas[path].f_files for path in ("/sandbox", "/tmp")],
        "sizes": [areas[path].f_blocks * areas[path].f_frsize >> 20 for path in areas],
        "noexec": [bool(areas[path].f_flag & os.ST_NOEXEC) for path in areas],
    },
    open(os.environ["SANDBOX_OUTPUT"], "w"),
)
"""


def test_the_paths_variables_and_limits_of_the_page_are_those_of_a_sandbox(
    run: Run, runner: Runner, tmp_path: Path
) -> None:
    rows = re.findall(r"^\| (?:`(/\S+)`)? *\| (?:`([A-Z_]+)`)?", SECTION, re.MULTILINE)
    paths = [path for path, _ in rows if path and path != "/sandbox/out/output.json"]
    names = {name for _, name in rows if name} | {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "USER", "LOGNAME"}
    assert (len(paths), len(names)) == (6, 10), rows
    result = run(LOOK, {"a": 1}, env={"ASKED": " ".join(paths)}, front="resources: {scratch: 128Mi}")
    assert result.status is Status.SUCCESS, result
    seen = result.output
    assert names <= set(seen["names"])
    assert "SANDBOX_INPUT_FILE" not in seen["names"]
    assert seen["paths"] == paths
    assert (seen["folder"], seen["script"]) == ("/sandbox", "/sandbox/scripts")
    assert seen["user"] in runner.installation.settings.sandbox_users
    users = Settings(home=tmp_path).sandbox_users
    assert f"({users[0]} to {users[-1]} by default)" in SECTION
    assert seen["called"] == "skill"
    assert (seen["files"], seen["inodes"], seen["sizes"]) == (1024, [16384, 16384], [128, 64, 16])
    assert seen["noexec"] == [True, True, True]


@pytest.mark.parametrize(
    "name", [*re.findall(r"`([A-Z_]+)`", SECTION.partition("may not set")[2].partition("\n\n")[0]),
             "HTTPS_PROXY", "LD_PRELOAD", "PYTHONPATH", "BASH_ENV", "GIT_DIR", "SANDBOX_X", "SKILL_X"],
)  # fmt: skip
def test_what_a_caller_may_not_set_is_refused(run: Run, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="may not be set by a caller"):
        run("", env={name: "x"})
