"""An overlay is stored with the skill, goes before what SKILL.md says, and is a part of neither."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from skillbox_core.errors import InvalidRequestError, InvalidSkillError, RunnerNotImplementedError
from skillbox_core.sandbox.delivery import PLAIN, plan_delivery
from skillbox_core.skills.archive import SkillArchive, inspect_archive
from skillbox_core.skills.contents import contents_digest
from skillbox_core.skills.entry import find_entry, find_named, what_it_has
from skillbox_core.skills.overlaid import overlaid
from skillbox_core.skills.overlay import OVERLAY
from skillbox_core.skills.package import package

MB = 1024**2
MD = """---
name: PDF Tools
description: A test.
version: 1.0.0
image: skillbox/python:3.11
resources: {cpu: 0.5, memory: 64Mi}
---
Do it.
"""
CHECK = b"entrypoints: {check: {script: check.py}, fill: {script: fill.py}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "PDF Tools"
    made.mkdir()
    (made / "SKILL.md").write_text(MD)
    for script in ("check.py", "fill.py"):
        (made / script).write_text("print()\n")
    return made


def packed(folder: Path, overlay: bytes | None = None) -> SkillArchive:
    return package(folder, folder.parent / f"{len(overlay or b'')}.zip", MB, overlay=overlay)


def test_what_an_overlay_says_goes_before_skill_md_and_the_rest_stays(folder: Path) -> None:
    said = b"name: pdf\nversion: 2.1.0\nimage: a/tools:1\ntimeout: 9s\nresources: {memory: 1Gi}\nenvironment: none\n"
    manifest = packed(folder, said).manifest
    assert (manifest.name, manifest.version, manifest.has_name, manifest.has_version) == ("pdf", "2.1.0", True, True)
    assert (manifest.image, manifest.timeout, manifest.environment) == ("a/tools:1", "9s", False)
    assert (manifest.resources.cpu, manifest.resources.memory) == ("0.5", "1Gi")
    assert manifest.kept_as("other", "2.1.0") is None


def test_it_is_stored_and_not_put_into_the_folder_nor_delivered(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    archive = packed(folder, CHECK)
    assert sorted(folder.rglob("*")) == before
    assert zipfile.ZipFile(archive.path).read(OVERLAY) == CHECK
    delivered = b"".join(plan_delivery(archive, b"{}", b"", (), PLAIN))
    assert b"check.py" in delivered
    assert b"overlay.yaml" not in delivered
    assert b"entrypoints" not in delivered


def test_another_overlay_is_other_contents_and_the_same_is_the_same(folder: Path) -> None:
    digests = [contents_digest(packed(folder, said)) for said in (None, CHECK, CHECK, CHECK + b"timeout: 9s\n")]
    assert digests[1] == digests[2]
    assert len(set(digests)) == 3


def test_one_given_for_an_archive_takes_the_place_of_its_own(folder: Path, tmp_path: Path) -> None:
    brought = packed(folder, b"timeout: 9s\n")
    made = [overlaid(brought, CHECK, tmp_path / f"made-{n}.zip", MB) for n in range(2)]
    assert made[0].digest == made[1].digest
    assert made[0].manifest.timeout is None
    assert list(made[0].overlay.entrypoints) == ["check", "fill"]
    assert contents_digest(made[0]) == contents_digest(packed(folder, CHECK))


def test_one_that_lies_in_the_folder_is_taken_by_the_same_rules(folder: Path) -> None:
    (folder / ".skillbox").mkdir()
    (folder / OVERLAY).write_bytes(CHECK)
    assert list(packed(folder).overlay.entrypoints) == ["check", "fill"]
    assert packed(folder, b"timeout: 9s\n").overlay.entrypoints == {}
    (folder / OVERLAY).write_bytes(b"imag: x\n")
    with pytest.raises(InvalidSkillError, match=r"invalid overlay: imag is not known; did you mean image\?"):
        packed(folder)


def test_a_schema_of_an_entrypoint_is_checked_at_intake(folder: Path) -> None:
    with pytest.raises(InvalidSkillError, match=r"entrypoints\.check\.input_schema"):
        packed(folder, b"entrypoints: {check: {script: check.py, input_schema: {type: 3}}}")
    archive = packed(folder, b"entrypoints: {check: {script: check.py, output_schema: {type: object}}}")
    assert inspect_archive(archive.path, MB).overlay.entrypoints["check"].output_schema == {"type": "object"}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "chek.py",
            r'entrypoints\.check\.script: skill pdf-tools has no script "chek\.py" \(did you mean check\.py\? it has 2',
        ),
        ("scripts/fill.py", r"did you mean fill\.py\?"),
        ("SKILL.md", r'entrypoints\.check\.script: nothing here can run "SKILL\.md" of skill pdf-tools'),
    ],
)
def test_an_entrypoint_that_no_run_could_start_is_warned_of_at_intake(script: str, said: str, folder: Path) -> None:
    archive = packed(folder, f"entrypoints: {{check: {{script: {script}}}, fill: {{script: fill.py}}}}".encode())
    (warning,) = [warning for warning in archive.warnings if "entrypoints" in warning]
    assert re.search(said, warning)
    assert find_entry(archive, archive.overlay.entrypoints["fill"].call.script).script == "fill.py"


def test_one_over_its_size_is_refused_in_an_archive(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.zip"
    with zipfile.ZipFile(made, "w") as target:
        target.writestr("SKILL.md", MD)
        target.writestr(OVERLAY, b"#" * (256 * 1024 + 1))
    with pytest.raises(InvalidSkillError, match="an overlay is over 256 KiB"):
        inspect_archive(made, MB)


def test_what_a_skill_has_is_said_by_the_names_of_its_entrypoints(folder: Path) -> None:
    archive = packed(folder, CHECK)
    assert what_it_has(archive) == "entrypoints: check, fill"
    with pytest.raises(
        RunnerNotImplementedError, match=r"the entrypoints check, fill .*`skillbox run pdf-tools#check`"
    ):
        find_entry(archive, None)
    assert find_named(archive, "fill").call.script == "fill.py"
    with pytest.raises(InvalidRequestError, match=r'no entrypoint "chek" .*did you mean check\? it has check, fill'):
        find_named(archive, "chek")
    with pytest.raises(InvalidRequestError, match="it has none: its overlay names them"):
        find_named(packed(folder), "check")
