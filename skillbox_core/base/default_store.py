"""Where the files of a result are when nobody said where it came from: it was unpickled, or read from its JSON.

Results lie in a room below that of the stores, and are unpickled in processes that have loaded nothing else of this
package. So the package says, as it is imported, how the store of this process's installation is found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_find: list[Callable[[], Any]] = []


def register(find: Callable[[], Any]) -> None:
    """Says how the store is found; called once, by the package itself.

    Args:
        find: Gives a `skillbox_core.models.result.StoredFiles`.
    """
    _find[:] = [find]


def default_store() -> Any:
    """The store of this process's installation.

    Raises:
        SettingsError: There is no installation here, or a setting is wrong.
    """
    return _find[0]()
