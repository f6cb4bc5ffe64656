"""SKILL.md: what a skill says of itself.

The open Agent Skills format (https://agentskills.io/specification: `name`, `description`, `license`, `compatibility`,
`metadata`, `allowed-tools`), and what Skillbox needs to run one: `version`, `lang`, `image`, `timeout`, `resources`,
`input_schema` and `output_schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from skillbox_core.base.names import MAX_NAME, is_skill_name
from skillbox_core.base.quantities import parse_cpu_limit, parse_duration, parse_memory_limit
from skillbox_core.base.versions import Version
from skillbox_core.errors import InvalidRequestError, InvalidSkillError
from skillbox_core.skills import frontmatter
from skillbox_core.skills.declared_files import declaration_problem
from skillbox_core.skills.frontmatter import Node
from skillbox_core.skills.schema import schema_faults, schema_warnings

LANGS = ("python", "node", "bash")
MAX_SKILL_MD = 1024 * 1024
MAX_DESCRIPTION = 1024
DEFAULT_VERSION = "1.0.0"

_SENTENCES = 20
"""Faults or warnings that are told; an author mends one after the other."""

_KNOWN = frozenset(
    {
        *("name", "version", "description", "lang", "image", "timeout", "resources"),
        *("license", "compatibility", "metadata", "allowed-tools", "input_files", "environment"),
        *frontmatter.JSON_KEYS,
    }
)
_KNOWN_RESOURCES = frozenset(["cpu", "memory", "scratch"])


@dataclass(frozen=True)
class Resources:
    """What the skill asks for, as text; None where it leaves the installation's default."""

    cpu: str | None = None
    memory: str | None = None
    scratch: str | None = None


@dataclass(frozen=True)
class Manifest:
    """A parsed SKILL.md.

    Attributes:
        lang: None when the skill leaves it to be told from its entrypoint.
        image: None for the installation's default image of the language.
        instructions: The body after the front matter.
        input_schema, output_schema: JSON Schemas that refer to nothing but themselves; None when not given.
        input_files: Names or patterns of files that the skill needs; each one file at least.
        environment: False where the image has all that the skill imports, so that nothing is prepared.
        extra: Keys this version does not know, kept as read.
        warnings: Sentences for the author; none of them keeps the skill from being stored.
    """

    name: str
    version: str
    description: str
    lang: str | None = None
    image: str | None = None
    timeout: str | None = None
    resources: Resources = Resources()
    instructions: str = ""
    license: str | None = None
    compatibility: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    allowed_tools: tuple[str, ...] = ()
    input_schema: Mapping[str, Node] | None = None
    output_schema: Mapping[str, Node] | None = None
    input_files: tuple[str, ...] = ()
    environment: bool = True
    extra: Mapping[str, Node] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def parse_manifest(data: bytes) -> Manifest:
    """Reads a SKILL.md.

    Args:
        data: The whole file, UTF-8, at most 1 MiB.

    Returns:
        The manifest, with warnings.

    Raises:
        InvalidSkillError: All faults that were found, in one sentence.
    """
    if len(data) > MAX_SKILL_MD:
        raise InvalidSkillError(f"invalid skill: SKILL.md is over {MAX_SKILL_MD // 1024} KiB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSkillError(f"invalid skill: SKILL.md is not UTF-8 (byte {error.start})") from None
    if "\0" in text:
        raise InvalidSkillError("invalid skill: SKILL.md contains a NUL")
    head, body = frontmatter.split(text)
    return _Reader(frontmatter.read(head)).manifest(body)


class _Reader:
    """Takes the known keys out of a mapping and gathers every fault on the way."""

    def __init__(self, fields: dict[str, Node]) -> None:
        self.fields = fields
        self.faults: list[str] = []
        self.warnings: list[str] = []

    def text(self, key: str, where: Mapping[str, Node] | None = None, label: str | None = None) -> str | None:
        value = (self.fields if where is None else where).get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.faults.append(f"{label or key} must be a single value")
            return None
        return value

    def mapping(self, key: str) -> dict[str, Node]:
        value = self.fields.get(key)
        if value is None or value == "":
            return {}
        if not isinstance(value, dict):
            self.faults.append(f"{key} must be a mapping")
            return {}
        return value

    def checked(self, label: str, value: str | None, parse: Callable[[str, str], object]) -> str | None:
        if value is not None:
            try:
                parse(value, label)
            except InvalidRequestError as error:
                self.faults.append(str(error))
        return value

    def name(self) -> str:
        name = self.text("name")
        if name is None:
            self.faults.append("name is required")
            return ""
        if not is_skill_name(name):
            self.faults.append(
                f"name {_quoted(name)} must be 1 to {MAX_NAME} lowercase letters and digits, "
                "in parts joined by single '-' or '_'"
            )
        return name

    def version(self, metadata: Mapping[str, str]) -> str:
        version = self.text("version")
        if version is not None:
            if Version.parse(version) is None:
                self.faults.append(
                    f"version {_quoted(version)} must be semver, MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-pre"
                )
            return version
        version = metadata.get("version")
        if version is None:
            return DEFAULT_VERSION
        # Agent Skills leave the form of metadata.version free; "1.0" is what its own examples use.
        padded = next((v for v in (version, f"{version}.0", f"{version}.0.0") if Version.parse(v)), None)
        if padded is None:
            self.faults.append(f"metadata.version {_quoted(version)} must be semver, for example 1.0.0")
        elif padded != version:
            self.warnings.append(f"metadata.version {_quoted(version)} is taken as {padded}")
        return padded or version

    def description(self) -> str:
        description = self.text("description")
        if description is None:
            self.faults.append("description is required")
            return ""
        if len(description) > MAX_DESCRIPTION:
            self.warnings.append(f"description is over {MAX_DESCRIPTION} characters")
        return description

    def lang(self) -> str | None:
        lang = self.text("lang")
        if lang is not None and lang not in LANGS:
            self.faults.append(f"lang {_quoted(lang)} must be one of {', '.join(LANGS)}")
        return lang

    def image(self) -> str | None:
        image = self.text("image")
        if image is not None and (len(image) > 255 or not image.isascii() or not image.isprintable() or " " in image):
            self.faults.append(f"image {_quoted(image)} is not an image reference")
        return image

    def resources(self) -> Resources:
        given = self.mapping("resources")
        for key in sorted(given.keys() - _KNOWN_RESOURCES):
            self.warnings.append(f"resources.{_plain(key)} is not known here and has no effect")
        values = {key: self.text(key, given, f"resources.{key}") for key in _KNOWN_RESOURCES}
        return Resources(
            cpu=self.checked("resources.cpu", values["cpu"], parse_cpu_limit),
            memory=self.checked("resources.memory", values["memory"], parse_memory_limit),
            scratch=self.checked("resources.scratch", values["scratch"], parse_memory_limit),
        )

    def metadata(self) -> dict[str, str]:
        metadata: dict[str, str] = {}
        for key, value in self.mapping("metadata").items():
            if isinstance(value, str):
                metadata[key] = value
            else:
                self.warnings.append(f"metadata.{_plain(key)} is not text and is left out")
        return metadata

    def allowed_tools(self) -> tuple[str, ...]:
        value = self.fields.get("allowed-tools") or []
        items = value.split() if isinstance(value, str) else value
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return tuple(str(item) for item in items)
        self.faults.append("allowed-tools must be a list of names")
        return ()

    def schema(self, key: str) -> Mapping[str, Node] | None:
        value = self.fields.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            self.faults.append(f"{key} must be a mapping, a JSON Schema")
            return None
        self.faults += schema_faults(value, key)
        self.warnings += schema_warnings(value, key)
        return value

    def input_files(self) -> tuple[str, ...]:
        value = self.fields.get("input_files")
        if value is None or value == "":
            return ()
        if problem := declaration_problem(value):
            self.faults.append(f"input_files {problem}")
        return tuple(map(str, value)) if isinstance(value, list) else ()

    def environment(self) -> bool:
        value = self.text("environment")
        if value not in (None, "none"):
            self.faults.append(f"environment {_quoted(value)} must be none, or not be there")
        return value is None

    def manifest(self, body: str) -> Manifest:
        metadata = self.metadata()
        manifest = Manifest(
            name=self.name(),
            version=self.version(metadata),
            description=self.description(),
            lang=self.lang(),
            image=self.image(),
            timeout=self.checked("timeout", self.text("timeout"), parse_duration),
            resources=self.resources(),
            instructions=body,
            license=self.text("license"),
            compatibility=self.text("compatibility"),
            metadata=metadata,
            allowed_tools=self.allowed_tools(),
            input_schema=self.schema("input_schema"),
            output_schema=self.schema("output_schema"),
            input_files=self.input_files(),
            environment=self.environment(),
            extra={key: value for key, value in self.fields.items() if key not in _KNOWN},
            warnings=_first(
                [
                    *self.warnings,
                    *(f"{_plain(key)} is not known here and has no effect" for key in self.fields if key not in _KNOWN),
                ]
            ),
        )
        if self.faults:
            raise InvalidSkillError("invalid skill: " + "; ".join(_first(self.faults)))
        return manifest


def _first(sentences: Sequence[str]) -> tuple[str, ...]:
    return (*sentences[:_SENTENCES], "and more") if len(sentences) > _SENTENCES else tuple(sentences)


def _plain(text: str) -> str:
    return ascii(text[:80])[1:-1]


def _quoted(text: str) -> str:
    return f'"{_plain(text)}"'
