"""Reading keys out of a mapping: every fault is gathered, for an author who mends them in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from skillbox_core.errors import InvalidRequestError
from skillbox_core.skills.frontmatter import Node


class FieldReader:
    """Takes the known keys out of a mapping and gathers every fault on the way."""

    def __init__(self, fields: dict[str, Node], warnings: Sequence[str] = (), within: str = "") -> None:
        self.fields = fields
        self.within = within
        """Where the mapping lies, as the beginning of its keys in sentences."""
        self.faults: list[str] = []
        self.warnings: list[str] = list(warnings)

    def text(self, key: str, where: Mapping[str, Node] | None = None, label: str | None = None) -> str | None:
        value = (self.fields if where is None else where).get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.faults.append(f"{self.within}{label or key} must be a single value")
            return None
        return value

    def mapping(self, key: str) -> dict[str, Node]:
        value = self.fields.get(key)
        if value is None or value == "":
            return {}
        if not isinstance(value, dict):
            self.faults.append(f"{self.within}{key} must be a mapping")
            return {}
        return value

    def checked(self, label: str, value: str | None, parse: Callable[[str, str], object]) -> str | None:
        if value is not None:
            try:
                parse(value, label)
            except InvalidRequestError as error:
                self.faults.append(str(error))
        return value

    def free_text(self, key: str) -> str | None:
        """A key of the open format's that nothing here depends on: another kind of value is passed over."""
        value = self.fields.get(key) or None
        if value is None or isinstance(value, str):
            return value
        self.warnings.append(f"{key} is not a single value and is left out")
        return None


def plain(text: str) -> str:
    """A stranger's text as it may stand in a sentence."""
    return ascii(text[:80])[1:-1]


def quoted(text: str) -> str:
    """The same, in quotes."""
    return f'"{plain(text)}"'


_SENTENCES = 20
"""Faults or warnings that are told; an author mends one after the other."""


def first_of(sentences: Sequence[str]) -> tuple[str, ...]:
    """The first of many sentences."""
    return (*sentences[:_SENTENCES], "and more") if len(sentences) > _SENTENCES else tuple(sentences)
