"""The deployment of a skill, or of an entrypoint that its overlay names, as it would be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prefect_skillbox.flows.deploy import Given, check_it_runs, plan
from skillbox_core.errors import InvalidRequestError, RunnerNotImplementedError
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.package import package

pytestmark = pytest.mark.once

OVERLAY = b"""entrypoints:
  pdf: {script: a.py, args: ["{input}"]}
  check:
    script: a.py
    description: Checks.
    args: ["{input.n}"]
    input_schema: {type: object, properties: {n: {type: integer}}}
  table: {script: a.py, args: ["{file:t.csv}"], input_files: [t.csv]}
  said: {script: a.py, args: [["-t", "{file:u.csv}", "{file:v.csv?}", "{input.v?}"]]}
  piped: {script: a.py, stdin: "{file:w.csv}"}
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> SkillArchive:
    folder = tmp_path_factory.mktemp("skill") / "pdf"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: pdf\ndescription: All of it.\n---\nDo it.\n")
    (folder / "main.py").write_text("")
    (folder / "a.py").write_text("")
    return package(folder, folder.parent / "pdf.zip", 1024**2, overlay=OVERLAY)


def planned(archive: SkillArchive, reference: str, **options: Any) -> Any:
    return plan(archive, reference, Given(**options))


def test_a_deployment_of_an_entrypoint_is_another_than_that_of_its_skill(archive: SkillArchive) -> None:
    made = [planned(archive, reference) for reference in ("pdf", "pdf@^1", "pdf#pdf", "pdf@^1#check")]
    assert [one.full_name for one in made] == ["pdf/pdf", "pdf/pdf", "pdf/pdf.pdf", "pdf/pdf.check"]
    assert [one.description for one in made] == ["All of it."] * 3 + ["Checks."]
    assert [list(one._parameter_openapi_schema.properties) for one in made] == [["input"]] * 3 + [["n"]]
    assert [list(one.parameters.values()) for one in made[2:]] == [["pdf#pdf", "default"], ["default/pdf@^1#check"]]


@pytest.mark.parametrize(
    ("reference", "options", "said"),
    [
        ("pdf#none", {}, "has no entrypoint"),
        ("pdf#", {}, "names no entrypoint"),
        (
            "pdf#table",
            {"files": [("t.cvs", "/t")]},
            r'pdf#table declares no input file "t\.cvs" \(did you mean t.csv\?\)',
        ),
        ("pdf#piped", {"files": [("x", "/x")]}, r'pdf#piped declares no input file "x" \(it declares w\.csv\)'),
        ("pdf#check", {"files": [("x", "/x")]}, r"no input file \"x\" \(it declares none, in input_files\)"),
        ("pdf#check", {"input": {"m": 1}}, 'a deployment of pdf#check has no parameter "m"'),
        ("pdf#check", {"input": {"n": "x"}}, "does not fit the input_schema of pdf#check"),
    ],
)
def test_what_no_run_of_it_could_do_is_refused(
    reference: str, options: dict[str, Any], said: str, archive: SkillArchive
) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        planned(archive, reference, **options)


@pytest.mark.parametrize(
    ("reference", "fields", "required"),
    [
        ("pdf", [], []),
        ("pdf#table", ["t.csv"], ["t.csv"]),
        ("pdf#said", ["u.csv", "v.csv"], ["u.csv"]),
        ("pdf#piped", ["w.csv"], ["w.csv"]),
    ],
)
def test_the_files_of_a_call_are_fields_of_its_form(
    reference: str, fields: list[str], required: list[str], archive: SkillArchive
) -> None:
    shown = planned(archive, reference)._parameter_openapi_schema
    files = shown.properties.get("files", {"properties": {}, "required": []})
    assert (list(files["properties"]), files["required"]) == (fields, required)
    assert shown.required == (["files"] if required else [])


@pytest.mark.parametrize(
    ("overlay", "way"),
    [(OVERLAY, "deploy one: `skillbox deploy pdf@^1#pdf`"), (None, "name a call in an overlay, and deploy that")],
)
def test_what_can_be_deployed_of_a_skill_without_an_entrypoint_is_said(
    overlay: bytes | None, way: str, archive: SkillArchive, tmp_path: Path
) -> None:
    scripts = tmp_path / "pdf"
    scripts.mkdir()
    (scripts / "SKILL.md").write_text("---\nname: pdf\ndescription: All of it.\n---\nDo it.\n")
    (scripts / "a.py").write_text("")
    bare = package(scripts, tmp_path / "pdf.zip", 1024**2, overlay=overlay)
    with pytest.raises(RunnerNotImplementedError) as refused:
        check_it_runs(bare, "pdf@^1")
    assert refused.value.hint == way
    check_it_runs(archive, "pdf@^1")
