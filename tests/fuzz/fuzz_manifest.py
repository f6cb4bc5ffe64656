"""Fuzzes the reader of SKILL.md: whatever the bytes, they are a manifest that can be kept, or refused by our error."""

from __future__ import annotations

import json

from skillbox_core.base.names import is_skill_name
from skillbox_core.base.quantities import parse_duration, parse_memory_limit
from skillbox_core.base.versions import Version
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.manifest import parse_manifest
from tests.fuzz.harness import fuzz

_HEAD = b"---\nname: a\ndescription: d\n"


def check(data: bytes) -> None:
    """Judges one SKILL.md; raises AssertionError, or anything that is not ours, for a finding.

    An even first byte: the rest is the file. An odd one: the rest is more front matter of a good one.
    """
    text = data[1:] if not data or data[0] % 2 == 0 else _HEAD + data[1:] + b"\n---\n"
    try:
        manifest = parse_manifest(text)
    except InvalidSkillError as error:
        assert str(error).isprintable(), error
        return
    assert is_skill_name(manifest.name), manifest
    assert Version.parse(manifest.version), manifest
    assert all(warning.isprintable() for warning in manifest.warnings), manifest.warnings
    if manifest.timeout:
        assert parse_duration(manifest.timeout) > 0
    if manifest.resources.memory:
        assert 0 < parse_memory_limit(manifest.resources.memory) < 2**63
    kept = json.dumps([manifest.extra, dict(manifest.metadata), manifest.instructions, manifest.description])
    assert "\\u0000" not in kept
    kept.encode()
    json.loads(kept)[3].encode()


if __name__ == "__main__":
    fuzz(check)
