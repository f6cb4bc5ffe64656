"""Links to the files of a run, as its artifact shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from prefect_skillbox.observe.artifacts import Artifact, Home, Later
from prefect_skillbox.observe.reporting import reports
from skillbox_core import RunResult, Status
from skillbox_core.base.redaction import Redactor
from skillbox_core.errors import StorageError

ARCHIVE = "[files.tar.gz](https://store.example/x?signature=y)"
RESULT = RunResult(
    execution_id="0" * 32, status=Status.SUCCESS, skill="a", version="1.0.0",
    files_url="https://store.example/x?signature=y", files_list=("a.txt",),
)  # fmt: skip


def shown(
    result: RunResult, links: Callable[[], Mapping[str, str]] = dict, redact: Callable[[str], str] = str
) -> dict[str, Artifact]:
    """The artifacts of a run by key, as they are when they are sent."""
    found = reports(result, Home(None, None), link_expiry=60, links=links, redact=redact)
    made = (one.make() if isinstance(one, Later) else one for one in found)
    return {one.key: one for one in made if one}


def test_a_link_to_the_files_says_until_when_it_is_good() -> None:
    made = shown(RESULT)
    assert made["files-a"].data == ARCHIVE
    assert re.search(
        r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC; afterwards: `skillbox exec files 0+", made["files-a"].description
    )
    assert shown(RESULT.model_copy(update={"files_url": "file:///x"})).keys() == {"skill-a"}


def test_each_file_that_people_open_has_a_link_and_no_name_comes_alive() -> None:
    links = {"a/plot.png": "https://s/p", "](javascript:alert(1)) <b>`.html": "https://s/r?a=b"}
    lines = shown(RESULT, lambda: links)["files-a"].data.splitlines()
    assert lines == [
        ARCHIVE,
        "",
        "- `a/plot.png`: [open](https://s/p)",
        "- `` ](javascript:alert(1)) <b>`.html ``: [download](https://s/r?a=b)",
    ]


@pytest.mark.parametrize("redact", [Redactor(["canary-5ecret"]).text, lambda _text: "not shown"])
def test_a_name_with_a_secret_in_it_has_no_link(redact: Callable[[str], str]) -> None:
    data = shown(RESULT, lambda: {"canary-5ecret.csv": "https://s/canary-5ecret.csv"}, redact)["files-a"].data
    assert data == ARCHIVE


def test_a_store_that_fails_takes_the_single_links_only() -> None:
    def fail() -> Mapping[str, str]:
        raise StorageError("no")

    assert shown(RESULT, fail)["files-a"].data == ARCHIVE
