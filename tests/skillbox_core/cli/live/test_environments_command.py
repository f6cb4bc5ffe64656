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
