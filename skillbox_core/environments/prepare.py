"""The environments of one installation: locks for what is pushed, trees for what is run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from skillbox_core.base.progress import OnProgress, Progress
from skillbox_core.base.quantities import format_bytes
from skillbox_core.environments.bytecode import Compiler
from skillbox_core.environments.commands import check_commands
from skillbox_core.environments.interpreter import Known, find_interpreter, remembered
from skillbox_core.environments.making import make_tree
from skillbox_core.environments.node_interpreter import find_node
from skillbox_core.environments.node_packages import make_node_tree
from skillbox_core.environments.push import locker
from skillbox_core.environments.store import EnvironmentStore
from skillbox_core.errors import ChangedObjectError, ImageNotAllowedError, InputError, InvalidSkillError, PolicyError
from skillbox_core.models import Interpreter, Tree
from skillbox_core.sandbox.allowlist import resolve_image, validate_image
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.images import local_image, ready_image
from skillbox_core.settings import Settings
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.environment_lock import Lock, lock_of
from skillbox_core.skills.manifest import Manifest
from skillbox_core.skills.node_lock import NodeLock, node_lock_of
from skillbox_core.skills.source_files import Locker
from skillbox_core.storage.environment_records import EnvironmentRecords
from skillbox_core.storage.registry import Registry

Tell = Callable[[str], None]


class Environments:
    """Locks and trees, with the database as the notary of both.

    Args:
        store: Where trees are.
        registry: Where stored skills are, with their locks.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        records: EnvironmentRecords,
        store: EnvironmentStore,
        registry: Registry,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._records = records
        self.store = store
        self._registry = registry

    @property
    def records(self) -> EnvironmentRecords:
        """What the database knows of them."""
        return self._records

    def locker(self, tenant: str, tell: Tell) -> Locker:
        """What locks the packages of a tenant's skills when they are packaged.

        Args:
            tell: Takes a sentence where an image could not be asked for its Python.
        """
        return locker(self._python_of, lambda manifest: self._stored(tenant, manifest), tell)

    def prepare(self, archive: SkillArchive, image: str, say: OnProgress = lambda _: None) -> Tree | None:
        """The tree of a skill's environment, made and stored where it is not there yet.

        Args:
            archive: The skill.
            image: The one that will run it, after aliases.
            say: Told before something that takes time.

        Returns:
            None for a skill that needs no environment.

        Raises:
            InvalidSkillError: Its lock does not reach the image's Python, or can't be met.
            ChangedObjectError: Another tree than before came of the lock.
            InfrastructureError: Index, engine, store or database failed; calling again is safe.
        """
        lock = _any_lock(archive)
        if lock is None or not lock.count:
            return None
        interpreter = self._interpreter(lock, image)
        if known := self._stored_tree(lock, interpreter, ""):
            return known
        compiles, alone = self._compiles(lock, interpreter, image)
        if alone and (known := self._stored_tree(lock, interpreter, alone)):
            return known
        count = f"{lock.count} package{'s' if lock.count != 1 else ''}"
        target = interpreter.text if isinstance(lock, NodeLock) else f"Python {interpreter.text}"
        say(Progress(0, f"making the environment of {archive.manifest.name}: {count} for {target}"))
        with tempfile.TemporaryDirectory(prefix="skillbox-environment-") as folder:
            tar = Path(folder) / "tree.tar"
            tree = self._make(lock, interpreter, compiles, tar)
            say(Progress(40, f"storing it: {format_bytes(tree.size)}"))
            # Before its row: a row says that the tree was there once.
            self.store.put(tar, tree.digest)
        first = self._records.keep_tree(lock.digest, interpreter, tree, alone)
        if first != tree and not self.store.has(first.digest):
            raise ChangedObjectError(
                f"the environment of {archive.manifest.name} was {first.digest}, is gone from the store, and what its "
                f"lock gives now is {tree.digest}",
                hint="push a new version of the skill: it is locked anew",
            )
        return first

    def check_commands(self, archive: SkillArchive, image: str) -> None:
        """Refuses an image without a command that the skill's overlay requires; see `environments.commands`.

        Args:
            image: The one that will run it, after aliases.
        """
        check_commands(archive.overlay.requires, image, self._engine, self._records, self._settings)

    def _interpreter(self, lock: Lock | NodeLock, image: str) -> Interpreter:
        if isinstance(lock, NodeLock):
            return find_node(image, self._engine, self._records, self._settings)
        return find_interpreter(image, self._engine, self._records, self._settings).interpreter

    def _stored_tree(self, lock: Lock | NodeLock, interpreter: Interpreter, image_id: str) -> Tree | None:
        known = self._records.tree(lock.digest, interpreter, image_id)
        return known if known and self.store.has(known.digest) else None

    def _compiles(self, lock: Lock | NodeLock, interpreter: Interpreter, image: str) -> tuple[str, str]:
        """The id of the image that makes the bytecode, and the same where the tree is for that image only.

        Bytecode is never checked against its source, and an image may say that it is any Python and give back
        anything. So what all skills share is compiled by the installation's own image, and what another image
        compiles is for that image only.
        """
        if isinstance(lock, NodeLock):
            return "", ""
        mine = ready_image(self._engine, image).id
        settings = self._settings
        default = resolve_image(settings.default_images["python"], settings.image_allowlist, settings.image_aliases)
        ours = local_image(self._engine, default)
        if ours is None:
            return mine, mine
        if ours.id == mine:
            return mine, ""
        try:
            same = find_interpreter(default, self._engine, self._records, settings).interpreter == interpreter
        except (InvalidSkillError, PolicyError):
            same = False
        return (ours.id, "") if same else (mine, mine)

    def _make(self, lock: Lock | NodeLock, interpreter: Interpreter, image_id: str, tar: Path) -> Tree:
        max_size, max_files = self._settings.max_tree_size, self._settings.max_tree_files
        if isinstance(lock, NodeLock):
            return make_node_tree(lock, interpreter, tar, max_size=max_size, max_files=max_files)
        compiler = Compiler(self._engine, self._settings, image_id, interpreter)
        return make_tree(lock, interpreter, tar, max_size=max_size, max_files=max_files, compile=compiler)

    def _python_of(self, manifest: Manifest) -> Known:
        image = manifest.image or self._settings.default_images["python"]
        used = resolve_image(image, self._settings.image_allowlist, self._settings.image_aliases)
        try:
            validate_image(image, self._settings.image_allowlist)
        except ImageNotAllowedError as error:
            # It may be allowed where the skill will run; here nothing is started of it.
            return remembered(used, self._records, self._settings, error)
        return find_interpreter(used, self._engine, self._records, self._settings)

    def _stored(self, tenant: str, manifest: Manifest) -> Lock | NodeLock | None:
        try:
            # Without a version of its own, a push of the same is one of the newest again.
            version = manifest.version if manifest.has_version else self._registry.resolve(tenant, manifest.name, "")
            archive = self._registry.load(tenant, manifest.name, version)
            return _any_lock(archive)
        except InputError:
            return None


def _any_lock(archive: SkillArchive) -> Lock | NodeLock | None:
    return lock_of(archive) or node_lock_of(archive)
