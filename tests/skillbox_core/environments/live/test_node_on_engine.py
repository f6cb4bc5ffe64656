"""Packages of Node's registry, from a push to a run: what Node finds, and that one lock gives one tree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, Status
from skillbox_core.environments.node_interpreter import find_node
from skillbox_core.errors import IndexUnavailableError, InvalidSkillError
from skillbox_core.installation import Installation
from skillbox_core.models import Call
from skillbox_core.sandbox.images import ready_image
from skillbox_core.skills.package import package
from tests.hostile.images import made_image
from tests.skillbox_core.environments.live.test_environments_on_engine import image_of, pushed, records

pytestmark = pytest.mark.long

Made = Callable[..., Any]


@pytest.fixture
def made(local: Installation, tmp_path: Path) -> Made:
    """Packages and pushes a Node skill, and gives back its archive."""

    def make(
        packages: dict[str, Any],
        script: str,
        files: Mapping[str, str] | None = None,
        front: str = "lang: node\n",
        main: str = "main.js",
    ) -> Any:
        folder = tmp_path / "skill"
        folder.mkdir(exist_ok=True)
        (folder / "SKILL.md").write_text(f"---\nname: s\ndescription: d\n{front}---\n")
        (folder / "package.json").write_text(json.dumps(packages))
        if main:
            (folder / main).write_text(script)
        for name, text in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        locker = local.environments.locker("default", lambda _: None)
        try:
            return pushed(local, package(folder, tmp_path / "s.zip", 10**7, locker=locker))
        except (InvalidSkillError, IndexUnavailableError) as error:
            if isinstance(error, IndexUnavailableError) or "npm is not here" in str(error):
                pytest.skip(f"no registry: {error}")
            raise

    return make


def output(local: Installation) -> Any:
    result = Runner(local).run(RunRequest(skill="s"))
    assert result.status is Status.SUCCESS, result
    return result.output


@pytest.mark.parametrize("kind", ["commonjs", "module"])
def test_require_and_import_find_what_was_locked(local: Installation, made: Made, kind: str) -> None:
    head = "const fs = require('fs'); const _ = require('lodash'); const map = require('lodash/fp/map');"
    if kind == "module":
        head = "import fs from 'fs'; import _ from 'lodash'; import map from 'lodash/fp/map.js';"
    script = f"""{head}
import('lodash').then((again) => fs.writeFileSync('/sandbox/out/output.json', JSON.stringify(
    [_.chunk([1, 2, 3], 2), map((x) => x + 1)([1]), again.default === _, _.VERSION])));
"""
    archive = made({"type": kind, "dependencies": {"lodash": "4.17.21"}}, script)
    assert "node_modules" not in str([file.path for file in archive.files])
    assert output(local) == [[[1, 2], [3]], [2], True, "4.17.21"]


def test_a_called_script_finds_what_was_locked_for_a_skill_of_scripts(
    local: Installation, made: Made, tmp_path: Path
) -> None:
    esm = "import _ from 'lodash'; console.log(JSON.stringify(_.chunk([1, 2, 3], 2)));\n"
    common = "console.log(JSON.stringify(require('lodash').VERSION));\n"
    made(
        {"dependencies": {"lodash": "4.17.21"}}, "", {"scripts/a.mjs": esm, "scripts/b.cjs": common}, front="", main=""
    )
    found = {
        script: Runner(local).run(RunRequest(skill="s"), RunOptions(call=Call(script=script)))
        for script in ("scripts/a.mjs", "scripts/b.cjs")
    }
    assert [result.output for result in found.values()] == [[[1, 2], [3]], "4.17.21"], found


def test_compiled_packages_load_and_many_files_are_no_burden(local: Installation, made: Made) -> None:
    script = """
const sharp = require("sharp"), { addDays } = require("date-fns"), fs = require("fs");
sharp({ create: { width: 4, height: 3, channels: 3, background: "red" } }).png().toBuffer()
  .then((data) => sharp(data).metadata())
  .then(({ format, width, height }) => fs.writeFileSync("/sandbox/out/output.json",
    JSON.stringify([format, width, height, addDays(new Date(0), 1).toISOString()])));
"""
    made({"dependencies": {"sharp": "0.33.5", "date-fns": "^4"}}, script)
    assert output(local) == ["png", 4, 3, "1970-01-02T00:00:00.000Z"]


def test_what_a_skill_brings_along_gets_nothing_else(local: Installation, made: Made) -> None:
    script = "require('fs').writeFileSync('/sandbox/out/output.json', JSON.stringify(require('lodash')))"
    archive = made(
        {"dependencies": {"lodash": "*"}}, script, {"node_modules/lodash/index.js": "module.exports = 'mine'"}
    )
    assert "environment.lock" not in [file.path for file in archive.files]
    assert local.environments.prepare(archive, image_of(local, "node")) is None
    assert output(local) == "mine"


def test_an_image_is_asked_for_its_node_once_and_has_a_python_beside(local: Installation, made: Made) -> None:
    made({}, "")
    image = image_of(local, "node")
    node = find_node(image, local.engine, records(local), local.settings)
    assert (node.implementation, node.text.split(" ")[0]) == ("node", "node")
    assert node.libc.startswith("glibc 2.")
    found = ready_image(local.engine, image)
    assert records(local).node(found.id) == node
    assert records(local).interpreter(found.id) is None
    assert records(local).last_interpreter(image) is None


def test_an_image_without_node_is_told(local: Installation) -> None:
    without = {"run": "rm -f /usr/bin/node* /usr/local/bin/node*"}
    with (
        made_image(local.engine, local.settings, without) as image,
        pytest.raises(InvalidSkillError, match=r"asked which Node it has: .*environment: none"),
    ):
        find_node(image, local.engine, records(local), local.settings)
