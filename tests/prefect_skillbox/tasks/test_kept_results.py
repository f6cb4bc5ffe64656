"""A skill task's result, kept by Prefect and read again: its files open where it ran."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path

import cloudpickle
import pytest
from prefect.serializers import CompressedSerializer, JSONSerializer, PickleSerializer, Serializer

from prefect_skillbox import aload_result, load_result
from prefect_skillbox.tasks.result import SkillResult
from skillbox_core import RunResult, Settings
from skillbox_core.errors import ExecutionNotFoundError, InfrastructureError
from skillbox_core.installation import Installation
from skillbox_core.models import ExecutionError
from tests.services.results import left

FILES = {"a.txt": b"left"}
SERIALIZERS: dict[str, Serializer] = {
    "pickle": PickleSerializer(),
    "JSON": JSONSerializer(),
    "compressed JSON": CompressedSerializer(serializer=JSONSerializer()),
}


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The installation of this process."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("SKILLBOX_HOME", str(tmp_path / "home"))
    for name in ("SKILLBOX_DB_DSN", "SKILLBOX_S3_ENDPOINT"):
        monkeypatch.setenv(name, "")
    return Installation.from_settings(Settings(home=tmp_path / "home", db_dsn="", s3_endpoint=""))


def again(serializer: Serializer, result: SkillResult) -> SkillResult:
    read = serializer.loads(serializer.dumps(result))
    assert type(read) is SkillResult
    return read


@pytest.mark.parametrize("tenant", ["default", "acme"])
@pytest.mark.parametrize("kind", SERIALIZERS)
def test_a_result_that_prefect_kept_opens(installation: Installation, kind: str, tenant: str) -> None:
    result = SkillResult.of(left(installation, FILES, tenant), None)
    read = again(SERIALIZERS[kind], result)
    assert (read.tenant, read.read_text("a.txt"), read.files) == (tenant, "left", result.files)


@pytest.mark.parametrize("kind", SERIALIZERS)
def test_its_block_is_kept_and_asked_for_its_files(
    installation: Installation, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "team").mkdir()
    team = Installation.from_settings(Settings(home=tmp_path / "team", db_dsn="", s3_endpoint=""))
    blocks = {"team": team.settings, None: installation.settings}
    monkeypatch.setattr("prefect_skillbox.tasks.result.installation_settings", blocks.__getitem__)
    result = SkillResult.of(left(team, FILES), "team")
    assert again(SERIALIZERS[kind], result).read_text("a.txt") == "left"
    failed = ExecutionError("x", result=result)
    assert pickle.loads(cloudpickle.dumps(failed)).result.read_text("a.txt") == "left"


def test_a_block_that_can_not_be_read_is_an_error_and_in_its_own_process_it_is_not_needed(
    installation: Installation,
) -> None:
    result = SkillResult.of(left(installation, FILES), "gone")
    assert result.read_text("a.txt") == "left"
    with pytest.raises(InfrastructureError, match="skillbox-installation/gone"):
        again(PickleSerializer(), result).open("a.txt")


def test_copies_know_where_it_ran(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    result = SkillResult.of(left(installation, FILES), "team")
    monkeypatch.setenv("SKILLBOX_HOME", "/nowhere")
    copied = result.model_copy(update={"logs": "x"})
    assert (copied.read_text("a.txt"), copied._installation) == ("left", "team")


def test_to_anybody_else_its_json_is_the_originals(installation: Installation) -> None:
    core = left(installation, FILES, "acme")
    result = SkillResult.of(core, "team")
    assert result.model_dump(mode="json") == core.model_dump(mode="json")
    assert result.model_dump_json() == core.model_dump_json()
    assert RunResult.model_validate_json(result.model_dump_json()).tenant == "default"


def test_what_an_older_release_pickled_opens(installation: Installation) -> None:
    result = SkillResult.of(left(installation, FILES), None)
    object.__setattr__(result, "__pydantic_private__", None)
    for kind in SERIALIZERS:
        assert again(SERIALIZERS[kind], result).read_text("a.txt") == "left"


def test_a_result_is_loaded_from_its_record_and_keeps_the_block_that_it_was_asked_for_with(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = left(installation, FILES, "acme")
    mine = load_result(core.execution_id, tenant="acme")
    assert (type(mine), mine == core, mine.read_text("a.txt"), mine._installation) == (SkillResult, True, "left", None)
    assert asyncio.run(aload_result(core.execution_id, tenant="acme")) == core
    with pytest.raises(ExecutionNotFoundError):
        load_result(core.execution_id)
    monkeypatch.setattr("prefect_skillbox.tasks.result.installation_settings", {"team": installation.settings}.get)
    theirs = load_result(core.execution_id, tenant="acme", installation="team")
    assert again(PickleSerializer(), theirs).read_text("a.txt") == "left"


def test_thousands_of_results_have_the_names_of_their_fields_once() -> None:
    silent, null = ({"execution_id": "1" * 32, "status": "success"} | said for said in ({}, {"output": None}))
    results = [SkillResult.of(RunResult.model_validate(said), None) for said in (silent, null, silent, null)]
    assert [result.has_output for result in results] == [False, True, False, True]
    assert results[0].__pydantic_fields_set__ is results[2].__pydantic_fields_set__
    assert results[1].__pydantic_fields_set__ is results[3].__pydantic_fields_set__
    # A copy has its own, so none changes those of all.
    assert results[0].model_copy(update={"output": 1}).has_output
    assert not results[2].has_output
