"""What a deployment needs of the Prefect server: a client, a work pool, blocks that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from shlex import quote

import httpx
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import WorkPool
from prefect.deployments.runner import DeploymentApplyError
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from skillbox_core.base.meant import name_meant
from skillbox_core.errors import InfrastructureError, InvalidRequestError, SettingsError

_BLOCK = re.compile(r"[a-z0-9-]{1,255}\Z")
"""What Prefect takes for the name of a block's document. Anything else is asked for nowhere: it may be a value."""


@contextmanager
def prefect_server() -> Iterator[SyncPrefectClient]:
    """A client of the Prefect server, whose troubles become errors of ours."""
    address = get_current_settings().api.url
    if not address:
        raise SettingsError(
            "there is no Prefect server to deploy to", hint="`make setup` starts one; or set PREFECT_API_URL"
        )
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.TransportError as error:
        raise InfrastructureError(
            f"the Prefect server at {address} can't be reached: {str(error) or type(error).__name__}",
            hint="PREFECT_API_URL; `make status` says what answers",
        ) from error
    except DeploymentApplyError as error:
        raise InvalidRequestError(f"the Prefect server refuses the deployment: {error}") from error


def find_pool(client: SyncPrefectClient, name: str | None) -> WorkPool:
    """The work pool of a name, or Prefect's default one.

    Raises:
        InvalidRequestError: There is none, or none was named; says which there are.
    """
    wanted = name or get_current_settings().deployments.default_work_pool_name
    pools = sorted(pool.name for pool in client.read_work_pools())
    there = f"there is {', '.join(pools)}" if pools else "`prefect work-pool create NAME --type process` makes one"
    if not wanted:
        raise InvalidRequestError("where its runs shall be done must be said: --pool POOL, or --serve", hint=there)
    try:
        return client.read_work_pool(wanted)
    except ObjectNotFound:
        made = f"`prefect work-pool create {quote(wanted)} --type process` makes it"
        hint = f"{made}; there is {', '.join(pools)}" if pools else made
        raise InvalidRequestError(f"there is no work pool {wanted}", hint=hint) from None


def check_blocks(client: SyncPrefectClient, secrets: Mapping[str, str]) -> None:
    """Refuses names of Secret blocks that are not there. No value is read.

    Args:
        secrets: Environment variables, each with the name of a block.

    Raises:
        InvalidRequestError: Names the variable, and not the block: somebody may have typed the value in its place.
    """
    slug = Secret.get_block_type_slug()
    for variable, name in secrets.items():
        try:
            if _BLOCK.match(name):
                client.read_block_document_by_name(name, slug, include_secrets=False)
                continue
        except ObjectNotFound:
            pass
        found = client.read_block_documents_by_type(slug, include_secrets=False)
        there = sorted(str(block.name) for block in found)
        meant = name_meant(name, there)
        has = f"there is {', '.join(there[:10])}" if there else "there is none yet"
        raise InvalidRequestError(
            f"the Prefect server has no Secret block of the name that is given for {variable}",
            hint=f"did you mean {meant}?" if meant else f"{has}; a value is never taken here",
        )
