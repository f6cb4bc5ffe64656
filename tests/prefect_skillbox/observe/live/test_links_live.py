"""The links of a run whose files are in a real object store, followed as a browser does."""

from __future__ import annotations

import re
import urllib.request
import uuid

import pytest
from prefect import flow

from prefect_skillbox import skill
from skillbox_core import Runner, Settings
from tests.prefect_skillbox import seen
from tests.services import skills
from tests.services.swift import S3Service

PAGE = "<script>alert(document.domain)</script>"
LEAVING = f"""
import json, os
folder = os.environ["SANDBOX_FILES_DIR"]
open(folder + "report.html", "w").write({PAGE!r})
open(folder + "rows.bin", "w").write("x")
open(folder + os.environ["API_KEY"] + ".csv", "w").write("a")
json.dump(None, open("/sandbox/out/output.json", "w"))
"""

pytestmark = pytest.mark.once


def test_a_page_is_one_click_away_and_a_download(
    installation: Settings, s3: S3Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    unique = uuid.uuid4().hex[:8]
    store = {
        "s3_endpoint": s3.endpoint,
        "s3_access_key": s3.access_key,
        "s3_secret_key": s3.secret_key,
        "s3_bucket_skills": f"skills-{unique}",
        "s3_bucket_executions": f"executions-{unique}",
    }
    for name, value in store.items():
        monkeypatch.setenv(f"SKILLBOX_{name.upper()}", value)
    name = f"t-{unique}-links"
    skills.push(Runner.from_settings(installation.model_copy(update=store)), name, LEAVING)

    @flow
    def leave() -> None:
        skill(name, env={"API_KEY": "canary-5ecret"})({})

    run = seen.run_id(leave(return_state=True))
    made = seen.artifacts(run, lambda found: f"files-{name}" in found)[f"files-{name}"]
    assert made.type == "markdown"
    archive, single = str(made.data).split("\n\n")
    assert archive.startswith("[files.tar.gz](http")
    found = re.fullmatch(r"- `report\.html`: \[download\]\((.+)\)", single)
    assert found, single
    assert "canary" not in str(made)
    with urllib.request.urlopen(found[1], timeout=10) as answer:
        assert answer.read().decode() == PAGE
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="report.html"'
