"""The keys of an S3 bucket, a thousand at a time. s3fs's `find` makes folders of them, and takes half as long again."""

from __future__ import annotations

from typing import Any


def keys_below(filesystem: Any, root: str, prefix: str) -> dict[str, int]:
    """The objects whose keys begin with a prefix, with their bytes.

    Args:
        filesystem: Of s3fs.
        root: The bucket, or a folder of it; keys are given as they are below it.

    Raises:
        FileNotFoundError: There is no such bucket.
    """
    bucket, whole, _ = filesystem.split_path(f"{root}/{prefix}")
    begin = len(whole) - len(prefix)
    sizes: dict[str, int] = {}
    more: dict[str, str] = {}
    while True:
        page = filesystem.call_s3("list_objects_v2", Bucket=bucket, Prefix=whole, **more)
        sizes |= {found["Key"][begin:]: int(found["Size"]) for found in page.get("Contents", ())}
        if not page.get("IsTruncated"):
            return sizes
        more = {"ContinuationToken": page["NextContinuationToken"]}
