"""What holds for a run holds for a call of a script: once, whole, followed, ended, recorded."""

from __future__ import annotations

import json
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from skillbox_core import CancelToken, Runner, RunOptions, RunRequest, Settings, Status, input_files
from skillbox_core.cli.app import app
from skillbox_core.errors import InvalidRequestError
from skillbox_core.models import Call
from skillbox_core.run.steps import Steps
from tests.conftest import MakeSkill

MANY = "for number in range(40_000): print(f'line {number}')\n"


@pytest.fixture
def scripts(make_skill: MakeSkill) -> Any:
    """Makes a skill with a main.py and these scripts beside it."""
    return lambda **texts: make_skill("print()", files={f"{name}.py": text for name, text in texts.items()})


def test_what_a_script_printed_is_whole_for_whoever_takes_the_run_over(runner: Runner, scripts: Any) -> None:
    request = RunRequest(skill=scripts(many=MANY))
    options = RunOptions(key=uuid.uuid4().hex, call=Call(script="many.py", result="lines"))
    lost = Steps(Runner.from_settings(runner.installation.settings).installation)
    execution = lost.create_record(request, options)
    lost.create_container(execution, lost.load_skill(execution, options), request, options)
    result = runner.run(request, options)
    assert (result.execution_id, result.status) == (execution.id, Status.SUCCESS)
    assert result.output == [f"line {number}" for number in range(40_000)]


def test_one_key_is_one_execution_of_one_call(runner: Runner, scripts: Any) -> None:
    request = RunRequest(skill=scripts(when="import time\nprint(time.time_ns())\n"))
    options = RunOptions(key=uuid.uuid4().hex, call=Call(script="when.py"))
    first = runner.run(request, options)
    assert runner.run(request, options).output == first.output
    for other in (Call(script="when.py", args=("x",)), None):
        with pytest.raises(InvalidRequestError, match="another request"):
            runner.run(request, options.model_copy(update={"call": other}))


def test_what_is_printed_is_followed_as_the_log_with_secrets_left_out_and_is_the_result_as_it_is(
    runner: Runner, scripts: Any
) -> None:
    name = scripts(says="import os, sys\nprint('key', os.environ['KEY'], flush=True)\nprint('note', file=sys.stderr)\n")
    seen: list[tuple[str, str]] = []
    result = runner.run(
        RunRequest(skill=name, env={"KEY": "a-long-secret-word"}),
        RunOptions(call=Call(script="says.py")),
        on_log=lambda stream, line: seen.append((stream, line)),
    )
    assert result.output == "key a-long-secret-word\n"
    assert sorted(seen) == [("stderr", "note"), ("stdout", "key ***")]
    assert "a-long-secret-word" not in result.logs


def test_a_call_is_followed_while_it_runs_and_ended_when_it_is_cancelled(runner: Runner, scripts: Any) -> None:
    name = scripts(waits="import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    token = CancelToken()
    began = time.monotonic()
    result = runner.run(
        RunRequest(skill=name),
        RunOptions(call=Call(script="waits.py")),
        on_log=lambda _stream, _line: threading.Thread(target=token.cancel).start(),
        cancel=token,
    )
    assert result.status is Status.CANCELLED
    assert time.monotonic() - began < 30


def test_a_call_has_the_deadline_of_any_run_and_what_it_printed_is_no_result_then(runner: Runner, scripts: Any) -> None:
    name = scripts(waits="import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    result = runner.run(RunRequest(skill=name), RunOptions(call=Call(script="waits.py"), timeout="1s"))
    assert (result.status, result.logs[:6], result.has_output) == (Status.TIMEOUT, "begun\n", False)


def test_an_edited_file_is_a_copy(runner: Runner, scripts: Any, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("before")
    name = scripts(edits="import sys\nopen(sys.argv[1], 'a').write(' and after')\n")
    call = Call(script="edits.py", args=("{file:mine.txt}",), edit=True, result="file:mine.txt")
    result = runner.run(RunRequest(skill=name), RunOptions(call=call, files=input_files(str(mine))))
    assert (result.output, result.files_list, mine.read_text()) == ("before and after", ("mine.txt",), "before")


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("open('r/x.txt', 'w').write('written')", "written"),
        ("open('r/new', 'w').write('renamed'); os.replace('r/new', 'r/x.txt')", "renamed"),
        ("os.makedirs(OUT); open(f'{OUT}/x.txt', 'w').write('there'); open('r/x.txt', 'w').write('here')", "there"),
        ("open('there', 'w').write('linked'); os.symlink('/sandbox/there', 'r/x.txt')", None),
        ("os.mkfifo('r/x.txt')", None),
        (
            "os.rmdir('r'); os.makedirs('/tmp/r'); open('/tmp/r/x.txt', 'w').write('away'); os.symlink('/tmp/r', 'r')",
            None,
        ),
    ],
    ids=["written", "renamed", "both", "link", "pipe", "another file system"],
)
def test_a_named_result_is_the_file_that_is_there_at_the_end(
    text: str, output: str | None, runner: Runner, scripts: Any
) -> None:
    name = scripts(leaves=f"import os\nOUT = '/sandbox/out/files/r'\n{text}\n")
    result = runner.run(RunRequest(skill=name), RunOptions(call=Call(script="leaves.py", result="file:r/x.txt")))
    assert (result.output, result.has_output) == (output, output is not None)
    assert output is not None or "is missing" in str(result.error)


@pytest.mark.parametrize("name", [" -n", "-d/-r", "a 'b\"/$(touch pwned)`$HOME"])
def test_a_named_result_has_any_name_that_a_file_may_have(name: str, runner: Runner, scripts: Any) -> None:
    skill = scripts(leaves=f"open('./' + {name!r}, 'w').write('made')\n")
    result = runner.run(RunRequest(skill=skill), RunOptions(call=Call(script="leaves.py", result=f"file:{name}")))
    assert (result.output, result.files_list) == ("made", (name,))


def test_a_named_result_is_kept_however_the_script_ends_and_takes_the_place_of_a_copy(
    runner: Runner, scripts: Any, tmp_path: Path
) -> None:
    mine = tmp_path / "x.txt"
    mine.write_text("given")
    skill = scripts(leaves="import sys\nopen('x.txt', 'w').write('made')\nsys.exit(int(sys.argv[1]))\n")
    for code, edit in (("200", False), ("0", True)):
        call = Call(script="leaves.py", args=(code,), result="file:x.txt", edit=edit)
        given = input_files(str(mine)) if edit else ()
        result = runner.run(RunRequest(skill=skill), RunOptions(call=call, files=given))
        kept = runner.installation.artifacts.extract(result.artifacts, tmp_path / code)
        assert [path.read_text() for path in kept] == ["made"]


def test_a_named_result_that_is_below_the_output_already_is_collected_once(runner: Runner, scripts: Any) -> None:
    skill = scripts(leaves="open('/sandbox/out/x.txt', 'w').write('made')\n")
    result = runner.run(RunRequest(skill=skill), RunOptions(call=Call(script="leaves.py", result="file:out/x.txt")))
    assert (result.output, result.left_out) == ("made", ())


def test_a_file_that_the_skill_brings_along_is_no_result(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("", files={"quiet.py": "", "report.json": "{}"})
    call = Call(script="quiet.py", result="file:scripts/report.json")
    assert "is missing" in str(runner.run(RunRequest(skill=name), RunOptions(call=call)).error)


def test_a_script_that_is_not_there_is_said_with_those_that_are_before_there_is_a_record(
    runner: Runner, scripts: Any
) -> None:
    name = scripts(there="")
    with pytest.raises(InvalidRequestError, match=r"no script .*there\.py"):
        runner.run(RunRequest(skill=name), RunOptions(call=Call(script="gone.py")))
    assert runner.installation.executions.list("default", skill=name) == []


def test_a_result_is_held_against_the_skills_own_schema(runner: Runner, make_skill: MakeSkill) -> None:
    name = make_skill("", front="output_schema: {type: object}", files={"x.py": "import sys\nprint(sys.argv[1])\n"})
    results = [
        runner.run(RunRequest(skill=name), RunOptions(call=Call(script="x.py", args=(text,))))
        for text in ("{{}}", "[]")
    ]
    assert [result.status for result in results] == [Status.SUCCESS, Status.FAILED]
    assert "the result does not fit" in str(results[1].error)


def test_a_record_shows_the_call_and_the_exit_code(
    runner: Runner, scripts: Any, installation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", installation.instance)
    call = Call(script="ends.py", args=("{input.a}", ("-t", "{input.t?}"), "{input.w...?}"), ok_exit_codes={0, 3})
    request = RunRequest(skill=scripts(ends="import sys\nprint(7)\nsys.exit(3)\n"), input={"a": "b"})
    result = runner.run(request, RunOptions(call=call))
    shown = CliRunner().invoke(app, ["exec", "show", result.execution_id]).stdout
    assert f"call:         {call.text}\n" in shown
    assert "exit_code:    3\n" in shown
    told = json.loads(CliRunner().invoke(app, ["exec", "show", result.execution_id, "--json"]).stdout)
    assert Call.model_validate(told["call"]) == call
    assert runner.installation.executions.list("default", limit=1)[0].id == result.execution_id


def test_a_command_line_leaves_out_what_its_input_has_nothing_for(
    scripts: Any, installation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", installation.instance)
    name = scripts(echo="import json, sys\nprint(json.dumps([sys.argv[1:], sys.stdin.read()]))\n")
    args = ["--stdin", "{input.text?}", "--", "{if input.strict}--strict", "--t={input.t?}", "{input.w...}"]
    for given, right in (
        ('{"strict": true, "t": 1, "w": ["a b", "c"], "text": "x"}', [["--strict", "--t=1", "a b", "c"], "x"]),
        ('{"strict": false, "w": []}', [[], ""]),
    ):
        done = CliRunner().invoke(app, ["run", name, "echo.py", "--input", given, *args])
        assert json.loads(done.stdout) == right
    wrong = CliRunner().invoke(app, ["run", name, "echo.py", "--input", "{}", *args])
    assert '{input.w} is not in the input: {input} has no "w"' in str(wrong.exception)


def test_a_terminal_gets_what_a_script_printed_once_and_as_it_is(
    scripts: Any, installation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKILLBOX_HOME", str(installation.home))
    monkeypatch.setenv("SKILLBOX_INSTANCE", installation.instance)
    name = scripts(table="print('a,b')\nprint('1,2')\n", object="print('{\"a\": 1}')\n")
    assert CliRunner().invoke(app, ["run", name, "table.py"]).stdout == "a,b\n1,2\n"
    assert json.loads(CliRunner().invoke(app, ["run", name, "object.py"]).stdout) == {"a": 1}
    wrong = CliRunner().invoke(app, ["run", name, "--result", "text"])
    assert "--result is for a script" in str(wrong.exception)
