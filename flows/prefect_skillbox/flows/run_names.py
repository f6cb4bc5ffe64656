"""Names of flow runs that say what runs, and tell one run from the next."""

from __future__ import annotations

from collections.abc import Callable

from prefect.runtime import flow_run

_SEPARATOR = " · "


def titled(title: str) -> Callable[[], str]:
    """A flow run's name: a title, and the name that the run had when it was asked for.

    That one Prefect made up, or whoever asked for the run chose. It is what `prefect deployment run` prints.

    Args:
        title: A template with the flow's parameters.
    """

    def name() -> str:
        begin = f"{title.format(**flow_run.parameters)}{_SEPARATOR}"
        # A run that is run again has its name already.
        own = flow_run.name or ""
        return own if own.startswith(begin) else f"{begin}{own}"

    return name
