"""Trees of packages that do harm, built into an image as a prepared environment is."""

from __future__ import annotations

import gzip
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

from skillbox_core.errors import SkillboxError
from skillbox_core.sandbox import layer
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.building import ready_environment
from skillbox_core.sandbox.images import ready_image
from tests.services.trees import file, folder, pack, tree_of, tree_tar

if TYPE_CHECKING:
    from tests.hostile.bench import Bench

GOOD = tree_tar({"lib/python3.11/site-packages/x.py": b"x = 1\n"})


def _link(path: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = file(path, 0)
    info.type, info.linkname = kind, target
    return info


HARMS: dict[str, bytes] = {
    "a file of the image": pack([(file("etc/passwd", 4), b"evil")]),
    "a way up": pack([(file("opt/skillbox/../../etc/passwd", 4), b"evil")]),
    "a link out": pack([(_link("opt/skillbox/lib", "/etc"), b""), (file("opt/skillbox/lib/passwd", 4), b"evil")]),
    "a hard link": pack([(_link("opt/skillbox/shadow", "etc/shadow", tarfile.LNKTYPE), b"")]),
    "a device": pack([(_link("opt/skillbox/mem", "", tarfile.CHRTYPE), b"")]),
    "a whiteout": pack([(folder("opt/skillbox"), b""), (file("opt/skillbox/.wh..wh..opq", 0), b"")]),
    "a set-uid program": pack([(file("opt/skillbox/bin/su", 4, 0o4755), b"evil")]),
    "compressed": gzip.compress(GOOD * 20),
    "another tar behind its end": GOOD + pack([(file("etc/passwd", 4), b"evil")]),
}


def tree_that_does_harm(bench: Bench, harm: str) -> str:
    """A tree with something in it that no tree has; or with other bytes than its digest says."""
    settings = bench.runner.installation.settings
    named = settings.default_images["python"]
    base = ready_image(bench.engine, resolve_image(named, settings.image_allowlist, settings.image_aliases))
    own = tree_of(HARMS.get(harm, GOOD))
    if harm == "other bytes":
        own = replace(own, digest=f"sha256:{'0' * 64}")
    try:
        ready_environment(bench.engine, base, own, instance=settings.instance, most=1 << 40)
    except SkillboxError as error:
        built = bench.engine.inspect_image(layer.environment_name(own.digest, base.id))
        return f"{'built all the same' if built else 'nothing built'}: {type(error).__name__}: {error}"
    finally:
        bench.engine.remove_image(layer.environment_name(own.digest, base.id))
    return "built"
