"""An overlay: what somebody says of a skill that others wrote, in a YAML file beside it, never in it.

It is stored with the skill (`OVERLAY`), and what it says goes before what SKILL.md says. It can say no more than
that can, and gives names to calls of the skill's scripts: its entrypoints.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from skillbox_core.base.names import SKILL_NAME_RULE, is_skill_name
from skillbox_core.base.placeholders import Element
from skillbox_core.errors import InvalidRequestError, InvalidSkillError
from skillbox_core.models import Call, DeclaredFile
from skillbox_core.skills.fields import first_of, plain, quoted
from skillbox_core.skills.frontmatter import Document, Node, read_mapping, read_utf8
from skillbox_core.skills.manifest import Manifest
from skillbox_core.skills.open_format import padded_version
from skillbox_core.skills.run_fields import Resources, RunFieldReader, near

OVERLAY = ".skillbox/overlay.yaml"
"""Where the overlay of a stored skill lies in its archive."""
MAX_OVERLAY = 256 * 1024
MAX_ENTRYPOINTS = 100
MAX_REQUIRES = 50
MAX_DESCRIPTION = 1024

_DOCUMENT = Document("invalid overlay", "it", "it", first_line=1, json_level=3, empty_items=False)
_KEYS = ("name", "version", "image", "timeout", "resources", "environment", "requires", "entrypoints")
_CALL = ("script", "args", "stdin", "ok_exit_codes", "result", "edit")
_ENTRYPOINT = (*_CALL, "description", "input_schema", "output_schema", "input_files", "output_files")
_COMMAND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}\Z")
_CODE = re.compile(r"[0-9]{1,3}\Z")


@dataclass(frozen=True)
class EntryPoint:
    """A call that an overlay gives a name.

    Attributes:
        input_schema, output_schema, input_files, output_files: As in SKILL.md, for runs of this entrypoint.
    """

    name: str
    call: Call
    description: str = ""
    input_schema: Mapping[str, Node] | None = None
    output_schema: Mapping[str, Node] | None = None
    input_files: tuple[DeclaredFile, ...] = ()
    output_files: tuple[DeclaredFile, ...] = ()


@dataclass(frozen=True)
class Overlay:
    """A parsed overlay; None or empty where it leaves SKILL.md's word.

    Attributes:
        environment: False where the image has all that the skill imports.
        requires: Commands that the image must have.
        entrypoints: By name, in the order of the file.
        warnings: Sentences for the author; none of them keeps the skill from being stored.
    """

    name: str | None = None
    version: str | None = None
    image: str | None = None
    timeout: str | None = None
    resources: Resources = field(default_factory=Resources)
    environment: bool = True
    requires: tuple[str, ...] = ()
    entrypoints: Mapping[str, EntryPoint] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def over(self, manifest: Manifest) -> Manifest:
        """The manifest with this overlay's word before SKILL.md's."""
        named: dict[str, Any] = {"name": self.name, "stated_name": self.name} if self.name else {}
        numbered: dict[str, Any] = {"version": self.version, "has_version": True} if self.version else {}
        given: dict[str, Any] = {name: value for name, value in asdict(self.resources).items() if value is not None}
        return replace(
            manifest,
            **named,
            **numbered,
            image=self.image or manifest.image,
            timeout=self.timeout or manifest.timeout,
            resources=replace(manifest.resources, **given),
            environment=self.environment and manifest.environment,
            warnings=(*manifest.warnings, *(f"overlay: {warning}" for warning in self.warnings)),
        )


def parse_overlay(data: bytes) -> Overlay:
    """Reads an overlay.

    Args:
        data: The whole file, UTF-8, at most 256 KiB.

    Raises:
        InvalidSkillError: All faults that were found, in one sentence.
    """
    text = read_utf8(data, MAX_OVERLAY, _DOCUMENT)
    fields = read_mapping(text.removeprefix("\ufeff"), _DOCUMENT)
    if not fields:
        raise InvalidSkillError("invalid overlay: it is empty", hint=f"it may have {', '.join(_KEYS)}")
    return _Reader(fields).overlay()


class _Reader(RunFieldReader):
    def unknown(self, key: str, known: Collection[str], within: str = "") -> None:
        meant = near(key, known) or f"; there are {', '.join(sorted(known))}"
        self.faults.append(f"{self.within}{within}{plain(key)} is not known{meant}")

    def overlay(self) -> Overlay:
        for key in self.fields:
            if key not in _KEYS:
                self.unknown(key, _KEYS)
        overlay = Overlay(
            name=self.name(),
            version=self.version(),
            image=self.image(),
            timeout=self.timeout(),
            resources=self.resources(),
            environment=self.environment(),
            requires=self.requires(),
            entrypoints=self.entrypoints(),
            warnings=first_of(self.warnings),
        )
        if self.faults:
            raise InvalidSkillError("invalid overlay: " + "; ".join(first_of(self.faults)))
        return overlay

    def name(self) -> str | None:
        name = self.text("name")
        if name is not None and not is_skill_name(name):
            self.faults.append(f"name {quoted(name)} must be {SKILL_NAME_RULE}")
        return name

    def version(self) -> str | None:
        version = self.text("version")
        padded = padded_version(version) if version else None
        if version and padded is None:
            self.faults.append(f"version {quoted(version)} must be semver, MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-pre")
        return padded

    def requires(self) -> tuple[str, ...]:
        names = self.texts("requires")
        if len(names) > MAX_REQUIRES:
            self.faults.append(f"requires has {len(names)} commands, the limit is {MAX_REQUIRES}")
            return ()
        for name in names:
            if not _COMMAND.match(name):
                self.faults.append(
                    f"requires has {quoted(name)}; a command's name is 1 to 64 letters, digits, '.', '_', '+' or '-', "
                    "beginning with a letter, a digit or '_'"
                )
        return tuple(dict.fromkeys(names))

    def entrypoints(self) -> dict[str, EntryPoint]:
        given = self.mapping("entrypoints")
        if "entrypoints" in self.fields and not 1 <= len(given) <= MAX_ENTRYPOINTS:
            if not self.faults or not isinstance(self.fields["entrypoints"], list | str):
                self.faults.append(f"entrypoints has {len(given)} names; there may be 1 to {MAX_ENTRYPOINTS}")
            return {}
        found: dict[str, EntryPoint] = {}
        for name, fields in given.items():
            if not is_skill_name(name):
                self.faults.append(f"entrypoints has {quoted(name)}; a name must be {SKILL_NAME_RULE}")
            elif not isinstance(fields, dict):
                self.faults.append(f"entrypoints.{name} must be a mapping, with script and what goes with it")
            else:
                reader = _Reader(fields, within=f"entrypoints.{name}.")
                entrypoint = reader.entrypoint(name)
                self.faults += reader.faults
                self.warnings += reader.warnings
                if entrypoint:
                    found[name] = entrypoint
        return found

    def entrypoint(self, name: str) -> EntryPoint | None:
        for key in self.fields:
            if key not in _ENTRYPOINT:
                self.unknown(key, _ENTRYPOINT)
        call = self.call()
        description = self.text("description") or ""
        if len(description) > MAX_DESCRIPTION:
            self.faults.append(f"{self.within}description is over {MAX_DESCRIPTION} characters")
        input_schema, output_schema = self.schema("input_schema"), self.schema("output_schema")
        input_files, output_files = self.declared("input_files"), self.declared("output_files")
        if call is None:
            return None
        return EntryPoint(name, call, description, input_schema, output_schema, input_files, output_files)

    def call(self) -> Call | None:
        known = len(self.faults)
        if self.text("script") is None:
            self.faults.append(f"{self.within}script is required")
        values: dict[str, object] = {
            "script": self.text("script"),
            "args": self.args(),
            "stdin": self.text("stdin"),
            "ok_exit_codes": self.codes(),
            "result": self.text("result") or "auto",
            "edit": self.switch("edit"),
        }
        # One field at a time, so that each has its own sentence.
        for key, value in values.items() if known == len(self.faults) else ():
            try:
                Call.model_validate({"script": "-", key: value})
            except InvalidRequestError as error:
                self.faults.append(f"{self.within}{key}: {error}")
        return Call.model_validate(values) if known == len(self.faults) else None

    def args(self) -> tuple[Element, ...]:
        value = self.fields.get("args")
        if value is None:
            return ()
        elements = value if isinstance(value, list) else [None]
        groups = [element if isinstance(element, list) else [element] for element in elements]
        if not all(isinstance(template, str) for group in groups for template in group):
            self.faults.append(f"{self.within}args must be a list of texts, and of lists of texts that go together")
            return ()
        return tuple(tuple(map(str, one)) if isinstance(one, list) else str(one) for one in elements)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.fields.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.faults.append(f"{self.within}{key} must be a list of texts")
            return ()
        return tuple(map(str, value))

    def codes(self) -> frozenset[int]:
        value = self.fields.get("ok_exit_codes", "0")
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(text, str) and _CODE.match(text) for text in texts):
            self.faults.append(f"{self.within}ok_exit_codes must be a number, or a list of numbers, such as [0, 1]")
            return frozenset({0})
        return frozenset(int(str(text)) for text in texts)

    def switch(self, key: str) -> bool:
        value = self.text(key)
        if value not in (None, "true", "false"):
            self.faults.append(f"{self.within}{key} {quoted(value)} must be true or false")
        return value == "true"
