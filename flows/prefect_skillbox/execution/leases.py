"""What Prefect's server is asked about one global concurrency limit, each time with one request.

Prefect's own client repeats a request that failed, and sleeps for 2, 4, 8, 16 and 32 seconds in between. A server on
SQLite says 503 to one write in two while it is busy with anything else, and meanwhile leases have to be renewed and
others wait for slots. So nothing is repeated here; whoever asks knows when to ask again, and what to do first.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import ConcurrencyLeaseHolder

LEASE = 60.0
"""Seconds for which a slot is leased, the shortest that Prefect allows: so soon is a dead worker's slot free."""
ANSWER = 20.0
"""Seconds for which an answer is waited for."""
RENEWAL_ANSWER = 10.0
"""The same for a renewal, for which the server needs no database. Both fit between two renewals and a lease's end."""

_GONE = 410
_CONFLICT = 409
_FORBIDDEN = 403
_IN_DOUBT = (500, 502, 504)
"""Prefect's own, when it had freed the slot and could not end the lease; those of a gateway."""
_PATH = "/v2/concurrency_limits"


class Leases:
    """The leases of one limit.

    Args:
        name: Of the limit.
        default: The value with which it is made when it is missing.

    Every method raises `httpx.HTTPError` when the server does not do what it was asked.
    """

    def __init__(self, client: SyncPrefectClient, name: str, default: int) -> None:
        self._inner: Any = client._client
        self._name = name
        self._default = default

    def take(self, holder: ConcurrencyLeaseHolder | None) -> UUID | None:
        """A lease for one slot; None when the limit was missing and has been made.

        Raises:
            httpx.HTTPStatusError: 423, when no slot is free; 422, when the limit is 0.
        """
        body: dict[str, Any] = {"names": [self._name], "slots": 1, "lease_duration": LEASE}
        if holder:
            body["holder"] = holder.model_dump(mode="json")
        answer = self._send("POST", "/increment-with-lease", body).json()
        if answer["limits"]:
            return UUID(answer["lease_id"])
        try:
            self._send("POST", "/", {"name": self._name, "limit": self._default})
        except httpx.HTTPStatusError as error:
            if error.response.status_code != _CONFLICT:  # another process made it
                raise
        return None

    def renew(self, lease_id: UUID, *, close: bool = False) -> bool:
        """Whether the server knows the lease; it runs for `LEASE` seconds from now then.

        Args:
            close: The next request has a connection of its own. On one that the server closes in that very moment
                nobody could tell whether it was heard.
        """
        body = {"lease_duration": LEASE}
        try:
            self._send("POST", f"/leases/{lease_id}/renew", body, RENEWAL_ANSWER, close=close)
        except httpx.HTTPStatusError as error:
            if error.response.status_code == _GONE:
                return False
            raise
        return True

    def give_back(self, lease_id: UUID) -> None:
        """Ends a lease. One that the server does not know is passed over in silence, by the server."""
        self._send("POST", "/decrement-with-lease", {"lease_id": str(lease_id)})

    def free(self, seconds: float) -> None:
        """Frees a slot that is counted as taken, and has no lease.

        Args:
            seconds: For which it was in use; Prefect reckons from it how long others may have to wait.
        """
        self._send("POST", "/decrement", {"names": [self._name], "slots": 1, "occupancy_seconds": max(seconds, 1.0)})

    def all_taken(self) -> bool:
        """Whether no slot is left, so that others may be waiting."""
        limit = self._send("GET", f"/{quote(self._name, safe='')}").json()
        return bool(limit["active"]) and limit["active_slots"] >= limit["limit"]

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        timeout: float | None = None,
        *,
        close: bool = False,
    ) -> httpx.Response:
        request = self._inner.build_request(method, _PATH + path, json=body, timeout=timeout or ANSWER)
        if close:
            request.headers["Connection"] = "close"
        if body is not None and self._inner.enable_csrf_support:
            self._inner._add_csrf_headers(request)
        answer = httpx.Client.send(self._inner, request)
        if answer.status_code == _FORBIDDEN:
            self._inner.csrf_token = None  # it may be one of a server that was started anew since
        return answer.raise_for_status()


def was_not_done(error: httpx.HTTPError) -> bool:
    """Whether it is certain that the server did not do what it was asked, and is not about to."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code not in _IN_DOUBT
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
