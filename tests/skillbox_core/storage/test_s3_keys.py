"""The keys of a bucket come whole, in as many pages as the store gives them in."""

from __future__ import annotations

from typing import Any

import pytest

from skillbox_core.storage.s3_keys import keys_below

KEYS = [f"default/s{number}/1.0.0/skill.zip" for number in range(7)]


class Store:
    """Answers as S3 does, three keys at a time."""

    def __init__(self, folder: str) -> None:
        self._keys = sorted(
            f"{folder}{key}" for key in [*KEYS, "default-2/x/1.0.0/skill.zip", "acme/y/1.0.0/skill.zip"]
        )
        self.pages = 0

    @staticmethod
    def split_path(path: str) -> tuple[str, str, None]:
        """As s3fs does."""
        return (*path.split("/", 1), None)  # type: ignore[return-value]

    def call_s3(self, method: str, *, Bucket: str, Prefix: str, ContinuationToken: str = "") -> dict[str, Any]:
        """As s3fs does."""
        assert (method, Bucket) == ("list_objects_v2", "skills")
        left = [key for key in self._keys if key.startswith(Prefix) and key > ContinuationToken]
        self.pages += 1
        page: dict[str, Any] = {"Contents": [{"Key": key, "Size": len(key), "ETag": "x"} for key in left[:3]]}
        if not left:
            return {"KeyCount": 0}
        more = {"IsTruncated": True, "NextContinuationToken": left[2]} if len(left) > 3 else {"IsTruncated": False}
        return page | more


@pytest.mark.parametrize("folder", ["", "below/it/"])
def test_all_keys_below_a_prefix_are_given_as_they_are_below_the_root(folder: str) -> None:
    store = Store(folder)
    root = f"skills/{folder}".rstrip("/")
    assert keys_below(store, root, "default/") == {key: len(folder + key) for key in KEYS}
    assert store.pages == 3
    assert keys_below(store, root, "nobody/") == {}
