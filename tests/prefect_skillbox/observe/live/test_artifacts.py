"""What the UI shows of a run: its summary, files, pictures and progress; a stranger's text only ever as text."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect import flow
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

from prefect_skillbox import secret, skill
from prefect_skillbox.observe import outbox
from prefect_skillbox.observe.artifacts import artifact_key, block, code
from prefect_skillbox.observe.pictures import MAX_PICTURE, MAX_PICTURES, media_type, pictures
from skillbox_core import Runner
from skillbox_core.base.progress import Progress, parse_progress
from skillbox_core.models import FileDigest, Output
from tests.conftest import EXAMPLES, MakeSkill
from tests.prefect_skillbox import seen

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

SHOWING = f"""
import json, os, sys
for percent in (0, 40, 70): print(f"::progress {{percent}} reading <b>rows</b>", file=sys.stderr)
print("::progress is a word", file=sys.stderr)
print("\\x1b[31m=HYPERLINK(1)<script>alert(1)</script>\\x1b[0m")
files = os.environ["SANDBOX_FILES_DIR"]
open(files + "plot `1`.svg", "wb").write({SVG!r})
open(files + "pixel.png", "wb").write({PNG!r})
open(files + "not-a-picture.png", "w").write("<html>")
json.dump({{"<b>": "```", "key": os.environ["API_KEY"]}}, open("/sandbox/out/output.json", "w"))
raise SystemExit(int(os.environ["CODE"]))
"""


def shown(name: str, code: int) -> dict[str, Any]:
    showing = skill(name, env={"API_KEY": "canary-5ecret", "CODE": str(code)}, raise_on_failure=False)

    @flow
    def show() -> None:
        showing({})

    run = seen.run_id(show(return_state=True))
    wanted = {f"{kind}-{name}" for kind in ("skill", "picture", "progress")}
    percent = 100 if code == 0 else 70
    found = seen.artifacts(
        run, lambda found: wanted <= found.keys() and float(str(found[f"progress-{name}"].data)) == percent
    )
    assert found.keys() == wanted
    assert "canary-5ecret" not in str(found)
    messages = [log.message for log in seen.logs(run, lambda found: any("HYPERLINK" in log.message for log in found))]
    assert "::progress is a word" in messages
    assert not [message for message in messages if message.startswith("::progress 4")]
    return {key: (one.type, str(one.data), str(one.description)) for key, one in found.items()}


def test_a_run_has_a_summary_its_pictures_and_a_progress_that_ends_at_100(make_skill: MakeSkill) -> None:
    name = make_skill(SHOWING)
    found = shown(name, 0)
    kind, text, _ = found[f"skill-{name}"]
    assert (kind, "| status | success |" in text) == ("markdown", True)
    outside = re.sub(r"(`{3,})text\n.*?\n\1", "", text, flags=re.DOTALL)
    assert not re.search(r"<|HYPERLINK|\x1b", outside), "only in blocks of code"
    assert "\x1b" not in text
    assert '"key": "***"' in text
    kind, url, description = found[f"picture-{name}"]
    assert (kind, url.split(",")[0]) in (
        ("image", "data:image/png;base64"),
        ("image", "data:image/svg+xml;base64"),
    )
    assert description.startswith(("`pixel.png` of", "`` plot `1`.svg `` of"))
    kind, percent, description = found[f"progress-{name}"]
    assert (kind, float(percent), description) == ("progress", 100, f"`{name}`: `reading <b>rows</b>`")


def test_the_progress_of_a_failed_run_stays_where_it_was(make_skill: MakeSkill) -> None:
    shown(make_skill(SHOWING), 3)


@pytest.mark.parametrize("known", [True, False], ids=["read again", "gone since"])
def test_a_finished_run_that_is_shown_again_shows_no_secret_either(make_skill: MakeSkill, known: bool) -> None:
    document, value, tries = f"test-{uuid.uuid4().hex[:8]}", "canary-5ecret-again", []
    name = make_skill(
        "import json, os; value = os.environ['API_KEY']; open('/sandbox/out/files/' + value, 'w').write('x')\n"
        "json.dump({'n': 1, 'key': value}, open('/sandbox/out/output.json', 'w'))"
    )
    telling = skill(name, env={"API_KEY": secret(document)})

    @flow(retries=1)
    def second_time_lucky() -> None:
        tries.append(telling({}).execution_id)
        if len(tries) == 1:
            if not known:
                Secret.delete(document)
            raise RuntimeError("not yet")

    Secret(value=value).save(document)
    try:
        run = seen.run_id(second_time_lucky(return_state=True))
    finally:
        if known:
            Secret.delete(document)
    assert (len(tries), len(set(tries))) == (2, 1)
    outbox.flush(30)
    with get_client(sync_client=True) as client:
        made = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run])))
    made.sort(key=lambda one: str(one.created))
    texts = [str(one.data) for one in made if one.key == f"skill-{name}"]
    assert value not in str(made)
    assert [('"n": 1' in text, "not shown" in text) for text in texts] == [(True, False), (known, not known)]


@pytest.mark.parametrize(
    ("line", "progress"),
    [
        ("::progress 40 reading rows", Progress(40, "reading rows")),
        ("::progress 0", Progress(0)),
        ("::progress 100", Progress(100)),
        ("::progress 12.5\tx\r", Progress(12.5, "x")),
        ("::progress 7 " + "x" * 300, Progress(7, "x" * 200)),
        ("::progress 100.1", None),
        ("::progress 101", None),
        ("::progress -1", None),
        ("::progress 1e1", None),
        ("::progress 40% done", None),
        ("::progress", None),
        ("::progress forty", None),
        (" ::progress 40", None),
        ("::progress 40x", None),
        ("::progress \u0664\u0660", None),
    ],
)
def test_only_a_line_of_the_documented_form_is_progress(line: str, progress: Progress | None) -> None:
    assert parse_progress(line) == progress


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (SVG, "image/svg+xml"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made by me -->\n<svg >', "image/svg+xml"),
        (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">\n<svg>', "image/svg+xml"),
        (b'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>', None),
        (b"<html><svg></svg></html>", None),
        (b"<svgx>", None),
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (b"", None),
        (b"<!--" + b"-" * 5000, None),
        (b"<?xml version='1.0'?>\n<!-- a -- b --><!----><!DOCTYPE svg>\r\n<!-- c -->\t<svg\n>", "image/svg+xml"),
        (b"<!-- a ><svg>", None),
        (b"<!--><svg>", None),
        # What would take a search that tries every division of them days, and nothing else may run meanwhile.
        (b" " * MAX_PICTURE, None),
        (b"\n<!---->" * 32_000, None),
        (b"<?xml " + b"?" * MAX_PICTURE, None),
        (b"<!DOCTYPE svg" + b" " * MAX_PICTURE, None),
    ],
)
def test_what_a_picture_is_its_first_bytes_say(data: bytes, kind: str | None) -> None:
    assert media_type(data) == kind


def test_pictures_are_few_small_and_what_their_names_say(tmp_path: Path) -> None:
    files = {f"p{number}.png": PNG for number in range(MAX_PICTURES + 2)}
    files |= {"big.png": PNG + bytes(MAX_PICTURE), "no.txt": PNG, "lie.svg": b"x"}
    spool = tmp_path / "spool"
    with tarfile.open(spool, "w:gz") as packed:
        for path, data in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    listed = tuple(FileDigest(path, len(data), "") for path, data in files.items())
    output = Output("{}", None, spool, listed)
    assert [(one.path, one.media_type) for one in pictures(output)] == [
        (f"p{number}.png", "image/png") for number in range(MAX_PICTURES)
    ]


def test_keys_are_what_prefect_takes_and_no_two_skills_share_one() -> None:
    names = [("a-b", "default"), ("a_b", "default"), ("a-b", "acme"), ("a-b", "Acme"), ("ab", "default")]
    keys = [artifact_key("skill", name, tenant) for name, tenant in names]
    assert keys[0] == "skill-a-b"
    assert len(set(keys)) == len(keys)
    assert artifact_key("skill", keys[2].removeprefix("skill-")) not in keys, "a name like another tenant's key"
    assert artifact_key("batch", "Odd näme/x").startswith("batch-odd-n-me-x-")
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in [*keys, artifact_key("batch", "日本")])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_strangers_text_cannot_leave_its_code(text: str) -> None:
    span = code(text)
    fence = re.match(r"`+", span).group()  # type: ignore[union-attr]
    assert span.endswith(fence)
    assert fence not in span[len(fence) : -len(fence)]
    assert "\n" not in span
    first, *inside, last = block(text).split("\n")
    assert first == f"{last}text"
    assert not [line for line in inside if last in line]


def test_a_result_of_the_example_has_its_chart_as_a_picture(runner: Runner) -> None:
    chart = skill("chart")

    @flow
    def draw() -> None:
        chart(json.loads((EXAMPLES / "inputs" / "chart.json").read_text()))

    found = seen.artifacts(seen.run_id(draw(return_state=True)), lambda found: "picture-chart" in found)
    assert str(found["picture-chart"].data).startswith("data:image/svg+xml;base64,")
