"""What a skill is given in its environment is in none of what is kept to be read."""

from __future__ import annotations

import pytest

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


ODD = "p\u00e4ss'w\u00f6rd \"q\\z~&x"

ODDLY = {
    "python": """
import json, os, shlex, html, sys, urllib.parse
key = os.environ["API_KEY"]
for form in (repr(key), ascii(key), ascii([key, 1]), repr(key.encode()), json.dumps({"k": key}), shlex.quote(key),
             json.dumps(key, ensure_ascii=False), urllib.parse.urlencode({"k": key}), html.escape(key)):
    print("1:", form)
    print("2:", form, file=sys.stderr)
os.mkfifo("/sandbox/out/files/" + key)
os.symlink("/", "/sandbox/out/files/" + urllib.parse.quote(key, safe=""))
os.mkfifo(b"/sandbox/out/files/" + key.encode("unicode_escape"))
json.dump(1, open("/sandbox/out/output.json", "w"))
raise SystemExit(f"failed with {key!a}")
""",
    "node": """
const util = require("util"), key = process.env.API_KEY;
for (const form of [util.inspect(key), JSON.stringify({k: key}), encodeURIComponent(key), util.inspect([key, "it's"]),
                    new URLSearchParams({k: key}).toString(), encodeURI(key)]) console.log("1:", form);
require("fs").writeFileSync("/sandbox/out/output.json", "1");
throw new Error(JSON.stringify(key));
""",
    "bash": """
printf '1: %q\\n' "$API_KEY"
echo "1: ${API_KEY@Q}"
declare -p API_KEY
export -p | grep API_KEY=
LC_ALL=C bash -c 'printf "1: %q\\n" "$API_KEY"'
set -x
: "$API_KEY"
: "it's $API_KEY"
exit 3
""",
}


@pytest.mark.parametrize("lang", ODDLY)
def test_a_value_is_redacted_in_each_form_in_which_a_language_prints_it(run: Run, runner: Runner, lang: str) -> None:
    live: list[str] = []
    result = run(ODDLY[lang], lang=lang, env={"API_KEY": ODD}, on_log=lambda _stream, line: live.append(line))
    assert not result.ok
    row = runner.installation.executions.get(result.tenant, result.execution_id)
    told = "\n".join([*live, row.logs, str(row.error), row.files_skipped, str(result.diagnosis), str(result.left_out)])
    assert told.count("***") >= 10
    for part in ("ss'w", "ssw", "rd ", "rd%20", "rd+", "q\\", "&x", "x26", "amp;x", "\\303", "E4", "e4"):
        assert part not in told.replace("export", ""), (part, told)
