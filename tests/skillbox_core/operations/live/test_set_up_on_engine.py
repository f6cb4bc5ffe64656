"""`skillbox setup` on a real engine: from an empty home folder to a skill that ran, then from any other folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skillbox_core import Settings
from skillbox_core.base import env_file
from tests.conftest import EXAMPLES
from tests.services.docker_contexts import add_context

SKILLBOX = str(Path(sys.executable).parent / "skillbox")


@pytest.fixture
def fresh(installation: Settings, tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has nothing yet."""
    kept = {name: os.environ[name] for name in ("PATH",)}
    aliases = ",".join(f"{asked}={used}" for asked, used in installation.image_aliases.items())
    return {**kept, "HOME": str(tmp_path), **({"SKILLBOX_IMAGE_ALIASES": aliases} if aliases else {})}


def skillbox(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [SKILLBOX, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def test_from_nothing_to_a_skill_that_ran_and_from_another_folder(
    fresh: dict[str, str], installation: Settings, tmp_path: Path
) -> None:
    # The engine is found as Docker's own client would find it.
    add_context(tmp_path / ".docker", "mine", installation.engine_url)
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "mine", "credsStore": "none-of-this-name"}')
    (tmp_path / "project").mkdir()
    done = skillbox(fresh, tmp_path / "project", "setup", ".")
    assert done.returncode == 0, done
    assert f"at {installation.engine_url} (Docker's current context)" in done.stdout
    home = tmp_path / "project" / ".skillbox"
    written = env_file.read(home / ".env")
    assert (written["SKILLBOX_HOME"], written["SKILLBOX_DOCKER_HOST"]) == (str(home), installation.engine_url)
    # What follows has only what stands in .env.
    bare = {name: value for name, value in fresh.items() if not name.startswith("SKILLBOX_")}
    pushed = skillbox(bare, tmp_path / "project", "skill", "push", str(EXAMPLES / "skills" / "word-count"))
    assert "stored" in pushed.stdout, pushed
    line = 'set -a; . project/.skillbox/.env; set +a; cd /; exec "$@"'
    command = ["bash", "-c", line, "bash", SKILLBOX, "run", "word-count", "--input", '{"text": "a b"}', "--json"]
    ran = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=120)
    assert '"status": "success"' in ran.stdout, ran
    assert skillbox(bare, tmp_path / "project", "health").stdout == "ok\n"


def test_images_that_can_not_be_had_are_named_with_what_to_do(
    fresh: dict[str, str], installation: Settings, tmp_path: Path
) -> None:
    nowhere = ",".join(f"{image}=127.0.0.1:1/none:1" for image in installation.default_images.values())
    fresh |= {"SKILLBOX_DOCKER_HOST": installation.engine_url, "SKILLBOX_IMAGE_ALIASES": nowhere}
    done = skillbox(fresh, tmp_path, "setup")
    assert done.returncode == 0, done
    assert done.stdout.count("WARN  image ") == 3
    assert done.stdout.count('image "127.0.0.1:1/none:1" is not on the engine and could not be pulled: Get "') == 3
    assert "then `skillbox setup` again" in done.stdout


def test_the_doctor_has_its_advisories_in_one_line_and_a_list_of_them(
    cli_environment: dict[str, str], tmp_path: Path
) -> None:
    lines = skillbox(cli_environment, tmp_path, "doctor").stdout.splitlines()
    assert len([line for line in lines if "CVE-" in line]) == 0
    assert len([line for line in lines if line[6:].startswith("advisories ")]) == 1
    listed = skillbox(cli_environment, tmp_path, "doctor", "--advisories")
    assert listed.returncode == 0, listed
    assert all(line.startswith("CVE-") and line.count("\t") == 4 for line in listed.stdout.splitlines())
