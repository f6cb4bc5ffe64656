"""What a skill is given in its environment is in none of what is kept to be read."""

from __future__ import annotations

from skillbox_core import Runner
from tests.conftest import Run

SECRET = "canary-5ecret-value"

TELLTALE = """
import json, os, sys
key = os.environ["API_KEY"]
print("to stdout", key)
print("to stderr", key, file=sys.stderr)
print("x" * 16380 + key)
for char in key: print(char, end="", flush=True)
print()
os.symlink("/", f"/sandbox/out/files/{key}")
json.dump({"key": key}, open("/sandbox/out/output.json", "w"))
"""


def test_values_are_redacted_in_live_logs_and_in_the_record_and_stay_in_the_output(run: Run, runner: Runner) -> None:
    live: list[str] = []
    result = run(TELLTALE, env={"API_KEY": SECRET}, on_log=lambda _stream, line: live.append(line))
    assert result.ok, result
    assert SECRET not in "".join(live)
    assert "to stdout ***" in live
    assert "to stderr ***" in live
    row = runner.installation.executions.get(result.tenant, result.execution_id)
    assert SECRET not in f"{row.logs} {row.input} {row.error} {row.request_digest}"
    assert "not collected: ***" in row.logs
    # Data stays as it is: the next skill works with it.
    assert result.output == {"key": SECRET}
