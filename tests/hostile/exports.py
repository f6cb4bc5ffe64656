"""Files of exports that lie, imported as a stranger's would be."""

from __future__ import annotations

import tarfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from skillbox_core.errors import SkillboxError
from skillbox_core.models import Tree
from skillbox_core.operations.exchange import import_skill
from skillbox_core.operations.exchange_file import Manifest
from tests.hostile.environments import HARMS
from tests.services.exports import FILES, made_file, manifest_of, skill, tree_of
from tests.services.trees import SITE, tree_tar

if TYPE_CHECKING:
    from tests.hostile.bench import Bench

GOOD = tree_tar(FILES)
BOMB = tree_tar({**FILES, f"{SITE}/zeros": b"\0" * 10_000_000})
TREES: Mapping[str, bytes] = {
    **HARMS,
    "another package": tree_tar({**FILES, f"{SITE}/evil-1.0.dist-info/METADATA": b""}),
    "a bomb": BOMB,
}
LIES: Mapping[str, Callable[[Manifest], Manifest]] = {
    "a name that goes up": lambda m: replace(m, name="../../up"),
    "another skill's name": lambda m: replace(m, name="word-count"),
    "another lock": lambda m: replace(m, trees=(replace(m.trees[0], lock_digest=f"sha256:{'1' * 64}"),)),
    "another digest": lambda m: replace(
        m, trees=(replace(m.trees[0], tree=Tree(f"sha256:{'1' * 64}", m.trees[0].tree.size)),)
    ),
    # What is behind the bytes that are said is never unpacked.
    "a bomb": lambda m: replace(m, trees=(replace(m.trees[0], tree=replace(m.trees[0].tree, size=10_240)),)),
}


def export_that_lies(bench: Bench, lie: str) -> str:
    """Imports a file with a tree that does harm, or a manifest that is not true."""
    name, data = f"h-{uuid.uuid4().hex[:12]}", TREES.get(lie, GOOD)
    with TemporaryDirectory(prefix="skillbox-hostile-export-") as folder:
        place = Path(folder)
        archive = skill(place, name=name)
        manifest = LIES.get(lie, lambda true: true)(manifest_of(archive, tree_of(data), name=name))
        made = made_file(place, archive, manifest, data)
        if lie == "a link for the skill":
            made.write_bytes(_linked(made))
        try:
            import_skill(bench.runner.installation, "default", made)
        except SkillboxError as error:
            return f"{type(error).__name__}: {error}"
    return "imported"


def _linked(made: Path) -> bytes:
    with tarfile.open(made) as read, tarfile.open(made.with_name("linked"), "w") as written:
        for member in read:
            if member.name == "skill.zip":
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
                written.addfile(member)
            else:
                written.addfile(member, read.extractfile(member))
    return made.with_name("linked").read_bytes()
