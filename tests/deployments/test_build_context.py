"""What a build of the worker's image is given: what its Dockerfile copies, and no key or record."""

from __future__ import annotations

from pathlib import Path

from docker.utils.build import exclude_paths

ROOT = Path(__file__).parents[2]


def test_the_build_context_is_what_the_dockerfile_copies() -> None:
    lines = (ROOT / "deployments" / "docker" / "Dockerfile").read_text().splitlines()
    copied = sorted(source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1])
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert sorted(rules[1:]) == [f"!{source}" for source in copied]


def test_the_installations_folder_is_not_in_the_build_context(tmp_path: Path) -> None:
    for name in (".skillbox/.env", ".venv/x", "key", "flows/a.py", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    found = exclude_paths(str(tmp_path), [rule for rule in rules if rule and not rule.startswith("#")])
    assert {name for name in found if (tmp_path / name).is_file()} == {"flows/a.py", "README.md"}
