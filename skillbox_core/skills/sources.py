"""Where a Python skill says which packages it needs. Of several places the first is used, the others are told. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.pep723 import parse_toml, script_block
from skillbox_core.skills.requirements import Wanted, checked_dependencies, checked_requirements
from skillbox_core.skills.uvlock import locked_versions

REQUIREMENTS, PYPROJECT, UV_LOCK = "requirements.txt", "pyproject.toml", "uv.lock"
Read = Callable[[str], str | None]
"""The text of a file of the skill; None where there is none."""


@dataclass(frozen=True)
class PythonSource:
    """Which packages a skill needs, checked: nothing but names, versions, markers and hashes.

    Attributes:
        path: The file that says it.
        requirements: `name[extras] versions ; marker`, one each.
        constraints: Versions that a lock of the author's pins, in the same form.
        hashes: SHA-256 that the files of a package may have, by `name==version`, or by `name` for any version.
        requires_python: Versions of Python, as a specifier; empty for any.
        whole: Its hashes are those of a lock that has every package, so that one without any is a mistake.
    """

    path: str
    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requires_python: str = ""
    whole: bool = False

    @property
    def needed(self) -> bool:
        """Whether it asks for any package."""
        return bool(self.requirements)

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says."""
        said = [self.path, self.requirements, self.constraints, sorted(self.hashes.items()), self.requires_python]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True)
class Found:
    """What was looked for; `source` is None when nothing says anything.

    Attributes:
        warnings: What is passed over, a sentence each.
    """

    source: PythonSource | None = None
    warnings: tuple[str, ...] = ()


def find_source(read: Read, entrypoint: str) -> Found:
    """The first of a PEP 723 block in the entrypoint, `uv.lock` with `pyproject.toml`, and `requirements.txt`.

    Files are looked for at the root of the skill, then beside the entrypoint.

    Raises:
        InvalidSkillError: The one that is used asks for more than packages of an index, or can't be read.
    """
    beside = entrypoint.rpartition("/")[0]
    folders = ("", f"{beside}/") if beside else ("",)
    warnings: list[str] = []
    source = _of_script(read, entrypoint, warnings)
    for folder in folders:
        source = _of_project(read, folder, source, warnings)
    for folder in folders:
        source = _of_requirements(read, folder, source, warnings)
    return Found(source, tuple(warnings))


def _of_script(read: Read, entrypoint: str, warnings: list[str]) -> PythonSource | None:
    block = script_block(read(entrypoint) or "", entrypoint)
    if block is None:
        return None
    where = f"{entrypoint}, its `# /// script` block"
    _tell_tool(block, where, warnings)
    return PythonSource(
        entrypoint,
        _lines(checked_dependencies(block.get("dependencies", []), f"{where}: dependencies")),
        requires_python=_python(block, where),
    )


def _of_project(read: Read, folder: str, before: PythonSource | None, warnings: list[str]) -> PythonSource | None:
    project_path, lock_path = folder + PYPROJECT, folder + UV_LOCK
    project, lock = read(project_path), read(lock_path)
    if project is None or lock is None:
        if lock is not None:
            warnings.append(f"{lock_path} is passed over: there is no {project_path} beside it")
        elif project is not None and before is None and "dependencies" in project:
            warnings.append(f"{project_path} is passed over: there is no {lock_path} beside it; `uv lock` makes one")
        return before
    if before is not None:
        warnings.append(_passed_over(lock_path, before))
        return before
    document = parse_toml(project, project_path)
    table = document.get("project")
    if not isinstance(table, dict):
        raise InvalidSkillError(f"{project_path} has no [project] table")
    dynamic = table.get("dynamic", [])
    if isinstance(dynamic, list) and "dependencies" in dynamic:
        raise InvalidSkillError(
            f"{project_path}: dynamic dependencies are refused: a build would have to tell them",
            hint="list them under dependencies",
        )
    _tell_tool(document, project_path, warnings)
    constraints, hashes = locked_versions(parse_toml(lock, lock_path), lock_path)
    return PythonSource(
        lock_path,
        _lines(checked_dependencies(table.get("dependencies", []), f"{project_path}: dependencies")),
        constraints,
        hashes,
        _python(table, project_path),
        whole=True,
    )


def _of_requirements(read: Read, folder: str, before: PythonSource | None, warnings: list[str]) -> PythonSource | None:
    path = folder + REQUIREMENTS
    text = read(path)
    if text is None:
        return before
    if before is not None:
        warnings.append(_passed_over(path, before))
        return before
    wanted = checked_requirements(text, path)
    hashes: dict[str, tuple[str, ...]] = {}
    for each in wanted:
        if each.hashes:
            hashes[each.name] = tuple(sorted({*hashes.get(each.name, ()), *each.hashes}))
    return PythonSource(path, _lines(wanted), hashes=hashes)


def _passed_over(path: str, used: PythonSource) -> str:
    return f"{path} is passed over: {used.path} says which packages the skill needs"


def _lines(wanted: list[Wanted]) -> tuple[str, ...]:
    return tuple(each.line for each in wanted)


def _tell_tool(table: Mapping[str, Any], where: str, warnings: list[str]) -> None:
    tool = table.get("tool")
    if isinstance(tool, dict) and "uv" in tool:
        warnings.append(f"{where}: [tool.uv] has no effect: packages come from this installation's index")


def _python(table: Mapping[str, Any], where: str) -> str:
    value = table.get("requires-python", "")
    try:
        return str(SpecifierSet(value)) if isinstance(value, str) else _no_python(value, where)
    except InvalidSpecifier:
        return _no_python(value, where)


def _no_python(value: object, where: str) -> str:
    raise InvalidSkillError(f"{where}: requires-python {shown(str(value))} is no specifier", hint="such as >=3.11")
