"""A table as the UI is given it: every name and cell a stranger's text, and only text."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from prefect_skillbox.observe import outbox
from prefect_skillbox.observe.artifacts import Home
from prefect_skillbox.observe.reporting import summary
from prefect_skillbox.observe.table_previews import SHOWN, extent, rows_shown, table_artifacts
from skillbox_core import RunResult, Status
from skillbox_core.base.redaction import Redactor
from skillbox_core.errors import StorageError
from skillbox_core.models import Artifacts, FileDigest
from skillbox_core.operations import table_preview
from skillbox_core.operations.table_preview import TablePreview

SECRET = "canary-5ecret"


def table(
    *names: str, rows: tuple[tuple[str, ...], ...] = (), columns: int = 0, length: int | None = 0
) -> TablePreview:
    return TablePreview(names, ("string",) * len(names), rows, columns or len(names), length)


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (table("a", "b", rows=(("1", ""), ("2", "x"))), [{"a": "`1`", "b": ""}, {"a": "`2`", "b": "`x`"}]),
        (table("a", "a", ""), [{"a": "", "a #2": "", "column 3": ""}]),
        (table("a", rows=(("<b>",),)), [{"a": "`<b>`"}]),
        (table("a", rows=(("`|` [x](http://e)",),)), [{"a": "`` `|` [x](http://e) ``"}]),
        (table("a", rows=(("=1+1",),)), [{"a": "`=1+1`"}]),
        (table("a\x1b[31m", rows=(("\x1b[31m\n\u202e",),)), [{"a\\x1b[31m": "`\\x1b[31m \\u202e`"}]),
        (table("n" * 999, rows=(("c" * 999,),)), [{"n" * (SHOWN - 3) + "...": f"`{'c' * (SHOWN - 3)}...`"}]),
        (table(SECRET, rows=((f"x {SECRET}",),)), [{"***": "`x ***`"}]),
        (table("a", rows=(("." * (SHOWN - 5) + SECRET,),)), [{"a": f"`{'.' * (SHOWN - 5)}***`"}]),
    ],
)
def test_cells_are_code_and_names_are_told_apart(found: TablePreview, shown: list[dict[str, str]]) -> None:
    rows = rows_shown(found, Redactor([SECRET]).text)
    plain = [{name.replace(" (string)", ""): cell for name, cell in row.items()} for row in rows]
    assert plain == shown
    assert all("(string)" in name for row in rows for name in row)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (table("a", rows=(("1",),), length=1), "1 row of 1 column"),
        (
            table("a", "b", rows=(("1", "2"),) * 10, length=1_000_000),
            "1,000,000 rows of 2 columns; shown: the first 10 rows",
        ),
        (table("a", rows=(("1",),), columns=99, length=1), "1 row of 99 columns; shown: the first 1 columns"),
        (table("a", rows=(("1",),), length=None), "rows of 1 column; shown: the first 1 row"),
    ],
)
def test_it_says_how_much_of_a_table_is_shown(found: TablePreview, words: str) -> None:
    assert extent(found) == words


class Gone:
    """An installation whose store has lost its files."""

    artifacts = property(lambda self: self)

    def open_file(self, artifacts: Artifacts, path: str) -> Any:
        raise StorageError("the files of this execution are no longer in the store")


def result() -> RunResult:
    files = (FileDigest(f"{SECRET}.csv", 3, ""),)
    return RunResult(
        execution_id="0" * 32, status=Status.SUCCESS, skill="a", version="1.0.0", artifacts=Artifacts("key", files)
    )


def test_a_file_that_can_t_be_had_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    gone: Any = Gone()
    (later,) = table_artifacts(result(), Home(None, None), gone, Redactor([SECRET]).text)
    assert later.make() is None
    assert "no longer in the store" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("names", "pyarrow", "told"),
    [(["a.csv", "b.parquet"], False, True), (["a.csv"], False, False), (["b.parquet"], True, False)],
)
def test_without_pyarrow_the_summary_says_what_shows_parquet(
    names: list[str], pyarrow: bool, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_preview, "find_spec", lambda name: pyarrow or None)
    run = result().model_copy(update={"files_list": tuple(names)})
    assert ("pip install 'prefect-skillbox[tables]'" in summary(run)) == told


def test_a_large_batch_computes_some_tables_and_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    release, sent = threading.Event(), []

    class Slow:
        every = 0.0

        def send(self, client: Any) -> None:
            assert release.wait(30)
            sent.append(self)

    box = outbox.Outbox(outbox.MAX_SLOW, logging.DEBUG)
    for _ in range(500):
        box.post(Slow())
    release.set()
    assert box.flush(30)
    assert outbox.MAX_SLOW <= len(sent) <= outbox.MAX_SLOW + 1
    assert not caplog.records
