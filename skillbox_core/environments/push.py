"""Locking at a push: Python for that of the skill's image, Node for all, and not again where nothing has changed."""

from __future__ import annotations

import json
from collections.abc import Callable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skillbox_core.environments.interpreter import Known
from skillbox_core.environments.locking import make_lock
from skillbox_core.environments.node_packages import make_node_lock
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import Interpreter
from skillbox_core.skills.environment_lock import Lock, read_lock
from skillbox_core.skills.manifest import Manifest
from skillbox_core.skills.node_lock import NodeLock, read_node_lock
from skillbox_core.skills.node_sources import NodeSource
from skillbox_core.skills.source_files import Locker
from skillbox_core.skills.sources import PythonSource


def locker(
    python_of: Callable[[Manifest], Known],
    stored: Callable[[Manifest], Lock | NodeLock | None],
    tell: Callable[[str], None],
    make: Callable[[PythonSource, Interpreter], Lock] = make_lock,
    make_node: Callable[[NodeSource], NodeLock] = make_node_lock,
) -> Locker:
    """What `package` calls for a skill that asks for packages.

    Args:
        python_of: The Python of the skill's image.
        stored: The lock of the version that is stored already, if there is one: a push of the same is the same.
        tell: Takes a sentence about the Python, where it was not asked of the image.
        make, make_node: Lock anew.
    """

    def lock(manifest: Manifest, source: PythonSource | NodeSource, beside: str | None) -> str:
        read = read_node_lock if isinstance(source, NodeSource) else read_lock
        before = [found for found in (stored(manifest), _beside(beside, read)) if found is not None]
        same = [found for found in before if _answers(found, source)]
        if not same:
            if isinstance(source, NodeSource):
                return make_node(source).text
            known = python_of(manifest)
            if known.note:
                tell(known.note)
            return make(source, known.interpreter).text
        return same[0].text

    return lock


def _answers(lock: Lock | NodeLock, source: PythonSource | NodeSource) -> bool:
    """Whether a lock is one of what is asked for. A stored one may be a stranger's, and say of itself what it likes."""
    if (lock.path, lock.asked) != (source.path, source.digest):
        return False
    if isinstance(lock, NodeLock) and isinstance(source, NodeSource):
        return bool(json.loads(lock.root) == json.loads(source.root))
    if isinstance(lock, Lock) and isinstance(source, PythonSource):
        return all(_is_pinned(Requirement(line), lock) for line in source.requirements)
    return False


def _is_pinned(wanted: Requirement, lock: Lock) -> bool:
    """Whether a lock has a package as it is asked for; one with a marker may be for no platform here."""
    name = canonicalize_name(wanted.name)
    pins = [pin for pin in lock.pins if canonicalize_name(pin.name) == name]
    return wanted.marker is not None or any(wanted.specifier.contains(pin.version, prereleases=True) for pin in pins)


def _beside(text: str | None, read: Callable[[str], Lock | NodeLock]) -> Lock | NodeLock | None:
    """The lock that the author keeps in the folder; one that is none is as good as not there."""
    try:
        return read(text) if text is not None else None
    except InvalidSkillError:
        return None
