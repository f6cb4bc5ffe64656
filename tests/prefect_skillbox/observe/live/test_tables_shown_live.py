"""Tables of real runs, on a real server: there for whoever looks, without a secret, and no run waits for them."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.schemas.objects import Artifact

from prefect_skillbox import skill
from prefect_skillbox.observe import outbox, table_previews
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen

LEAVING = """
import json, os
folder = os.environ["SANDBOX_FILES_DIR"]
open(folder + "cities.csv", "w").write("id,city\\n1," + os.environ["API_KEY"] + "\\n2,Köln\\n")
open(folder + "broken.parquet", "w").write("PAR1")
json.dump(None, open("/sandbox/out/output.json", "w"))
"""


def shown(name: str) -> tuple[UUID, dict[str, Artifact]]:
    leaving = skill(name, env={"API_KEY": "canary-5ecret"})

    @flow
    def leave() -> None:
        leaving({})

    run = seen.run_id(leave(return_state=True))
    return run, seen.artifacts(run, lambda found: f"table-{name}" in found)


def test_the_first_rows_of_a_csv_file_are_an_artifact_of_the_run(make_skill: MakeSkill) -> None:
    name = make_skill(LEAVING)
    _, found = shown(name)
    table = found[f"table-{name}"]
    assert table.type == "table"
    assert table.data == [
        {"id (integer)": "`1`", "city (text)": "`***`"},
        {"id (integer)": "`2`", "city (text)": "`Köln`"},
    ]
    assert str(table.description).startswith(f"`cities.csv` of `{name}@1.0.0`, execution `")
    assert str(table.description).endswith("`: 2 rows of 2 columns")
    assert "canary-5ecret" not in str(found)


def test_no_run_waits_for_its_tables(make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch) -> None:
    released, preview = threading.Event(), table_previews.preview

    def late(file: object, path: str) -> object:
        assert released.wait(60)
        return preview(file, path)  # type: ignore[arg-type]

    monkeypatch.setattr(table_previews, "preview", late)
    name = make_skill(LEAVING)
    leaving = skill(name, env={"API_KEY": "x"})

    @flow
    def leave() -> None:
        leaving({})

    run = seen.run_id(leave(return_state=True))
    assert f"skill-{name}" in seen.artifacts(run, lambda found: f"skill-{name}" in found)
    assert f"table-{name}" not in seen.artifacts(run, lambda found: True)
    released.set()
    outbox.flush(30)
    assert f"table-{name}" in seen.artifacts(run, lambda found: f"table-{name}" in found)
