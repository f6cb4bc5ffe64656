"""What a skill leaves, against its own word: its output_schema, then its output_files, then what is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skillbox_core.base.file_archive import ArchiveWriter
from skillbox_core.errors import InvalidRequestError, StorageError
from skillbox_core.models import Call, DeclaredFile, FileDigest, LoadedSkill, Output, StagedFile
from skillbox_core.run.declared import check_staged, output_problem

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 10_000


def skill(
    *,
    takes: tuple[DeclaredFile, ...] = (),
    leaves: tuple[DeclaredFile, ...] = (),
    output_schema: object = None,
    call: Call | None = None,
) -> LoadedSkill:
    return LoadedSkill(
        name="s", version="1.0.0", digest="", lang="python", entrypoint="main.py", image="i", timeout=1, cpu_quota=1,
        memory=1, scratch=1, input_files=takes, output_files=leaves, call=call,
        output_schema=json.dumps(output_schema) if output_schema else None,
    )  # fmt: skip


def left(folder: Path, files: dict[str, bytes], document: str = "{}") -> Output:
    spool = folder / "spool"
    with spool.open("wb") as sink:
        archive = ArchiveWriter(sink)
        spans = tuple(archive.add(path, len(data), [data])[0] for path, data in files.items())
        archive.close()
    digests = tuple(FileDigest(path, len(data), "") for path, data in files.items())
    return Output(document, spool=spool if files else None, files=digests, spans=spans)


CHARTS = DeclaredFile("*.png", media_type="image/png")
TABLE = DeclaredFile("in/t.csv", media_type="text/csv", required=False)


@pytest.mark.parametrize(
    ("leaves", "files", "said"),
    [
        ((), {}, None),
        ((CHARTS,), {"a.png": PNG, "b.txt": b"\xff"}, None),
        ((CHARTS, TABLE), {"a.png": PNG, "in/t.csv": b"a,b\n", "z/b.png": PNG}, None),
        ((TABLE,), {}, None),
        ((DeclaredFile("a.csv"),), {"a.csv": b"\xff"}, None),
        ((CHARTS,), {}, "the skill left no file *.png, which output_files requires; it left none"),
        ((CHARTS, TABLE), {"t.csv": b""}, "the skill left no file *.png, which output_files requires; it left t.csv"),
        (
            (CHARTS,),
            {"a.png": PNG, "b.png": b"<html>"},
            "left the file b.png as image/png, and it is none: it does not b",
        ),
        (
            (CHARTS, TABLE),
            {"a.png": PNG, "in/t.csv": b"\xe9"},
            "left the file in/t.csv as text/csv, and it is none: it is",
        ),
        ((TABLE, DeclaredFile("*", media_type="image/png")), {"in/t.csv": b"a"}, "left the file in/t.csv as image/png"),
    ],
)
def test_a_skill_leaves_what_it_says(
    leaves: tuple[DeclaredFile, ...], files: dict[str, bytes], said: str | None, tmp_path: Path
) -> None:
    problem = output_problem(skill(leaves=leaves), left(tmp_path, files))
    assert (problem is None) if said is None else (said in (problem or ""))


def test_of_an_archive_only_the_beginnings_are_read_that_something_is_said_of(tmp_path: Path) -> None:
    output = left(tmp_path, {"a.bin": bytes(range(256)) * 40_000, "b.png": PNG, "c.png": b"\xff"})
    assert output.spool is not None
    archive = bytearray(output.spool.read_bytes())
    archive[: output.spans[1].offset] = bytes(output.spans[1].offset)
    output.spool.write_bytes(archive)
    said = output_problem(skill(leaves=(CHARTS,)), output)
    assert (said or "").startswith("the skill left the file c.png as image/png")
    damaged = skill(leaves=(DeclaredFile("a.bin", media_type="image/png"),))
    archive[: output.spans[1].offset] = b"\xff" * output.spans[1].offset
    output.spool.write_bytes(archive)
    with pytest.raises(StorageError, match=r"the spooled archive is damaged where 'a\.bin' is"):
        output_problem(damaged, output)


def test_a_result_that_does_not_fit_the_schema_is_said_first(tmp_path: Path) -> None:
    outputs = [left(tmp_path, {}, document) for document in ("1", '"a"')]
    for call, what in ((None, "output.json"), (Call(script="a.py"), "the result")):
        said = [
            output_problem(skill(leaves=(CHARTS,), output_schema={"type": "string"}, call=call), one) for one in outputs
        ]
        assert (said[0] or "").startswith(f"{what} does not fit the skill's output_schema: ")
        assert (said[1] or "").startswith("the skill left no file *.png")


def test_a_file_that_is_not_of_the_type_a_skill_takes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(PNG)
    staged = [StagedFile(FileDigest(path, len(PNG), ""), tmp_path / "0") for path in ("a.png", "in/t.csv")]
    check_staged(skill(takes=(CHARTS,)), staged)
    with pytest.raises(
        InvalidRequestError, match=r"s takes the file in/t\.csv as text/csv, and it is none: it is not U"
    ):
        check_staged(skill(takes=(CHARTS, TABLE)), staged)
