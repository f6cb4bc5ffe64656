"""The command line as a person and a script use it: output, exit codes, one sentence for bad input."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, Settings, Status
from skillbox_core.cli.executions import age
from skillbox_core.models import Verdict
from skillbox_core.storage.execution_writes import NewExecution
from tests.conftest import EXAMPLES, MakeSkill
from tests.services.commands import Command
from tests.services.web import Page, web

SKILLBOX = str(Path(sys.executable).parent / "skillbox")


@pytest.fixture
def cli(cli_environment: dict[str, str], runner: Runner, command: Command):
    def call(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return command(*arguments, env={**cli_environment, **more}, stdin=stdin)

    return call


def test_json_prints_one_run_result_and_nothing_else_on_stdout(cli) -> None:
    done = cli("run", "stats", "--input", f"@{EXAMPLES / 'inputs' / 'stats.json'}", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert list(result) == [
        "execution_id",
        "status",
        "output",
        "files_url",
        "files_list",
        "logs",
        "duration_ms",
        "error",
    ]
    assert (result["status"], result["error"]) == ("success", None)
    assert "stats.csv" in result["files_list"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "always-fails"], 1, "exit code 3"),
        (["run", "no-such-skill"], 2, "there is no skill no-such-skill"),
        (["run", "stats@9.9.9"], 2, "there is 1.0.0"),
        (["run", "stats@1.0.0", "--version", "9.9.9"], 2, "two versions"),
        (["run", "stats@^2"], 2, "/store/skills (there is 1.0.0)"),
        (["run", "stats", "--version", ">=1"], 2, '">=1" is not a version'),
        (["run", "statz"], 2, "did you mean stats?"),
        (["run", "stats", "--input", "{oops"], 2, "not JSON"),
        (
            ["run", "text-summary", "--input", '{"text": "x", "sentences": 0}'],
            2,
            "sentences breaks the rule minimum: 1",
        ),
        (["run", "stats", "--input", "@/no/such/file"], 2, "can't be read"),
        (["run", "../no-such-x"], 2, "not a valid name"),
        (["run", "statz"], 2, "there is no skill statz for tenant default in /"),
        (["run", "stats", "--tenant", "other"], 2, "there is no skill stats for tenant other"),
        (["run", str(EXAMPLES / "skills" / "stats")], 2, "is a folder: `skillbox skill push /"),
        (["run", "stats", "--env", "PATH=/x"], 2, "may not be set"),
        (["run", "stats", "--env", "novalue"], 2, "NAME=VALUE"),
        (["run", "stats", "--timeout", "soon"], 2, "for example 60s"),
        (["run", "stats", "--memory", "99Gi"], 2, "SKILLBOX_MAX_MEMORY"),
        (["run", "stats", "--file", "/no/such/file"], 2, "there is no file or folder"),
        (["run", "stats", "--file", "../x=/etc/hostname"], 2, "'..' part"),
        (["run", "stats", "--file", ""], 2, "named by an empty text"),
        (["run", "stats", "--file", "data="], 2, "named by an empty text"),
        (["run", "slow", "--timeout", "1s"], 3, "deadline"),
        (["skill", "push", "/no/such/folder"], 2, "neither"),
        (
            ["skill", "package", str(EXAMPLES / "skills" / "stats"), "--out", "/no/such/x.zip"],
            2,
            "/no/such/x.zip can't",
        ),
        (["skill", "show", "nothing-here"], 2, "there is no skill"),
        (["skill", "delete", "stats"], 2, "which version"),
        (["exec", "show", "zz"], 2, "not valid"),
        (["exec", "show", "abcdef0"], 2, "the first 8 or more"),
        (["exec", "logs", "abcdef0%"], 2, "not valid"),
        (["exec", "files", "0" * 8], 2, "there is no execution"),
        (["exec", "show", "0" * 32], 2, "there is no execution"),
        (["deploy", "stats", "--serve", "--pool", "x"], 2, "only one of them"),
        (["frobnicate"], 2, "No such command"),
    ],
)
def test_each_ending_has_its_exit_code_and_one_clear_sentence(cli, arguments: list[str], code: int, said: str) -> None:
    done = cli(*arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr


def shell(environment: dict[str, str], line: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a shell does with a line, in which `"$@"` is the command."""
    command = ["bash", "-c", line, "bash", SKILLBOX, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("line", "arguments", "code", "said"),
    [
        ('"$@" >/dev/full', ["skill", "show", "stats"], 4, "skillbox: No space left on device\n"),
        ('"$@" >/dev/full', ["run", "no-such-skill"], 2, "there is no skill no-such-skill"),
        ('"$@" | true; exit ${PIPESTATUS[0]}', ["skill", "show", "stats"], 4, ""),
        ('"$@" >&-', ["exec", "list", "--json"], 0, ""),
        ('"$@" <&-', ["run", "stats", "--input", "-"], 2, "stdin is not JSON"),
        (
            'printf "\\351" | PYTHONIOENCODING=utf-8 "$@"',
            ["run", "stats", "--input", "-"],
            2,
            "stdin can't be read: it is not UTF-8",
        ),
    ],
)
def test_streams_that_are_closed_or_full_end_in_one_sentence_too(
    cli_environment: dict[str, str], runner: Runner, line: str, arguments: list[str], code: int, said: str
) -> None:
    done = shell(cli_environment, line, *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr
    assert said or not done.stderr


@pytest.mark.parametrize("line", ['"$@" >/dev/full', '"$@" | head -1', 'PYTHONIOENCODING=ascii "$@"'])
def test_a_run_does_not_end_with_the_one_who_watches_it(
    cli_environment: dict[str, str], runner: Runner, make_skill: MakeSkill, line: str
) -> None:
    script = "import os, time\nfor i in range(3): print('caff\\xe8', flush=True); time.sleep(0.2)\n"
    name = make_skill(script + "open(os.environ['SANDBOX_OUTPUT'], 'w').write('1')")
    done = shell(cli_environment, line, "run", name)
    assert "Traceback" not in done.stderr
    row = runner.installation.executions.get(
        "default", runner.installation.executions.list("default", skill=name)[0].id
    )
    assert (row.status, row.error, row.logs) == ("success", None, "caff\xe8\n" * 3)


def test_an_env_file_of_the_installation_that_can_not_be_read_is_named(cli, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SKILLBOX_RUNTIME=\xe9\n")
    done = cli("exec", "list", SKILLBOX_HOME=str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert f"{tmp_path}/.env can't be read: it is not UTF-8" in done.stderr


def test_a_download_that_fails_leaves_the_result_and_has_its_own_exit_code(cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "here" / "stats.csv").mkdir(parents=True)
    for target, named in (("file", "file"), ("file/below", "file/below"), ("here", "here/stats.csv")):
        done = cli(
            "run", "stats", "-i", f"@{EXAMPLES / 'inputs' / 'stats.json'}", "--json",
            "--download", str(tmp_path / target),
        )  # fmt: skip
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert json.loads(done.stdout)["status"] == "success"
        assert f"{tmp_path / named} can't be written: " in done.stderr


def test_infrastructure_is_exit_code_4(cli) -> None:
    done = cli("run", "word-count", "--input", '{"text": "x"}', SKILLBOX_DOCKER_HOST="unix:///no/such.sock")
    assert done.returncode == 4
    assert "`skillbox setup` finds an engine" in done.stderr
    assert cli("health", SKILLBOX_DOCKER_HOST="unix:///no/such.sock").returncode == 4
    wrong = cli("exec", "list", SKILLBOX_DB_DSN="postgresql://nobody@127.0.0.1:1/none")
    assert wrong.returncode == 4
    assert "Traceback" not in wrong.stderr


def test_a_wrong_setting_is_named(cli) -> None:
    done = cli("exec", "list", SKILLBOX_DEFAULT_TIMEOUT="1h")
    assert done.returncode == 2
    assert "SKILLBOX_DEFAULT_TIMEOUT 1h is above SKILLBOX_MAX_TIMEOUT 10m" in done.stderr


def test_ctrl_c_cancels_the_run(cli_environment: dict[str, str], runner: Runner) -> None:
    process = subprocess.Popen(
        [SKILLBOX, "run", "slow", "--json"],
        env=cli_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    assert "second 1" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert json.loads(out)["status"] == "cancelled"


def test_a_skill_written_by_init_runs_as_it_is(cli, tmp_path: Path) -> None:
    for lang in ("python", "node", "bash"):
        folder = tmp_path / f"new-{lang}"
        assert cli("init", f"new-{lang}", "--lang", lang, "--folder", str(folder)).returncode == 0
        assert cli("skill", "lint", str(folder)).returncode == 0
        pushed = cli("skill", "push", str(folder))
        assert "stored" in pushed.stdout, pushed.stderr
        assert "is there already" in cli("skill", "push", str(folder)).stdout
        done = cli("run", f"new-{lang}", "--input", f"@{folder / 'input.json'}", "--download", str(tmp_path / lang))
        assert done.returncode == 0, done.stderr
        assert any((tmp_path / lang).rglob("*"))
        again = cli("init", f"new-{lang}", "--lang", lang, "--folder", str(folder))
        assert again.returncode == 2


def test_schemas_are_shown_and_checked_by_lint(cli, tmp_path: Path) -> None:
    shown = cli("skill", "show", "text-summary")
    assert '"sentences": {' in shown.stdout
    assert json.loads(cli("skill", "show", "text-summary", "--json").stdout)["input_schema"]["required"] == ["text"]
    folder = tmp_path / "odd"
    cli("init", "odd", "--folder", str(folder))
    skill = folder / "SKILL.md"
    skill.write_text(skill.read_text().replace("minLength: 1", "minLength: few"))
    linted = cli("skill", "lint", str(folder))
    assert linted.returncode == 2
    assert "input_schema: is not a valid schema: properties.name.minLength must be of type" in linted.stderr


def test_a_version_never_changes(cli, tmp_path: Path) -> None:
    folder = tmp_path / "fixed"
    cli("init", "fixed", "--folder", str(folder))
    assert cli("skill", "push", str(folder)).returncode == 0
    (folder / "main.py").write_text("print('other')")
    changed = cli("skill", "push", str(folder))
    assert changed.returncode == 2
    assert "raise the version" in changed.stderr
    assert cli("skill", "delete", "fixed@1.0.0").returncode in (0, 2)


def test_packages_are_the_same_bytes_each_time(cli, tmp_path: Path) -> None:
    outs = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for out in outs:
        assert cli("skill", "package", str(EXAMPLES / "skills" / "chart"), "--out", str(out)).returncode == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_a_skill_packaged_in_its_own_folder_is_no_part_of_itself(cli, cli_environment, tmp_path: Path) -> None:
    folder = tmp_path / "inward"
    cli("init", "inward", "--folder", str(folder))
    made = []
    for _ in range(2):
        done = shell(cli_environment, f'cd {folder} && "$@"', "skill", "package", ".")
        assert done.returncode == 0, done.stderr
        made.append((folder / "inward-1.0.0.zip").read_bytes())
    assert made[0] == made[1]
    assert "stored" in cli("skill", "push", str(folder)).stdout
    assert "is there already" in cli("skill", "push", str(folder / "inward-1.0.0.zip")).stdout
    done = cli("skill", "package", str(folder), "--out", str(folder / "mine.zip"))
    assert (done.returncode, "would be a part of the skill" in done.stderr) == (2, True)
    assert not (folder / "mine.zip").exists()


def test_a_folder_that_can_not_be_packed_does_not_keep_the_others_from_it(cli, tmp_path: Path) -> None:
    for name in ("first-of-two", "second-of-two"):
        cli("init", name, "--folder", str(tmp_path / name))
    (tmp_path / "first-of-two" / os.fsdecode(b"caf\xe9.txt")).touch()
    done = cli("skill", "push", str(tmp_path / "first-of-two"), str(tmp_path / "second-of-two"))
    assert (done.returncode, done.stdout) == (2, "second-of-two@1.0.0 stored\n")
    assert "'caf\\udce9.txt' is not UTF-8" in done.stderr


def test_one_corrupt_skill_is_named_and_the_others_are_listed(cli, installation: Settings, tmp_path: Path) -> None:
    for name in ("is-corrupt", "is-whole"):
        cli("init", name, "--folder", str(tmp_path / name))
        assert cli("skill", "push", str(tmp_path / name), "--tenant", "corrupt").returncode == 0
    [stored] = (installation.home / "store").rglob("corrupt/is-corrupt/1.0.0/*.zip")
    stored.write_bytes(b"corrupt")
    for cached in (installation.home / "cache").rglob("*.zip"):
        cached.unlink()
    for arguments in ([], ["--json"]):
        done = cli("skill", "list", "--tenant", "corrupt", *arguments)
        assert done.returncode == 4
        assert "is-whole" in done.stdout
        assert "is-corrupt" not in done.stdout
        assert "skillbox: is-corrupt: " in done.stderr


def test_records_logs_and_files_can_be_read_later(cli, tmp_path: Path) -> None:
    run = json.loads(cli("run", "split-table", "-i", f"@{EXAMPLES / 'inputs' / 'split-table.json'}", "--json").stdout)
    listed = cli("exec", "list", "--skill", "split-table", "--json")
    assert json.loads(listed.stdout)["executions"][0]["id"] == run["execution_id"]
    assert cli("exec", "logs", run["execution_id"]).stdout == run["logs"]
    assert cli("exec", "files", run["execution_id"]).stdout.split() == run["files_list"]
    shown = json.loads(cli("exec", "show", run["execution_id"], "--json").stdout)
    assert {**shown, **run} == shown
    cli("exec", "files", run["execution_id"], "--download", str(tmp_path))
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == run["files_list"]
    assert cli("exec", "show", run["execution_id"], "--tenant", "other").returncode == 2
    assert "+00:00" in cli("exec", "show", run["execution_id"]).stdout
    assert "Z" in cli("exec", "list").stdout.splitlines()[0].split("\t")[5]


def test_an_execution_is_found_by_the_first_digits_of_its_id_within_its_tenant(cli, runner: Runner) -> None:
    ids = {
        "default": ["aaaaaaaa" + "0" * 24, "bbbbbbbb1" + "0" * 23, "bbbbbbbb2" + "0" * 23, "dddddddd" + "0" * 24],
        "prefixed": ["cccccccc" + "0" * 24, "dddddddd" + "1" * 24],
    }
    for tenant, tenants in ids.items():
        for number in tenants:
            request = NewExecution(
                number, tenant, "stats", "", "{}", f"{tenant}/{number}", "d", "a-flow-run", 0, "none"
            )
            execution = runner.installation.executions.open(request, lambda: "1.0.0")
            runner.installation.executions.close(execution, Verdict(status=Status.SUCCESS, logs=f"log of {number}\n"))
    assert cli("exec", "logs", "aaaaaaaa").stdout == f"log of {ids['default'][0]}\n"
    assert cli("exec", "logs", "BBBBBBBB-1").stdout == f"log of {ids['default'][1]}\n"
    # Of two tenants' ids that begin alike, each tenant has its own.
    assert cli("exec", "logs", "dddddddd").stdout == f"log of {ids['default'][3]}\n"
    assert cli("exec", "logs", "dddddddd", "--tenant", "prefixed").stdout == f"log of {ids['prefixed'][1]}\n"
    shown = cli("exec", "show", "aaaaaaaa").stdout
    assert f"id:           {ids['default'][0]}" in shown
    assert "flow_run:     a-flow-run" in shown
    left = cli("exec", "files", "aaaaaaaa")
    assert (left.returncode, left.stdout, "left no files" in left.stderr) == (0, "", True)
    two = cli("exec", "logs", "bbbbbbbb")
    assert (two.returncode, two.stdout, "more than one execution begins with" in two.stderr) == (2, "", True)
    for command in (["show"], ["show", "--json"], ["logs"], ["files"]):
        theirs = cli("exec", *command, "cccccccc")
        assert (theirs.returncode, theirs.stdout, "there is no execution" in theirs.stderr) == (2, "", True)


def on_terminal(command: list[str], environment: dict[str, str]) -> str:
    """What a command draws on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, env={**environment, "TERM": "xterm"}, stdout=theirs, stderr=theirs) as process:
        process.wait(60)
    os.close(theirs)
    drawn = os.read(ours, 100_000).decode()
    os.close(ours)
    return drawn


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_a_narrow_terminal_leaves_out_columns_and_never_shortens_what_is_typed_next(
    cli, cli_environment: dict[str, str], columns: int
) -> None:
    run = json.loads(cli("run", "word-count", "-i", '{"text": "x"}', "--json").stdout)
    command = [SKILLBOX, "exec", "list", "--skill", "word-count", "--limit", "1"]
    drawn = on_terminal(command, {**cli_environment, "COLUMNS": str(columns)})
    head, row, *more = drawn.splitlines()
    assert row.split()[:2] == [run["execution_id"][:8], "word-count@1.0.0"], drawn
    assert ("STATUS" in head, "AGE" in head, "DURATION" in head) == (columns > 40,) * 3
    # Others may have run it before: then the way to them comes below, and nothing else.
    assert [line[:8] for line in more] in ([], ["shown: 1"]), drawn


@pytest.fixture
def failed(cli, make_skill: MakeSkill) -> tuple[str, str, Any]:
    """A skill that raises: its name, and what the command line says of it without and with --json."""
    name = make_skill("def work(): raise ValueError('bad row 17\\nand 18')\nwork()")
    return name, cli("run", name).stderr, cli("run", name, "--json")


def test_the_reason_of_a_failure_is_the_line_after_its_facts(failed: tuple[str, str, Any]) -> None:
    name, plain, with_json = failed
    for said in (plain, with_json.stderr):
        facts, reason = said.splitlines()[-2:]
        assert facts.startswith(f"{name}@1.0.0 · failed: exit · ")
        assert reason == "skillbox: ValueError: bad row 17 (exit code 1)"
    assert json.loads(with_json.stdout)["error"] == "ValueError: bad row 17 (exit code 1)"
    assert len(with_json.stdout.splitlines()) == 1


def test_a_success_with_json_says_nothing_beside_its_result(cli) -> None:
    done = cli("run", "word-count", "-i", '{"text": "x"}', "--json")
    assert done.stderr == json.loads(done.stdout)["logs"]


def test_exec_show_says_in_json_all_that_it_says_as_text(cli, failed: tuple[str, str, Any]) -> None:
    run = json.loads(failed[2].stdout)
    shown = json.loads(cli("exec", "show", run["execution_id"], "--json").stdout)
    assert {**shown, **run} == shown
    text = cli("exec", "show", run["execution_id"]).stdout
    for key in [line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha() and ":   " in line]:
        assert key in shown or key in shown["diagnosis"], key
    diagnosis = shown["diagnosis"]
    assert (diagnosis["category"], diagnosis["summary"]) == ("exit", run["error"])
    assert diagnosis["detail"].endswith("ValueError: bad row 17\nand 18")
    assert "  ValueError: bad row 17\n  and 18\n" in text
    assert (shown["exit_code"], shown["memory_limit"] > shown["peak_memory"] > 0) == (1, True)


def test_the_list_says_why_on_a_terminal_of_80_columns(
    cli, cli_environment: dict[str, str], failed: tuple[str, str, Any]
) -> None:
    name, _, with_json = failed
    run = json.loads(with_json.stdout)
    drawn = on_terminal([SKILLBOX, "exec", "list", "--skill", name], {**cli_environment, "COLUMNS": "80"})
    head, first, second = re.sub(r"\x1b\[[0-9;]*m", "", drawn).splitlines()
    assert head.split() == ["ID", "SKILL", "STATUS", "AGE", "DURATION", "REASON"]
    assert all(len(line) <= 80 for line in (head, first, second))
    assert re.fullmatch(
        rf"{run['execution_id'][:8]}  {name}@1\.0\.0  failed  +\d+[sm]  +\d+\.\d\d s +  ValueError: bad r.*", first
    ), first
    assert cli("exec", "list", "--skill", name).stdout.splitlines()[0].split("\t")[:4] == [
        run["execution_id"],
        f"{name}@1.0.0",
        "failed",
        "ValueError: bad row 17 (exit code 1)",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"), (10**6, "11d")],
)
def test_an_age_is_told_in_one_unit(seconds: float, said: str) -> None:
    assert age(timedelta(seconds=seconds)) == said


def test_an_empty_list_says_what_to_do_next(cli, runner: Runner) -> None:
    home = runner.installation.settings.home
    skills = cli("skill", "list", "--tenant", "nobody")
    assert (skills.stdout, skills.stderr) == (
        "",
        f"no skills for tenant nobody in {home}/store/skills yet; `skillbox skill push FOLDER` stores one\n",
    )
    assert "`skillbox run NAME` makes one" in cli("exec", "list", "--tenant", "nobody").stderr
    assert cli("exec", "list", "--tenant", "nobody", "--status", "failed").stderr == (
        f"no such executions of tenant nobody in sqlite:///{home}/skillbox.db\n"
    )
    assert cli("exec", "list", "--tenant", "nobody", "--json").stdout == '{"executions": [], "next": null}\n'


def test_lint_and_push_warn_of_an_image_that_is_not_allowed_here(cli, tmp_path: Path) -> None:
    folder = tmp_path / "own-image"
    cli("init", "own-image", "--folder", str(folder))
    skill = folder / "SKILL.md"
    skill.write_text(skill.read_text().replace("lang: python", "lang: python\nimage: pandas:1"))
    for command in ("lint", "push"):
        done = cli("skill", command, str(folder))
        assert done.returncode == 0, done.stderr
        assert 'warning: own-image: image "pandas:1" is not allowed here' in done.stderr
        assert "SKILLBOX_IMAGE_ALLOWLIST" in done.stderr
    allowed = cli("skill", "lint", str(folder), SKILLBOX_IMAGE_ALLOWLIST="python:3.12-slim,pandas:1")
    assert "warning" not in allowed.stderr


def test_files_are_given_by_path_and_url_and_under_a_name(cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.csv").write_text("x\n2\n3\n")
    with web({"/c.csv": Page([b"x\n4\n"])}) as address:
        files = [str(tmp_path / "a.csv"), str(tmp_path / "more"), f"{address}/c.csv?sig=1", f"d.csv={tmp_path}/a.csv"]
        done = cli("run", "merge-tables", *(argument for file in files for argument in ("--file", file)), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["output"]["tables"] == {"a.csv": 1, "c.csv": 1, "d.csv": 1, "more/b.csv": 2}
    assert "input_files: ['a.csv', 'c.csv', 'd.csv', 'more/b.csv']" in " ".join(
        cli("exec", "show", result["execution_id"]).stdout.split()
    )


def test_names_of_any_language_come_out_and_what_is_left_out_is_named(cli, make_skill) -> None:
    name = make_skill(
        "import os, json\njson.dump(sorted(os.listdir('/sandbox/in/files')), open('/sandbox/out/output.json', 'w'))\n"
        "for name in ('می\\u200cخواهم.csv', 'a:b.csv', 'Case.txt', 'case.txt', 'ca\\u200dse.txt', 'x\\u202ey'):\n"
        "    open('/sandbox/out/files/' + name, 'w').close()\n"
    )
    made = cli("run", name)
    assert made.returncode == 0, made.stderr
    for kept in ("می\u200cخواهم.csv", "a:b.csv", "Case.txt"):
        assert f"file {kept}\n" in made.stderr
    assert re.search(r"left out ca(\\u200d)?se.txt: it looks like ca(\\u200d)?se.txt: by invisible", made.stderr)
    assert "left out x\\u202ey: a path has control or invisible characters" in made.stderr
    first = json.loads(cli("run", name, "--json").stdout)
    assert "left_out" not in first


def test_a_pattern_gives_all_files_that_match(cli, make_skill, tmp_path: Path) -> None:
    for file in ("a.csv", "b.csv", "c.txt"):
        (tmp_path / file).touch()
    name = make_skill(
        "import os, json\njson.dump(sorted(os.listdir('/sandbox/in/files')), open('/sandbox/out/output.json', 'w'))\n"
    )
    assert json.loads(cli("run", name, "--json", "--file", f"{tmp_path}/*.csv").stdout)["output"] == ["a.csv", "b.csv"]
    nothing = cli("run", name, "--file", f"{tmp_path}/*.tsv")
    assert (nothing.returncode, "no file matches" in nothing.stderr) == (2, True)


def test_input_from_stdin_and_control_characters_are_shown_harmless(cli, tmp_path: Path) -> None:
    folder = tmp_path / "shout"
    cli("init", "shout", "--lang", "bash", "--folder", str(folder))
    (folder / "main.sh").write_text("printf '\\033[31mred\\n'; cat /sandbox/input.json >$SANDBOX_OUTPUT")
    cli("skill", "push", str(folder))
    done = cli("run", "shout", "--input", "-", stdin='{"a": [1]}')
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[31mred" in done.stdout


def test_a_secret_is_given_by_name_or_by_file_and_is_no_argument(cli, tmp_path: Path) -> None:
    folder = tmp_path / "env-probe"
    cli("init", "env-probe", "--lang", "bash", "--folder", str(folder))
    (folder / "main.sh").write_text(
        'printf \'["%s","%s","%s"]\' "${#FROM_HERE}" "$FROM_FILE" "$BOTH" >"$SANDBOX_OUTPUT"\n'
    )
    assert cli("skill", "push", str(folder)).returncode == 0
    (tmp_path / "vars").write_text("# variables\nFROM_FILE='a b$c'\nBOTH=file\n")
    arguments = ["run", "env-probe", "--env-file", str(tmp_path / "vars"), "--env", "FROM_HERE", "-e", "BOTH=argument"]
    done = cli(*arguments, "--json", FROM_HERE="hunter2hunter2")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == ["14", "a b$c", "argument"]
    missing = cli("run", "env-probe", "-e", "A=1", "-e", "FROM_NOWHERE")
    assert (missing.returncode, "number 2" in missing.stderr, "FROM_NOWHERE" in missing.stderr) == (2, True, False)
    (tmp_path / "vars").write_text("hunter2\n")
    odd = cli("run", "env-probe", "--env-file", str(tmp_path / "vars"))
    assert (odd.returncode, "not NAME=VALUE" in odd.stderr, "hunter2" in odd.stderr) == (2, True, False)
    assert cli("run", "env-probe", "--env-file", str(tmp_path / "none")).returncode == 2


@pytest.mark.by_itself
def test_cleanup_and_doctor_and_version(cli) -> None:
    assert cli("cleanup", "--dry-run").stdout == "nothing to clean up\n"
    doctor = cli("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "walls standing" in doctor.stdout
    assert cli("health").stdout == "ok\n"
    assert cli("version").stdout.strip().count(".") == 2
    assert cli("--version").stdout == cli("version").stdout
    assert "NAME[@VERSION]" in cli("run", "--help", COLUMNS="100").stdout
    assert os.environ.get("SKILLBOX_DOCKER_HOST")
