"""The tables that a run left, in the Prefect UI in a real browser: shown, and dead."""

from __future__ import annotations

import base64
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from prefect import flow

from prefect_skillbox import skill
from tests.conftest import MakeSkill
from tests.prefect_skillbox import seen

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium; `make test` as root installs it")

UI = os.environ.get("PREFECT_API_URL", "").removesuffix("/api")
ALIVE = "<img src=x onerror=\"document.title='alive'\">"
EVIL = {
    "price": [1.5, 2.25, None],
    ALIVE: ["*a*", '=HYPERLINK("http://x")', "[x](javascript:alert(1))"],
    "**bold** `c` [link](http://e)": ["|", "`|` ![i](http://e/i.png)", ALIVE],
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser that talks to this machine only."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, "--disable-component-update", "--disable-sync"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.route(lambda url: not url.startswith((UI, "data:")), lambda route: route.abort())
        yield page
        browser.close()


def test_the_first_rows_of_a_table_are_shown_and_nothing_in_it_comes_alive(
    make_skill: MakeSkill, page: Page, tmp_path: Path, cli_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in cli_environment.items():
        monkeypatch.setenv(variable, value)
    packed = io.BytesIO()
    pq.write_table(pa.table(EVIL), packed)
    name = make_skill(
        "import base64, json, os\n"
        f"data = base64.b64decode({base64.b64encode(packed.getvalue()).decode()!r})\n"
        "open(os.environ['SANDBOX_FILES_DIR'] + 'orders.parquet', 'wb').write(data)\n"
        "json.dump(None, open('/sandbox/out/output.json', 'w'))\n"
    )

    @flow
    def show() -> None:
        skill(name)({})

    run: UUID = seen.run_id(show(return_state=True))
    made = seen.artifacts(run, lambda found: f"table-{name}" in found)[f"table-{name}"]
    for ui in (UI, f"{UI}/v2"):
        page.goto(f"{ui}/artifacts/artifact/{made.id}")
        expect(page.get_by_text("price (double)").first).to_be_visible()
        expect(page.get_by_text("2.25").first).to_be_visible()
        page.screenshot(path=tmp_path / f"table{ui.count('/')}.png")
        shown = page.locator("table")
        assert "[x](javascript:alert(1))" in shown.inner_text()
        assert "**bold** `c` [link](http://e) (string)" in shown.inner_text()
        assert shown.locator("img, a, strong, em").count() == 0
        assert page.title() != "alive"
