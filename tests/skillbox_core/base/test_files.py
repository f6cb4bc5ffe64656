"""A place that can't be written: whose fault that is."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from skillbox_core.base.files import unwritable
from skillbox_core.errors import DiskError, InvalidRequestError, SkillboxError


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskError),
        (errno.EDQUOT, DiskError),
        (errno.EACCES, InvalidRequestError),
        (errno.ENOTDIR, InvalidRequestError),
    ],
)
def test_a_wrong_place_is_the_callers_fault_and_a_full_disk_is_not(number: int, kind: type[SkillboxError]) -> None:
    error = unwritable(Path("/some/where"), OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert str(error) == f"/some/where can't be written: {os.strerror(number)}"
