"""Which packages a skill of scripts needs: what all its Python scripts ask for together. Pure.

Such a skill has one environment, as any has. What somebody else's skill says wrongly keeps it from having one, with a
warning, and not from being stored: it may have been written for another tool.
"""

from __future__ import annotations

from collections.abc import Iterable

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.pep723 import BEGIN
from skillbox_core.skills.sources import Found, PythonSource, Read, find_source

_PATH = 255
"""Characters of a lock's source."""


def find_scripts_source(read: Read, scripts: Iterable[str]) -> Found:
    """What the scripts of a skill without an entrypoint ask for, each as `find_source` finds it.

    Args:
        scripts: Paths of its Python scripts.
    """
    sources: dict[str, PythonSource] = {}
    warnings: dict[str, None] = {}
    # Those of one folder ask for the same, but for what they say themselves.
    alike = {script if BEGIN in (read(script) or "") else script.rpartition("/")[0]: script for script in scripts}
    for script in alike.values():
        try:
            found = find_source(read, script)
        except InvalidSkillError as error:
            warnings[f"what asks for these packages lacks them: {error.message}"] = None
            continue
        warnings.update(dict.fromkeys(found.warnings))
        if found.source and found.source.needed:
            sources[found.source.path] = found.source
    # What one script passes over another may use.
    used = tuple(f"{path} is passed over: " for path in sources)
    told = tuple(warning for warning in warnings if not warning.startswith(used))
    return Found(_together([sources[path] for path in sorted(sources)]), told)


def _together(sources: list[PythonSource]) -> PythonSource | None:
    if len(sources) < 2:
        return sources[0] if sources else None
    hashes: dict[str, tuple[str, ...]] = {}
    for source in sources:
        for name, known in source.hashes.items():
            hashes[name] = tuple(sorted({*hashes.get(name, ()), *known}))
    return PythonSource(
        ", ".join(source.path for source in sources)[:_PATH],
        tuple(dict.fromkeys(line for source in sources for line in source.requirements)),
        tuple(dict.fromkeys(line for source in sources for line in source.constraints)),
        hashes,
        ",".join(dict.fromkeys(source.requires_python for source in sources if source.requires_python)),
        whole=all(source.whole for source in sources),
    )
