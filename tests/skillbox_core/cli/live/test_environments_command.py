"""`skillbox env` on a real engine, from an index in a folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Call = Callable[..., subprocess.CompletedProcess[str]]


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_environment_is_built_ahead_listed_shown_and_pruned(call: Call, pushed: Path) -> None:
    before = call("env", "show", "packed")
    assert "greeter==1.0" in before.stdout
    assert "not made yet" in before.stderr
    built = call("env", "build", "packed")
    assert built.returncode == 0, built.stderr
    assert "packed@1.0.0 sha256:" in built.stdout
    assert "making the environment of packed" in built.stderr
    again = call("env", "build", "packed")
    assert (again.stdout, again.stderr) == (built.stdout, "")

    shown = document(call("env", "show", "packed", "--json"))
    assert shown["skill"] == "packed@1.0.0"
    assert shown["source"] == "requirements.txt"
    assert shown["packages"] == [{"name": "greeter", "version": "1.0", "marker": 'sys_platform == "linux"'}]
    (one,) = shown["environments"]
    assert one["stored"] is True
    assert one["interpreters"] == [shown["python"]]
    assert len(one["on_engine"]) == 1
    digest = str(one["digest"])

    line = next(line for line in call("env", "list").stdout.splitlines() if line.startswith(digest[:19]))
    assert line.split("\t")[-1] == "yes"
    by_digest = document(call("env", "show", digest[:19], "--json"))
    assert by_digest["digest"] == digest
    assert by_digest["skills"] == ["packed@1.0.0"]
    assert by_digest["packages"] == shown["packages"]
    text = call("env", "show", digest[:19]).stdout
    assert "in the store:  yes" in text
    assert "greeter==1.0" in text

    # It was used a moment ago, so even nothing is not too little for it.
    kept = document(call("env", "prune", "--max-size", "0", "--json"))
    assert digest in [entry["digest"] for entry in kept["kept"]]
    assert "stays" in call("env", "prune", "--max-size", "0").stdout
    assert "--max-size" in call("env", "prune", "--max-size", "much").stderr


def test_a_skill_without_packages_and_an_unknown_one_are_said(call: Call, tmp_path: Path) -> None:
    assert call("init", "plain").returncode == 0
    assert call("skill", "push", "plain").returncode == 0
    assert "plain@1.0.0 needs no packages" in call("env", "build", "plain").stdout
    assert "asks for no Python packages" in call("env", "show", "plain").stderr
    assert document(call("env", "show", "plain", "--json"))["packages"] == []
    unknown = call("env", "show", "nobody")
    assert unknown.returncode == 2
    assert "there is no skill nobody" in unknown.stderr
    assert call("env", "show", "sha256:0000000000000000").returncode == 2
    assert call("env", "build", "nobody").returncode == 2


def write(folder: Path, requirements: str = "") -> None:
    (folder / "scripts").mkdir(parents=True)
    (folder / "SKILL.md").write_text(f"---\nname: {folder.name}\ndescription: d\n---\n")
    (folder / "scripts" / "a.py").write_text("import greeter\nprint(greeter.ID)\n")
    if requirements:
        (folder / "requirements.txt").write_text(requirements)


def test_the_environment_of_a_skill_of_scripts_is_built_ahead(call: Call, tmp_path: Path) -> None:
    write(tmp_path / "tools", "greeter\n")
    assert call("skill", "push", "tools").returncode == 0
    built = call("env", "build", "tools")
    assert "tools@1.0.0 sha256:" in built.stdout, built.stderr
    ran = call("run", "tools", "scripts/a.py")
    assert ran.returncode == 0, ran.stderr
    assert "making the environment" not in ran.stderr


def test_where_the_index_is_away_skills_that_need_none_are_stored(call: Call, tmp_path: Path) -> None:
    write(tmp_path / "many" / "a", "greeter\n")
    write(tmp_path / "many" / "b")
    away = {"UV_FIND_LINKS": "", "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    pushed = call("skill", "push", "--all", "many", **away)
    assert pushed.returncode == 4, pushed
    assert pushed.stdout == "b@1.0.0 stored\n"
    assert "many/a: " in pushed.stderr
