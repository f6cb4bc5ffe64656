"""Runs of skills that say which files they take and leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillbox_core import Reason, Runner, RunOptions, RunRequest, Status, input_files
from skillbox_core.models import Call
from tests.conftest import MakeSkill

WRITE = """import json, os, shutil
given = json.load(open('/sandbox/input.json'))
for name, text in given.items():
    path = os.path.join('/sandbox/out/files', name)
    open(path, 'wb').write(text.encode('latin-1'))
json.dump({}, open('/sandbox/out/output.json', 'w'))
"""
FRONT = 'output_files: ["*.csv", {name: chart.png, media_type: image/png, required: false}]'


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ({"a.csv": "a\n"}, None),
        ({"a.csv": "a\n", "chart.png": "\x89PNG\r\n\x1a\n..."}, None),
        ({"notes.txt": "a\n"}, "the skill left no file *.csv, which output_files requires; it left notes.txt"),
        ({"a.csv": "a", "chart.png": "<html>"}, "the skill left the file chart.png as image/png, and it is none"),
    ],
)
def test_a_run_fails_that_does_not_leave_what_its_skill_says_and_keeps_what_it_left(
    runner: Runner, make_skill: MakeSkill, left: dict[str, str], said: str | None
) -> None:
    result = runner.run(RunRequest(skill=make_skill(WRITE, front=FRONT), input=left))
    assert result.files_list == tuple(sorted(left))
    if said is None:
        assert result.status is Status.SUCCESS, result.error
        return
    assert (result.status, result.reason, result.output) == (Status.FAILED, Reason.OUTPUT, {})
    assert said in (result.error or "")


def test_a_run_is_not_started_on_a_file_of_another_type(runner: Runner, make_skill: MakeSkill, tmp_path: Path) -> None:
    name = make_skill(WRITE, front="input_files: [{name: '*.csv', media_type: text/csv}]")
    table = tmp_path / "a.csv"
    for data, status in ((b"a,b\n", Status.SUCCESS), (b"a,\xe9\n", Status.FAILED)):
        table.write_bytes(data)
        result = runner.run(RunRequest(skill=name, input={}), RunOptions(files=input_files(str(table))))
        assert result.status is status, result.error
    assert (result.reason, result.usage.exit_code) == (Reason.INPUT, None)
    assert f"{name} takes the file a.csv as text/csv, and it is none: it is not UTF-8 (byte 2)" in (result.error or "")


def test_an_answer_without_its_files_is_told_apart_from_an_error(runner: Runner, make_skill: MakeSkill) -> None:
    overlay = """entrypoints:
  check: {script: a.py, ok_exit_codes: [0, 1], output_files: [a.csv]}
"""
    script = "import sys\nprint(1)\nsys.exit(1)\n"
    name = make_skill("print()", files={"a.py": script, ".skillbox/overlay.yaml": overlay})
    result = runner.run(RunRequest(skill=name), RunOptions(call=Call(entrypoint="check")))
    assert (result.status, result.reason) == (Status.FAILED, Reason.EXIT)
    assert "left no file a.csv, which output_files requires" in (
        result.diagnosis.resolution if result.diagnosis else ""
    )
