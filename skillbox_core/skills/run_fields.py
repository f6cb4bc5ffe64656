"""How a skill asks to be run: the keys that SKILL.md and an overlay have alike."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from skillbox_core.base.meant import name_meant
from skillbox_core.base.quantities import parse_cpu_limit, parse_duration, parse_memory_limit
from skillbox_core.models import DeclaredFile
from skillbox_core.skills.declared_files import read_declared
from skillbox_core.skills.fields import FieldReader, plain, quoted
from skillbox_core.skills.frontmatter import Node
from skillbox_core.skills.schema import schema_faults, schema_warnings

MAX_WARM = 32
"""Modules that are imported before there is a job."""
MAX_MODULE = 128
WARM_LANGS = ("python", "node")
"""Languages of which an interpreter can wait; see `skillbox_core.sandbox.warming.LANGS`."""
_MODULE = re.compile(r"(@[\w.-]+/)?[A-Za-z_]\w*([./:-]\w+)*\Z", re.ASCII)
_RESOURCES = frozenset(["cpu", "memory", "scratch"])


@dataclass(frozen=True)
class Resources:
    """What the skill asks for, as text; None where it leaves the installation's default."""

    cpu: str | None = None
    memory: str | None = None
    scratch: str | None = None


class RunFieldReader(FieldReader):
    """Reads the keys that say how a skill runs."""

    def unknown(self, key: str, known: Collection[str], within: str = "") -> None:
        """Tells of a key that nothing here knows; the open format lets anybody add some."""
        said = f"{self.within}{within}{plain(key)} is not known here and has no effect"
        self.warnings.append(said + near(key, known))

    def image(self) -> str | None:
        image = self.text("image")
        if image is not None and (len(image) > 255 or not image.isascii() or not image.isprintable() or " " in image):
            self.faults.append(f"{self.within}image {quoted(image)} is not an image reference")
        return image

    def timeout(self) -> str | None:
        return self.checked("timeout", self.text("timeout"), parse_duration)

    def resources(self) -> Resources:
        given = self.mapping("resources")
        for key in sorted(given.keys() - _RESOURCES):
            self.unknown(key, _RESOURCES, "resources.")
        values = {key: self.text(key, given, f"resources.{key}") for key in _RESOURCES}
        return Resources(
            cpu=self.checked("resources.cpu", values["cpu"], parse_cpu_limit),
            memory=self.checked("resources.memory", values["memory"], parse_memory_limit),
            scratch=self.checked("resources.scratch", values["scratch"], parse_memory_limit),
        )

    def schema(self, key: str) -> Mapping[str, Node] | None:
        value = self.fields.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            self.faults.append(f"{self.within}{key} must be a mapping, a JSON Schema")
            return None
        self.faults += schema_faults(value, self.within + key)
        self.warnings += schema_warnings(value, self.within + key)
        return value

    def declared(self, key: str) -> tuple[DeclaredFile, ...]:
        value = self.fields.get(key)
        if value is None or value == "":
            return ()
        declared, faults = read_declared(value, self.within + key)
        self.faults += faults
        return declared

    def warm(self) -> tuple[str, ...] | None:
        value = self.fields.get("warm")
        if value is None or value == "":
            return None
        if value == "none":
            return ()
        faults = _warm_faults(value)
        self.faults += [f"{self.within}{fault}" for fault in faults]
        return None if faults or not isinstance(value, list) else tuple(dict.fromkeys(map(str, value)))

    def environment(self) -> bool:
        value = self.text("environment")
        if value not in (None, "none"):
            self.faults.append(f"{self.within}environment {quoted(value)} must be none, or not be there")
        return value is None


def _warm_faults(value: Node) -> list[str]:
    if isinstance(value, str) and _is_module(value):
        return [f"warm: {quoted(value)} is not a list; write warm: [{value}]"]
    if not isinstance(value, list):
        said = f"{quoted(value)} is no module name" if isinstance(value, str) else "a mapping is no list"
        return [f"warm: {said}; write warm: none, or a list of modules such as warm: [pandas]"]
    if len(value) > MAX_WARM:
        return [f"warm: {len(value)} modules are too many; at most {MAX_WARM} can be named"]
    return [
        f"warm: {quoted(name) if isinstance(name, str) else 'what is not text'} is no module name"
        + (f" of at most {MAX_MODULE} characters" if isinstance(name, str) and len(name) > MAX_MODULE else "")
        for name in value
        if not _is_module(name)
    ]


def _is_module(name: Node) -> bool:
    return isinstance(name, str) and len(name) <= MAX_MODULE and _MODULE.match(name) is not None


def near(key: str, known: Collection[str]) -> str:
    """What a mistyped key may have meant, as the end of a sentence; empty where nothing can be guessed."""
    meant = name_meant(key, sorted(known))
    return f"; did you mean {meant}?" if meant else ""
