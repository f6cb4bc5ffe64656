"""A push locks for the Python of the skill's image, and not again where nothing has changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skillbox_core.environments.interpreter import Known
from skillbox_core.environments.push import locker
from skillbox_core.models import Interpreter
from skillbox_core.skills.environment_lock import Lock, Pin
from skillbox_core.skills.manifest import Manifest
from skillbox_core.skills.node_lock import NodeLock
from skillbox_core.skills.node_sources import NodeSource
from skillbox_core.skills.sources import PythonSource

PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")
SOURCE = PythonSource("requirements.txt", ("six",))
OLD = Lock(SOURCE.path, SOURCE.digest, PYTHON.text, True, (Pin("six", "1", "", ("a" * 64,)),))
VERSIONS = PythonSource("requirements.txt", ("Six_Pack[x]>=2", 'winsix; sys_platform == "win32"'))
OTHER = Lock(VERSIONS.path, VERSIONS.digest, PYTHON.text, True, (Pin("six-pack", "2.1", "", ("a" * 64,)),))
NEW = replace(OLD, pins=(Pin("six", "2", "", ("b" * 64,)),))
MANIFEST = Manifest("s", "1.0.0", "d")


@pytest.mark.parametrize(
    ("stored", "beside", "source", "gives"),
    [
        (None, None, SOURCE, NEW),
        (OLD, None, SOURCE, OLD),
        (None, OLD.text, SOURCE, OLD),
        (OLD, NEW.text, SOURCE, OLD),
        (OLD, OLD.text, replace(SOURCE, requirements=("six>1",)), NEW),
        (OLD, None, replace(SOURCE, path="scripts/requirements.txt"), NEW),
        (None, "no lock", SOURCE, NEW),
        # Its digest is what anybody can write; packages that were not asked for are not taken for those that were.
        (replace(OLD, pins=(Pin("evil", "1", "", ("a" * 64,)),)), None, SOURCE, NEW),
        (None, replace(OTHER, pins=OLD.pins).text, VERSIONS, NEW),
        (OTHER, None, VERSIONS, OTHER),
    ],
)
def test_an_unchanged_source_is_not_locked_again(
    stored: Lock | None, beside: str | None, source: PythonSource, gives: Lock
) -> None:
    asked: list[str] = []

    def python_of(manifest: Manifest) -> Known:
        asked.append(manifest.name)
        return Known(PYTHON)

    lock = locker(python_of, lambda _: stored, lambda _: None, lambda *_: NEW)
    assert lock(MANIFEST, source, beside) == gives.text
    assert asked == (["s"] if gives is NEW else []), "the image was asked for nothing"


def test_a_python_that_was_not_asked_of_the_image_is_told() -> None:
    said: list[str] = []
    lock = locker(lambda _: Known(PYTHON, "by the settings"), lambda _: None, said.append, lambda *_: NEW)
    lock(MANIFEST, SOURCE, None)
    assert said == ["by the settings"]


NODE = NodeSource("package.json", '{"dependencies": {"a": "1"}}')
NODE_OLD = NodeLock(NODE.path, NODE.digest, NODE.root, "{}")
NODE_NEW = replace(NODE_OLD, packages='{"node_modules/a": {"version": "1.0.0"}}')


@pytest.mark.parametrize(
    ("stored", "beside", "source", "gives"),
    [
        (None, None, NODE, NODE_NEW),
        (NODE_OLD, None, NODE, NODE_OLD),
        (None, NODE_OLD.text, NODE, NODE_OLD),
        (OLD, OLD.text, NODE, NODE_NEW),
        (NODE_OLD, None, replace(NODE, lock="{}"), NODE_NEW),
    ],
)
def test_node_is_locked_for_every_image_and_not_again(
    stored: Lock | NodeLock | None, beside: str | None, source: NodeSource, gives: NodeLock
) -> None:
    def nobody(_: Manifest) -> Known:
        raise AssertionError("the image was asked")

    lock = locker(nobody, lambda _: stored, lambda _: None, make_node=lambda _: NODE_NEW)
    assert lock(MANIFEST, source, beside) == gives.text
