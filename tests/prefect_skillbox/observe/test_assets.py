"""Keys and events of assets: what Prefect takes, the same for the same data, and no secret in any."""

from __future__ import annotations

import pytest
from prefect.assets import Asset

from prefect_skillbox.observe.assets import MAX_ASSETS, asset_events, asset_key, read_keys, stored_key
from skillbox_core import RunResult, Status
from skillbox_core.base.redaction import Redactor
from skillbox_core.models import Artifacts, FileDigest, InputFile, PlannedFile, Source

RUN = "0" * 32


def given(source: Source, at: str, member: str = "") -> PlannedFile:
    return PlannedFile("name", InputFile(source, at, member))


@pytest.mark.parametrize(
    ("file", "key"),
    [
        (given(Source.URL, "s3://raw/2024/orders.csv"), "s3://raw/2024/orders.csv"),
        (given(Source.URL, "S3://raw/orders.csv"), "s3://raw/orders.csv"),
        (given(Source.URL, "https://user:canary@host:8443/a.csv?X-Amz-Signature=canary#x"), "https://host:8443/a.csv"),
        (given(Source.URL, "abfs+x://c/a.csv"), None),
        (given(Source.PATH, "/srv/a.csv"), None),
        (given(Source.RUN, RUN, "clean/orders.parquet"), "skillbox://acme/clean-csv/clean/orders.parquet"),
        (given(Source.RUN, "1" * 32, "a.csv"), None),
    ],
)
def test_what_was_read_has_the_key_of_where_it_is(file: PlannedFile, key: str | None) -> None:
    assert read_keys([file, file], {RUN: ("acme", "clean-csv")}) == ((key,) if key else ())
    assert not key or Asset(key=key)


@pytest.mark.parametrize(
    "path", ["a b.csv", "100%.csv", "a#1.csv", "[x].csv", "`x`.csv", "<b>'\".csv", "x" * 600, "ä.csv"]
)
def test_any_name_is_a_key_that_prefect_takes(path: str) -> None:
    assert Asset(key=stored_key("default", "a", path))


def test_two_files_never_share_a_key() -> None:
    paths = ["a b", "a_b", "a#b", "a%b", "x" * 600, "x" * 601]
    # Names that are the keys of others.
    paths += [stored_key("default", "a", path).removeprefix("skillbox://default/a/") for path in paths]
    paths = list(dict.fromkeys(paths))
    assert len({stored_key("default", "a", path) for path in paths}) == len(paths)


def test_an_address_of_no_scheme_that_prefect_takes_has_no_key() -> None:
    assert asset_key("a+b://c") is None


def result(status: Status = Status.SUCCESS, *paths: str) -> RunResult:
    files = tuple(FileDigest(path, 3, "5" * 64) for path in paths)
    return RunResult(
        execution_id=RUN, status=status, skill="a", version="1.0.0", artifacts=Artifacts("key", files)
    )  # fmt: skip


def test_each_file_of_a_success_is_made_from_all_that_was_read() -> None:
    read, *made = asset_events(result(Status.SUCCESS, "b.csv", "a.csv"), ["s3://raw/x.csv"], [])
    assert (read.event, read.resource.id) == ("prefect.asset.referenced", "s3://raw/x.csv")
    assert {one.event for one in made} == {"prefect.asset.materialization.succeeded"}
    assert [one.resource.id for one in made] == ["skillbox://default/a/a.csv", "skillbox://default/a/b.csv"]
    assert [(one.role, one.id) for one in made[0].related] == [
        ("asset", "s3://raw/x.csv"),
        ("asset-materialized-by", "skillbox"),
    ]
    assert made[0].payload == {"execution": RUN, "version": "1.0.0", "size": 3, "sha256": "5" * 64}


def test_a_run_that_failed_read_and_made_nothing() -> None:
    made = asset_events(result(Status.FAILED, "a.csv"), ["s3://raw/x.csv"], [])
    assert [one.event for one in made] == ["prefect.asset.referenced"]


def test_a_key_with_a_secret_in_it_is_left_out() -> None:
    secret = "canary-5ecret"
    run = result(Status.SUCCESS, f"{secret}.csv", "a.csv")
    made = asset_events(run, [f"s3://{secret}/x.csv", "s3://raw/x.csv"], [], Redactor([secret]).text)
    assert [one.resource.id for one in made] == ["s3://raw/x.csv", "skillbox://default/a/a.csv"]
    assert secret not in str(made)
    assert asset_events(run, ["s3://raw/x.csv"], [], lambda _text: "not shown") == []


def test_there_are_no_more_than_a_person_looks_at() -> None:
    many = [f"{number}" for number in range(MAX_ASSETS + 5)]
    made = asset_events(result(Status.SUCCESS, *many), [f"s3://raw/{name}" for name in many], [])
    assert len(made) == 2 * MAX_ASSETS
