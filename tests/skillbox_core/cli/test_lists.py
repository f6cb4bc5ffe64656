"""The lists of the command line come in pages, and say how the next one is had."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.installation import Installation
from tests.services.commands import Command
from tests.services.records import fill, record
from tests.skillbox_core.storage.live.test_skill_lists import archive

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(tmp_path: Path, command: Command) -> Call:
    """Calls the command in an installation with 30 records and 5 skills."""
    home = tmp_path / "home"
    installation = Installation.from_settings(Settings(home=home, db_dsn="", s3_endpoint=""))
    fill(installation.executions._database, (record(number) for number in range(30)))
    for name in "abcde":
        installation.registry.push("default", archive(tmp_path, name))
    environment = {**os.environ, "SKILLBOX_HOME": str(home), "NO_COLOR": "1"}
    return lambda *arguments: command(*arguments, env=environment, cwd=tmp_path)


def test_a_list_of_executions_says_how_many_it_shows_and_how_older_ones_are_seen(call: Call) -> None:
    first = call("exec", "list")
    ids = [line.split("\t")[0] for line in first.stdout.splitlines()]
    assert ids == [record(number)["id"] for number in order()][:20]
    assert first.stderr == (
        f"shown: 20; there are older ones: add `--after {ids[-1]}` to see those, or `--limit N` to see more at once\n"
    )
    for after in (ids[-1], ids[-1][:8]):
        second = call("exec", "list", "--after", after)
        assert [line.split("\t")[0] for line in second.stdout.splitlines()] == [
            record(number)["id"] for number in order()
        ][20:]
        assert second.stderr == ""
    assert call("exec", "list", "--limit", "30").stderr == ""
    assert "no such executions" in call("exec", "list", "--after", record(order()[-1])["id"]).stderr
    assert call("exec", "list", "--after", "f" * 32).returncode == 2


def order() -> list[int]:
    return sorted(range(30), key=lambda number: (record(number)["created_at"], record(number)["id"]), reverse=True)


def test_the_json_of_executions_names_the_next_page(call: Call) -> None:
    page = json.loads(call("exec", "list", "--json", "--limit", "7").stdout)
    assert [each["id"] for each in page["executions"]] == [record(number)["id"] for number in order()[:7]]
    assert page["next"] == page["executions"][-1]["id"]
    rest = json.loads(call("exec", "list", "--json", "--limit", "23", "--after", page["next"]).stdout)
    assert (len(rest["executions"]), rest["next"]) == (23, None)


def test_a_list_of_skills_says_how_many_it_shows_and_how_more_are_seen(call: Call) -> None:
    first = call("skill", "list", "--limit", "2")
    assert [line.split("\t")[0] for line in first.stdout.splitlines()] == ["a", "b"]
    assert first.stderr == (
        "shown: 2; there are others: add `--after b` to see those, or `--limit N` to see more at once\n"
    )
    second = call("skill", "list", "--after", "b")
    assert ([line.split("\t")[0] for line in second.stdout.splitlines()], second.stderr) == (["c", "d", "e"], "")
    assert "come after e in " in call("skill", "list", "--after", "e").stderr


@pytest.mark.parametrize("after", ["None!", "B", "a/b", "a b", ""])
def test_no_page_comes_after_what_no_skill_can_be_called(call: Call, after: str) -> None:
    done = call("skill", "list", "--after", after)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"no page comes after \"{after}\", which can't be a skill's name" in done.stderr
    assert "take the name that the page before ended with" in done.stderr


def test_the_json_of_skills_names_the_next_page(call: Call) -> None:
    page = json.loads(call("skill", "list", "--json", "--limit", "3").stdout)
    assert ([each["name"] for each in page["skills"]], page["next"]) == (["a", "b", "c"], "c")
    shown = json.loads(call("skill", "show", "c", "--json").stdout)
    assert {**shown, **page["skills"][2]} == {**shown, "versions": ["1.0.0"]}
    rest = json.loads(call("skill", "list", "--json", "--after", "c").stdout)
    assert ([each["name"] for each in rest["skills"]], rest["next"]) == (["d", "e"], None)


def test_the_lists_can_be_made_anew_from_storage(call: Call, tmp_path: Path) -> None:
    done = call("skill", "index")
    assert (done.returncode, done.stdout) == (0, "5 of 5 stored versions of tenant default are in the lists\n")
    (tmp_path / "home" / "store" / "skills" / "default" / "c" / "1.0.0" / "skill.zip").write_bytes(b"junk")
    done = call("skill", "index")
    assert (done.returncode, done.stdout) == (4, "4 of 5 stored versions of tenant default are in the lists\n")
    assert done.stderr.startswith("skillbox: c@1.0.0: ")


def test_what_storage_has_no_more_leaves_the_lists(call: Call, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.rmtree(home / "store" / "skills" / "default" / "c")
    _age_pushes(home)
    done = call("skill", "index")
    assert done.stdout == "4 of 4 stored versions of tenant default are in the lists\n"
    assert done.stderr == "dropped from the lists of tenant default, since storage has them no more: 1\n"
    assert call("skill", "index").stderr == ""


def test_the_lists_of_all_tenants_are_made_anew(call: Call, tmp_path: Path) -> None:
    home = tmp_path / "home"
    installation = Installation.from_settings(Settings(home=home, db_dsn="", s3_endpoint=""))
    for tenant in ("acme", "gone"):
        installation.registry.push(tenant, archive(tmp_path, "theirs"))
    shutil.rmtree(home / "store" / "skills" / "gone")
    (home / "store" / "skills" / "acme" / "theirs" / "1.0.0" / "skill.zip").write_bytes(b"junk")
    _age_pushes(home)
    done = call("skill", "index", "--all-tenants")
    assert (done.returncode, done.stdout.splitlines()) == (
        4,
        [
            "0 of 1 stored versions of tenant acme are in the lists",
            "5 of 5 stored versions of tenant default are in the lists",
        ],
    )
    assert done.stderr.startswith("skillbox: acme/theirs@1.0.0: ")
    assert "dropped from the lists of tenant gone, since storage has them no more: 1\n" in done.stderr
    assert "no skills for tenant gone in " in done.stderr


def test_there_is_nothing_to_list_of_a_tenant_without_skills(call: Call) -> None:
    done = call("skill", "index", "--tenant", "nobody")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == call("skill", "list", "--tenant", "nobody").stderr
    assert done.stderr.startswith("no skills for tenant nobody in ")


def _age_pushes(home: Path) -> None:
    """Makes every push one of long ago, which is not under way."""
    with sqlite3.connect(home / "skillbox.db") as database:
        database.execute("UPDATE skill_digests SET created_at = '2026-01-01 00:00:00.000000'")
