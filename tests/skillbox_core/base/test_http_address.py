from __future__ import annotations

import base64

import pytest

from skillbox_core.base.http_address import prefect_headers


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    ("url", "environment", "bare", "headers"),
    [
        ("http://h:4200/api", {}, "http://h:4200/api", {}),
        ("http://u:p%40%2F@h/api", {}, "http://h/api", basic("u:p@/")),
        ("http://u:p@h/api", {"PREFECT_API_KEY": "k"}, "http://h/api", {"Authorization": "Bearer k"}),
        ("http://h/api", {"PREFECT_API_KEY": "k", "PREFECT_API_AUTH_STRING": "a:b"}, "http://h/api", basic("a:b")),
    ],
)
def test_a_user_in_an_address_is_sent_as_a_header_and_not_shown(
    url: str, environment: dict[str, str], bare: str, headers: dict[str, str]
) -> None:
    assert prefect_headers(url, environment) == (bare, headers)
