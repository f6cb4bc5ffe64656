"""SKILL.md: what a skill says of itself.

The open Agent Skills format (https://agentskills.io/specification: `name`, `description`, `license`, `compatibility`,
`metadata`, `allowed-tools`), and what Skillbox needs to run one: `version`, `lang`, `image`, `timeout`, `resources`,
`input_schema` and `output_schema`, `input_files` and `output_files`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from skillbox_core.base.names import MAX_NAME, is_skill_name
from skillbox_core.errors import InvalidSkillError
from skillbox_core.models import DeclaredFile
from skillbox_core.skills import frontmatter
from skillbox_core.skills.fields import first_of, plain, quoted
from skillbox_core.skills.frontmatter import Node
from skillbox_core.skills.open_format import MAX_COMPATIBILITY, padded_version, slug, split_tools
from skillbox_core.skills.run_fields import Resources, RunFieldReader

LANGS = ("python", "node", "bash")
MAX_SKILL_MD = 1024 * 1024
MAX_DESCRIPTION = 1024
DEFAULT_VERSION = "1.0.0"

_KNOWN = frozenset(
    {
        *("name", "version", "description", "lang", "image", "timeout", "resources"),
        *("license", "compatibility", "metadata", "allowed-tools", "environment", "warm"),
        *("input_files", "output_files"),
        *frontmatter.JSON_KEYS,
    }
)


@dataclass(frozen=True)
class Manifest:
    """A parsed SKILL.md.

    Attributes:
        name: As it is kept; a slug of `stated_name` where that is none.
        version: As it is kept; `DEFAULT_VERSION` where `has_version` is False and nobody has said another.
        stated_name: What SKILL.md says.
        has_version: Whether SKILL.md says one.
        lang: None when the skill leaves it to be told from its entrypoint.
        image: None for the installation's default image of the language.
        instructions: The body after the front matter.
        input_schema, output_schema: JSON Schemas that refer to nothing but themselves; None when not given.
        input_files, output_files: What the skill says of the files that it takes and leaves.
        environment: False where the image has all that the skill imports, so that nothing is prepared.
        warm: Modules that an interpreter which waits for this skill has imported; None for those at its script's top.
            Empty where none is to wait.
        extra: Keys this version does not know, kept as read.
        warnings: Sentences for the author; none of them keeps the skill from being stored.
    """

    name: str
    version: str
    description: str
    stated_name: str = ""
    has_version: bool = True
    lang: str | None = None
    image: str | None = None
    timeout: str | None = None
    resources: Resources = field(default_factory=Resources)
    instructions: str = ""
    license: str | None = None
    compatibility: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    allowed_tools: tuple[str, ...] = ()
    input_schema: Mapping[str, Node] | None = None
    output_schema: Mapping[str, Node] | None = None
    input_files: tuple[DeclaredFile, ...] = ()
    output_files: tuple[DeclaredFile, ...] = ()
    environment: bool = True
    warm: tuple[str, ...] | None = None
    extra: Mapping[str, Node] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def has_name(self) -> bool:
        """Whether SKILL.md says the name under which the skill is kept."""
        return is_skill_name(self.stated_name)

    def kept_as(self, name: str, version: str) -> Manifest | None:
        """The manifest of a version of a name that somebody has said; None if SKILL.md says another."""
        if (self.has_name and name != self.name) or (self.has_version and version != self.version):
            return None
        return replace(self, name=name, version=version)


def parse_manifest(data: bytes) -> Manifest:
    """Reads a SKILL.md.

    Args:
        data: The whole file, UTF-8, at most 1 MiB.

    Returns:
        The manifest, with warnings.

    Raises:
        InvalidSkillError: All faults that were found, in one sentence.
    """
    text = frontmatter.read_utf8(data, MAX_SKILL_MD, frontmatter.FRONT_MATTER)
    if "\0" in text:
        raise InvalidSkillError("invalid skill: SKILL.md contains a NUL")
    fields, body, warnings = frontmatter.read_skill_md(text)
    return _Reader(fields, warnings).manifest(body)


class _Reader(RunFieldReader):
    def names(self) -> tuple[str, str]:
        """The name to keep the skill under, and the one in SKILL.md."""
        stated = (self.text("name") or "").strip()
        if not stated:
            self.faults.append("name is required")
            return "", ""
        if is_skill_name(stated):
            return stated, stated
        name = slug(stated)
        if name is None:
            self.faults.append(
                f"name {quoted(stated)} must be 1 to {MAX_NAME} lowercase letters and digits, "
                "in parts joined by single '-' or '_'"
            )
            return "", stated
        self.warnings.append(f"name {quoted(stated)} is kept as {name}: lowercase letters, digits, single '-' or '_'")
        return name, stated

    def version(self, metadata: Mapping[str, str]) -> str | None:
        version, label = self.text("version"), "version"
        if version is None:
            version, label = metadata.get("version"), "metadata.version"
        if not version:
            return None
        padded = padded_version(version)
        if padded is None and label == "version":
            self.faults.append(f"version {quoted(version)} must be semver, MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-pre")
        elif padded is None:
            # The open format leaves its form free.
            self.warnings.append(f"metadata.version {quoted(version)} is not semver, for example 1.0.0, and not used")
        elif padded != version:
            self.warnings.append(f"{label} {quoted(version)} is taken as {padded}")
        return padded

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
            self.faults.append(f"lang {quoted(lang)} must be one of {', '.join(LANGS)}")
        return lang

    def metadata(self) -> dict[str, str]:
        metadata: dict[str, str] = {}
        given = self.fields.get("metadata") or {}
        if not isinstance(given, dict):
            self.warnings.append("metadata is not a mapping and is left out")
            return {}
        for key, value in given.items():
            if isinstance(value, str):
                metadata[key] = value
            else:
                self.warnings.append(f"metadata.{plain(key)} is not text and is left out")
        return metadata

    def compatibility(self) -> str | None:
        compatibility = self.free_text("compatibility")
        if compatibility and len(compatibility) > MAX_COMPATIBILITY:
            self.warnings.append(f"compatibility is over {MAX_COMPATIBILITY} characters")
        return compatibility

    def allowed_tools(self) -> tuple[str, ...]:
        value = self.fields.get("allowed-tools") or ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(map(str, value))
        if isinstance(value, str):
            tools = split_tools(value)
            if tools != split_tools(value, " \n"):
                self.warnings.append("allowed-tools has commas between its tools, and the format blanks")
            return tools
        if value:
            self.warnings.append("allowed-tools is not a list of names and is left out")
        return ()

    def manifest(self, body: str) -> Manifest:
        metadata = self.metadata()
        name, stated = self.names()
        version = self.version(metadata)
        manifest = Manifest(
            name=name,
            version=version or DEFAULT_VERSION,
            stated_name=stated,
            has_version=version is not None,
            description=self.description(),
            lang=self.lang(),
            image=self.image(),
            timeout=self.timeout(),
            resources=self.resources(),
            instructions=body,
            license=self.free_text("license"),
            compatibility=self.compatibility(),
            metadata=metadata,
            allowed_tools=self.allowed_tools(),
            input_schema=self.schema("input_schema"),
            output_schema=self.schema("output_schema"),
            input_files=self.declared("input_files"),
            output_files=self.declared("output_files"),
            environment=self.environment(),
            warm=self.warm(),
            extra={key: value for key, value in self.fields.items() if key not in _KNOWN},
            warnings=first_of(
                [
                    *self.warnings,
                    *(f"{plain(key)} is not known here and has no effect" for key in self.fields if key not in _KNOWN),
                ]
            ),
        )
        if self.faults:
            raise InvalidSkillError("invalid skill: " + "; ".join(first_of(self.faults)))
        return manifest
