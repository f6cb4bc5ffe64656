"""What a person sees: the Prefect UI in a real browser, after the plain example has run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from skillbox_core import Runner
from tests.conftest import EXAMPLES, MakeSkill
from tests.prefect_skillbox.seen import artifacts, eventually

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium; `make test` as root installs it")

UI = os.environ.get("PREFECT_API_URL", "").removesuffix("/api")
IN_EACH = {"clean-csv": 6, "stats": 7, "chart": 7, "text-summary": 6}
"""Steps of each skill. A run that left no files has nothing to upload."""
TASK_RUNS = len(IN_EACH) + sum(IN_EACH.values())

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def run_id(runner: Runner, cli_environment: dict[str, str]) -> str:
    """The flow run of the plain example."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "plain.py")], env=cli_environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"/runs/flow-run/([0-9a-f-]{36})", done.stderr + done.stdout)
    assert found, done.stderr
    # Prefect learns of task runs and artifacts later than their flow run ends.
    of_the_run = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(found[1])]))
    with get_client(sync_client=True) as client:
        runs = eventually(
            lambda: client.read_task_runs(flow_run_filter=of_the_run),
            lambda runs: len(runs) == TASK_RUNS and all(run.state and run.state.is_completed() for run in runs),
        )
    assert len(runs) == TASK_RUNS
    return found[1]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of a browser that talks to this machine only."""
    flags = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *flags])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.route(lambda url: not url.startswith((UI, "data:")), lambda route: route.abort())
        yield page
        browser.close()


def test_the_flow_run_shows_a_box_for_each_skill_with_its_arrows(page: Page, run_id: str, tmp_path: Path) -> None:
    with page.expect_response(re.compile("graph-v2")) as graph:
        page.goto(f"{UI}/runs/flow-run/{run_id}")
    answer: dict[str, Any] = graph.value.json()
    nodes = dict(answer["nodes"])
    # What lies inside another box is drawn when that one is opened.
    skills = {node["label"]: node for node in nodes.values() if not node["encapsulating"]}
    assert set(skills) == set(IN_EACH)
    arrows = {(nodes[parent["id"]]["label"], name) for name, box in skills.items() for parent in box["parents"]}
    assert arrows >= {("clean-csv", "stats"), ("stats", "chart")}
    inside = [nodes[node["encapsulating"][0]["id"]]["label"] for node in nodes.values() if node["encapsulating"]]
    assert Counter(inside) == IN_EACH
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.get_by_text("Completed").first).to_be_visible()
    page.screenshot(path=tmp_path / "flow-run.png")


def test_the_artifacts_render(page: Page, run_id: str, tmp_path: Path) -> None:
    chart = artifacts(UUID(run_id), lambda found: "skill-chart" in found)["skill-chart"]
    page.goto(f"{UI}/artifacts/artifact/{chart.id}")
    expect(page.get_by_role("heading", name="chart@1.1.0")).to_be_visible()
    expect(page.get_by_role("row", name="status success")).to_be_visible()
    page.screenshot(path=tmp_path / "artifact.png")


@pytest.fixture
def deployed(cli_environment: dict[str, str], make_skill: MakeSkill) -> Iterator[tuple[str, str]]:
    """A deployment of a skill that takes files, in a pool without a worker: its flow's name, and its own."""
    front = """input_schema: {type: object, properties: {title: {type: string}}}
input_files:
  - {name: orders.csv, media_type: text/csv, description: One row for each order}
  - {name: "in/*.parquet", required: false}
"""
    skill, pool = make_skill("pass", front=front), f"ui-{uuid.uuid4().hex[:8]}"
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        try:
            options = ["--pool", pool, "--name", pool, "--file", "orders.csv=/data/orders.csv"]
            made = subprocess.run(
                [Path(sys.executable).parent / "skillbox", "deploy", skill, *options],
                env=cli_environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert made.returncode == 0, made.stderr
            yield skill, pool
            client.delete_deployment(client.read_deployment_by_name(f"{skill}/{pool}").id)
        finally:
            client.delete_work_pool(pool)


# A page asks once, where a client asks again; amid the writes of other tests a server on SQLite may answer 503.
@pytest.mark.by_itself
def test_the_form_of_a_deployment_has_a_field_for_each_file(
    page: Page, deployed: tuple[str, str], tmp_path: Path
) -> None:
    skill, name = deployed
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{skill}/{name}")
        page.goto(f"{UI}/deployments/deployment/{deployment.id}/run")
        expect(page.get_by_text("in/*.parquet (Optional)")).to_be_visible()
        expect(page.get_by_text("One row for each order. text/csv")).to_be_visible()
        texts = page.locator("textarea")
        # The title, and the first of the files with what the deployment has for it.
        expect(texts.nth(1)).to_have_value("/data/orders.csv")
        texts.nth(1).fill("https://example.org/orders.csv")
        page.get_by_role("button", name="Add item").click()
        texts.nth(2).fill("/data/2026")
        page.screenshot(path=tmp_path / "form.png")
        with page.expect_response(re.compile("create_flow_run")) as created:
            page.get_by_role("button", name="Submit").click()
        assert created.value.ok, (created.value.status, created.value.text())
        run: dict[str, Any] = created.value.json()
        client.delete_flow_run(UUID(run["id"]))
    assert run["parameters"] == {
        "files": {"orders.csv": "https://example.org/orders.csv", "in/*.parquet": ["/data/2026"]},
        "skillbox": {"skill": f"default/{skill}", "files": True},
    }
