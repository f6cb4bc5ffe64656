"""A skill of scripts has one environment, with what all of them ask for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from skillbox_core.skills.script_sources import find_scripts_source

BLOCK = '# /// script\n# requires-python = ">=3.{}"\n# dependencies = ["{}"]\n# ///\n'


@pytest.mark.parametrize(
    ("files", "path", "requirements", "python"),
    [
        ({"scripts/a.py": ""}, None, (), ""),
        ({"requirements.txt": "click>=8\n", "scripts/a.py": "", "b.py": ""}, "requirements.txt", ("click>=8",), ""),
        ({"scripts/requirements.txt": "rich\n", "scripts/a.py": ""}, "scripts/requirements.txt", ("rich",), ""),
        ({"other/requirements.txt": "rich\n", "scripts/a.py": ""}, None, (), ""),
        (
            {"a.py": BLOCK.format(10, "click"), "b.py": BLOCK.format(11, "rich>=13"), "c.py": ""},
            "a.py, b.py", ("click", "rich>=13"), ">=3.10,>=3.11",
        ),
        (
            {"requirements.txt": "click\n", "b.py": BLOCK.format(9, "rich"), "c.py": ""},
            "b.py, requirements.txt", ("rich", "click"), ">=3.9",
        ),
    ],
)  # fmt: skip
def test_what_its_scripts_ask_for_is_found_together(
    files: Mapping[str, str], path: str | None, requirements: tuple[str, ...], python: str
) -> None:
    found = find_scripts_source(files.get, [name for name in sorted(files) if name.endswith(".py")])
    if path is None:
        assert found.source is None
        return
    assert found.source is not None
    told = (found.source.path, found.source.requirements, found.source.requires_python)
    assert told == (path, requirements, python)


def test_what_is_no_list_of_packages_is_a_warning_and_the_rest_is_found() -> None:
    files = {"a.py": BLOCK.format(10, "x @ file:///etc/passwd"), "b.py": BLOCK.format(10, "rich")}
    found = find_scripts_source(files.get, files)
    assert found.source is not None
    assert found.source.requirements == ("rich",)
    assert [warning.startswith("what asks for these packages lacks them: ") for warning in found.warnings] == [True]


PROJECT = '[project]\nname = "p"\nversion = "1"\ndependencies = ["six"]\n'
LOCK = """
version = 1
requires-python = ">=3.8"

[[package]]
name = "six"
version = "1.17.0"
source = { registry = "x" }
wheels = [{ url = "https://x/six-1.17.0-py2.py3-none-any.whl", hash = "sha256:%s" }]
""" % ("0" * 64)


def test_only_a_lock_that_is_alone_has_every_package() -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": LOCK, "a.py": "", "b.py": BLOCK.format(10, "rich")}
    alone = find_scripts_source(files.get, ["a.py"]).source
    both = find_scripts_source(files.get, ["a.py", "b.py"]).source
    assert alone is not None
    assert both is not None
    assert (alone.whole, both.whole, both.path) == (True, False, "b.py, uv.lock")


def test_what_one_script_passes_over_and_another_uses_is_no_warning() -> None:
    files = {"requirements.txt": "click\n", "a.py": BLOCK.format(10, "rich"), "b.py": ""}
    assert find_scripts_source(files.get, ["a.py"]).warnings != ()
    assert find_scripts_source(files.get, ["a.py", "b.py"]).warnings == ()
