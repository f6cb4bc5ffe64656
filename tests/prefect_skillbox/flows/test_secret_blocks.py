"""`--secret ENV=BLOCK`: what may be a value in the place of a block's name is not sent and not shown."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient

from prefect_skillbox.flows.server import check_blocks
from skillbox_core.errors import InvalidRequestError

pytestmark = pytest.mark.once


def client_of(asked: list[str], there: list[str]) -> Any:
    """A client whose server has these Secret blocks, and whose requests are kept."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url} {request.content!r}")
        name = request.url.path.rpartition("/")[2]
        if request.url.path.endswith("/block_documents"):
            return httpx.Response(200, json=[_document(one) for one in there])
        return httpx.Response(200, json=_document(name)) if name in there else httpx.Response(404, json={})

    client = SyncPrefectClient("http://127.0.0.1:9/api")
    client._client._transport = httpx.MockTransport(answer)
    return client


def _document(name: str) -> dict[str, Any]:
    some = "00000000-0000-4000-8000-000000000000"
    return {"id": some, "name": name, "data": {}, "block_schema_id": some, "block_type_id": some}


def test_blocks_that_are_there_are_taken_and_their_values_are_not_read() -> None:
    asked: list[str] = []
    check_blocks(client_of(asked, ["my-key"]), {"KEY": "my-key"})
    assert len(asked) == 1
    assert "include_secrets=false" in asked[0]


@pytest.mark.parametrize(
    ("there", "name", "said"),
    [
        (["my-key", "b"], "my-kee", r"is given for KEY \(did you mean my-key\?\)"),
        (["b", "a"], "zzz", r"is given for KEY \(there is a, b; a value is never taken here\)"),
        ([], "Hunter2/x?y", r"is given for KEY \(there is none yet; a value is never taken here\)"),
    ],
)
def test_a_block_that_is_not_there_is_told_by_its_variable(there: list[str], name: str, said: str) -> None:
    asked: list[str] = []
    with pytest.raises(InvalidRequestError, match=said):
        check_blocks(client_of(asked, there), {"KEY": name})
    assert not any("Hunter2" in request for request in asked)
