"""Where a skill says which Python packages it needs, and what a stranger can't say there."""

from __future__ import annotations

from typing import Any

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.sources import Found, PythonSource, find_source

A, B = "a" * 64, "b" * 64
BLOCK = "# /// script\n# requires-python = '>=3.11'\n# dependencies = ['pandas>=2', 'polars']\n# ///\nimport pandas\n"
PROJECT = "[project]\nname = 'mine'\nversion = '1'\nrequires-python = '>=3.11'\ndependencies = ['pandas']\n"
HEAD = "version = 1\n[[package]]\nname = 'mine'\nversion = '1'\nsource = { virtual = '.' }\n"


def locked(source: str = "{ registry = 'https://elsewhere.invalid/simple' }", more: str = "", wheels: str = "") -> str:
    wheels = wheels or f"[{{ url = 'https://elsewhere.invalid/p.whl', hash = 'sha256:{A}' }}]"
    return f"{HEAD}[[package]]\nname = 'pandas'\nversion = '2.0'\nsource = {source}\n{more}\nwheels = {wheels}\n"


def find(files: dict[str, str], entrypoint: str = "main.py") -> Found:
    return find_source({"main.py": "", **files}.get, entrypoint)


def used(files: dict[str, str], entrypoint: str = "main.py") -> PythonSource:
    source = find(files, entrypoint).source
    assert source is not None
    return source


@pytest.mark.parametrize(
    ("files", "entrypoint", "path", "passed_over"),
    [
        ({"main.py": BLOCK, "requirements.txt": "x", "pyproject.toml": PROJECT, "uv.lock": locked()}, "main.py",
         "main.py", ["uv.lock", "requirements.txt"]),
        ({"requirements.txt": "x", "pyproject.toml": PROJECT, "uv.lock": locked()}, "main.py",
         "uv.lock", ["requirements.txt"]),
        ({"requirements.txt": "x", "pyproject.toml": PROJECT}, "main.py", "requirements.txt", ["pyproject.toml"]),
        ({"requirements.txt": "x", "uv.lock": locked()}, "main.py", "requirements.txt", ["uv.lock"]),
        ({"requirements.txt": "x", "scripts/requirements.txt": "y"}, "scripts/run.py",
         "requirements.txt", ["scripts/requirements.txt"]),
        ({"scripts/run.py": "", "scripts/requirements.txt": "y"}, "scripts/run.py", "scripts/requirements.txt", []),
        ({"scripts/pyproject.toml": PROJECT, "scripts/uv.lock": locked(), "requirements.txt": "x"}, "scripts/main.py",
         "scripts/uv.lock", ["requirements.txt"]),
        ({"lib/requirements.txt": "y"}, "main.py", None, []),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 120"}, "main.py", None, []),
    ],
)  # fmt: skip
def test_the_first_source_is_used_and_the_others_are_told(
    files: dict[str, str], entrypoint: str, path: str | None, passed_over: list[str]
) -> None:
    found = find(files, entrypoint)
    assert (found.source.path if found.source else None) == path
    assert [warning.split()[0] for warning in found.warnings] == passed_over
    assert all("passed over" in warning for warning in found.warnings)


def test_a_script_block_is_read() -> None:
    source = used({"main.py": "#!/usr/bin/env python3\n" + BLOCK})
    assert (source.requirements, source.requires_python) == (("pandas>=2", "polars"), ">=3.11")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("# /// script\n# dependencies = []\n", r"main\.py, line 1: .* no end"),
        ("# /// script\n# ///\n\n# /// script\n# ///\n", "more than one"),
        ("# /// script\n# dependencies = [\n# ///\n", "can't be read"),
        ("# /// script\n# dependencies = 'pandas'\n# ///\n", "no list of texts"),
        ("# /// script\n# dependencies = [1]\n# ///\n", "no list of texts"),
        ("# /// script\n# requires-python = 'yes'\n# ///\n", "requires-python .* no specifier"),
        ("# /// script\n# requires-python = 3.11\n# ///\n", "requires-python .* no specifier"),
        (f"# /// script\n# a = {'[' * 5000}\n# ///\n", "nested too deep"),
    ],
)
def test_a_broken_script_block_is_refused(script: str, says: str) -> None:
    with pytest.raises(InvalidSkillError, match=says):
        find({"main.py": script})


def test_what_only_looks_like_a_script_block_is_none() -> None:
    for script in ("#/// script\n# ///", "x = '''\n  # /// script\n'''", "# /// pyproject\n# x = 1\n# ///"):
        assert find({"main.py": script}) == Found()


HOSTILE = [
    "evil @ file:///tmp/evil-1.0.tar.gz",
    "evil @ git+https://127.0.0.1:1/evil.git",
    "evil @ http://127.0.0.1:1/${SKILLBOX_S3_SECRET_KEY}.whl",
    "./wheels/evil-1.0.tar.gz",
    "/etc/passwd",
    "..",
    "-e .",
    "-r more.txt",
    "-c more.txt",
    "--index-url=http://127.0.0.1:1/simple",
    "--extra-index-url http://127.0.0.1:1/simple",
    "--find-links .",
    "--no-binary :all:",
    "evil --config-settings=a=b",
    "evil; extra == 'a --no-binary evil'",
    "evil===${HOME}",
    "evil\n--find-links .",
    "evil # comment\n--index-url x",
    "évil",
]


@pytest.mark.parametrize("line", HOSTILE)
@pytest.mark.parametrize("kind", ["script", "project"])
def test_a_hostile_line_is_refused_in_every_table(kind: str, line: str) -> None:
    listed = f"dependencies = ['fine', {toml(line)}]"
    files = {"main.py": f"# /// script\n# {listed}\n# ///\n"}
    if kind == "project":
        files = {"pyproject.toml": f"[project]\nname = 'a'\n{listed}\n", "uv.lock": HEAD}
    with pytest.raises(InvalidSkillError, match=r"dependencies, entry 2: .* is refused: only `name\[extras\]"):
        find(files)


def test_hashes_in_a_list_of_dependencies_are_no_requirement() -> None:
    with pytest.raises(InvalidSkillError, match="entry 1"):
        find({"main.py": f"# /// script\n# dependencies = ['a==1 --hash=sha256:{A}']\n# ///\n"})


def toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@pytest.mark.parametrize(
    ("project", "lock", "says"),
    [
        (PROJECT, locked("{ git = 'https://127.0.0.1:1/evil.git?rev=1#2' }"), 'pandas is refused: it comes from "git"'),
        (PROJECT, locked("{ url = 'https://127.0.0.1:1/evil.whl' }"), 'comes from "url"'),
        (PROJECT, locked("{ path = '../evil' }"), 'comes from "path"'),
        (PROJECT, locked("{ directory = '..' }"), 'comes from "directory"'),
        (PROJECT, locked("{ editable = '../evil' }"), 'comes from "editable"'),
        (PROJECT, locked("{ registry = 'x', path = 'y' }"), 'comes from "registry, path"'),
        (PROJECT, locked("'here'"), 'comes from "nowhere"'),
        (PROJECT, locked(wheels="[]"), r"pandas==2\.0 has no wheel, only source"),
        (PROJECT, locked(wheels="[{ url = 'x' }]"), "a wheel without its SHA-256"),
        (PROJECT, locked(wheels="[{ hash = 'md5:00' }]"), "a wheel without its SHA-256"),
        (PROJECT, locked(wheels="'x'"), "a wheel without its SHA-256"),
        (PROJECT, locked(more="resolution-markers = ['os.system(1)']"), "a marker that can't be read"),
        (PROJECT, locked(more="resolution-markers = ['x\\n--find-links .']"), "a marker that can't be read"),
        (PROJECT, locked().replace("'pandas'", "'pandas --pre'"), "is no name of a package"),
        (PROJECT, locked().replace("'2.0'", "'2.0 --pre'"), "is no version of pandas"),
        (PROJECT, "version = 2", "not of version 1"),
        (PROJECT, "version = 1\npackage = 'x'", "not of version 1"),
        (PROJECT, "version = 1\npackage = ['x']", "a package is no table"),
        (PROJECT, "[", "can't be read"),
        ("[tool]", HEAD, r"no \[project\] table"),
        ("[project]\nname = 'a'\ndynamic = ['dependencies']", HEAD, "dynamic dependencies"),
    ],
)  # fmt: skip
def test_a_hostile_lock_is_refused(project: str, lock: str, says: str) -> None:
    with pytest.raises(InvalidSkillError, match=says):
        find({"pyproject.toml": project, "uv.lock": lock})


def test_of_a_lock_names_versions_markers_and_hashes_are_used() -> None:
    other = f"[[package]]\nname = 'numpy'\nversion = '1.0'\nsource = {{ registry = 'x' }}\n" \
            f"resolution-markers = [\"python_version < '3.12'\", \"python_version > '3.13'\"]\n" \
            f"wheels = [{{ hash = 'sha256:{B}' }}, {{ hash = 'sha256:{A}' }}]\n"  # fmt: skip
    source = used({"pyproject.toml": PROJECT, "uv.lock": locked() + other})
    assert source.requirements == ("pandas",)
    assert source.constraints == (
        'numpy==1.0 ; (python_version < "3.12") or (python_version > "3.13")',
        "pandas==2.0",
    )
    assert source.hashes == {"pandas==2.0": (A,), "numpy==1.0": (A, B)}
    assert "invalid" not in repr(source), "an address was taken"


def test_a_table_of_uv_is_told_to_have_no_effect() -> None:
    tool = "[tool.uv]\nindex-url = 'http://127.0.0.1:1/'\n[tool.uv.sources]\npandas = { path = '..' }\n"
    found = find({"pyproject.toml": PROJECT + tool, "uv.lock": locked()})
    assert found.warnings == ("pyproject.toml: [tool.uv] has no effect: packages come from this installation's index",)
    assert "127.0.0.1" not in repr(found.source)
    script = BLOCK.replace("# ///\n", "# [tool.uv]\n# find-links = ['.']\n# ///\n")
    assert "[tool.uv] has no effect" in find({"main.py": script}).warnings[0]


@pytest.mark.parametrize(
    "change",
    [
        {"requirements.txt": "a==2"},
        {"requirements.txt": f"a==1 --hash=sha256:{A}"},
        {"requirements.txt": "a==1; python_version > '3'"},
        {"scripts/requirements.txt": "a==1"},
    ],
)
def test_the_digest_is_of_what_is_asked_for(change: dict[str, str]) -> None:
    before = used({"requirements.txt": "a==1"})
    assert used({"requirements.txt": "# a comment\n\na == 1\n"}).digest == before.digest
    assert used(change, "scripts/main.py").digest != before.digest


def test_hashes_of_requirements_are_kept_by_name() -> None:
    found: Any = used({"requirements.txt": f"A_b==1 --hash=sha256:{A} \\\n  --hash=sha256:{B}\nc\n"})
    assert found.hashes == {"a-b": (A, B)}
    assert found.requirements == ("A_b==1", "c")
