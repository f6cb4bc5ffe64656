"""Images on a real engine: resolved once, held to their digest, named on the record."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from skillbox_core import Reason, Runner, RunRequest, Settings, Status
from skillbox_core.errors import ImageNotAllowedError, ImageUnavailableError
from skillbox_core.sandbox.engine import Image
from skillbox_core.sandbox.images import described, ready_image

OTHER = f"sha256:{'e' * 64}"


@pytest.fixture(scope="module")
def image(runner: Runner) -> Iterator[tuple[str, str]]:
    """A name of this module's own for an image that is there, and the image's id."""
    aliases = runner.installation.settings.image_aliases
    found = ready_image(runner.installation.engine, aliases.get("bash:5", "bash:5"))
    name = f"skillbox-test/{uuid.uuid4().hex[:8]}"
    runner.installation.engine._api.tag(found.id, name, "1")
    yield f"{name}:1", found.id
    runner.installation.engine._api.remove_image(f"{name}:1")


def test_a_pinned_image_is_found_by_its_digest_whatever_its_tag_says(runner: Runner, image: tuple[str, str]) -> None:
    name, digest = image
    assert ready_image(runner.installation.engine, name).id == digest
    assert ready_image(runner.installation.engine, f"{name}@{digest}").id == digest
    assert ready_image(runner.installation.engine, f"moved/elsewhere:1@{digest}").id == digest
    assert described(f"{name}@{digest}", ready_image(runner.installation.engine, name)) == f"{name}@{digest}"


def test_a_name_with_other_contents_than_its_digest_says_is_refused(runner: Runner, image: tuple[str, str]) -> None:
    name, digest = image
    with pytest.raises(ImageNotAllowedError, match=f"pinned to {OTHER}, and the engine has {digest}"):
        ready_image(runner.installation.engine, f"{name}@{OTHER}")
    with pytest.raises(ImageUnavailableError):
        ready_image(runner.installation.engine, f"skillbox-test/not-there:1@{OTHER}")


@pytest.mark.parametrize(
    ("reference", "digests", "named"),
    [
        ("python:3.12-slim", (f"python@{OTHER}",), f"python:3.12-slim@{OTHER}"),
        ("host:5000/a/b:1", (f"host:5000/a/b@{OTHER}",), f"host:5000/a/b:1@{OTHER}"),
        ("built:here", (), "built:here"),
        (f"a@{OTHER}", (f"a@sha256:{'1' * 64}",), f"a@{OTHER}"),
    ],
)
def test_a_record_names_the_registrys_digest_where_it_is_known(
    reference: str, digests: tuple[str, ...], named: str
) -> None:
    assert described(reference, Image("sha256:0", (), digests)) == named


def pinned(settings: Settings, name: str, digest: str, *, by: str) -> Runner:
    change: dict[str, object] = {
        "allowlist": {"image_allowlist": (f"bash:5@{digest}",), "image_aliases": {"bash:5": name}},
        "alias": {"image_allowlist": ("bash:5",), "image_aliases": {"bash:5": f"{name}@{digest}"}},
    }[by]
    return Runner.from_settings(settings.model_copy(update=change))


@pytest.mark.parametrize("by", ["allowlist", "alias"])
def test_the_digest_that_ran_is_on_the_record(runner: Runner, image: tuple[str, str], by: str) -> None:
    name, digest = image
    result = pinned(runner.installation.settings, name, digest, by=by).run(
        RunRequest(skill="fingerprint", input={"text": "x"})
    )
    assert result.status is Status.SUCCESS, result
    row = runner.installation.executions.get("default", result.execution_id)
    assert (row.image, row.image_id) == (f"{name}@{digest}", digest)


@pytest.mark.parametrize("by", ["allowlist", "alias"])
def test_another_digest_ends_the_run_before_anything_is_made(runner: Runner, image: tuple[str, str], by: str) -> None:
    result = pinned(runner.installation.settings, image[0], OTHER, by=by).run(RunRequest(skill="fingerprint"))
    assert (result.status, result.reason) == (Status.FAILED, Reason.POLICY), result
    assert OTHER in (result.error or "")
