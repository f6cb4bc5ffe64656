"""A quantity in another notation is refused with the word that is taken here."""

from __future__ import annotations

from typing import Any

import pytest

from skillbox_core import RunOptions
from skillbox_core.base.meant import name_meant
from skillbox_core.base.quantities import check_limits
from skillbox_core.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("field", "written", "meant"),
    [
        ("timeout", "5 min", "5m"),
        ("timeout", "5min", "5m"),
        ("timeout", "90 seconds", "90s"),
        ("timeout", "1 hour and 30 minutes", "1h30m"),
        ("timeout", "1h 30m", "1h30m"),
        ("timeout", "1,5h", "1.5h"),
        ("timeout", "2d", "48h"),
        ("timeout", "90", "90s"),
        ("timeout", 90, "90s"),
        ("timeout", 1.5, "1.5s"),
        ("memory", "1GB", "1Gi"),
        ("memory", "512 MB", "512Mi"),
        ("memory", "512m", "512Mi"),
        ("memory", "1 GiB", "1Gi"),
        ("memory", "256mi", "256Mi"),
        ("memory", "1.5Gi", "1536Mi"),
        ("memory", "2 gigabytes", "2Gi"),
        ("memory", "1TB", "1024Gi"),
        ("cpu", "half", "0.5"),
        ("cpu", "500m", "0.5"),
        ("cpu", "2 cores", "2"),
        ("cpu", "0,5", "0.5"),
        ("cpu", "50%", "0.5"),
        ("cpu", 0.5, "0.5"),
        ("cpu", 2, "2"),
    ],
)
def test_what_is_written_in_another_way_is_refused_with_the_word_for_it(field: str, written: Any, meant: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf'{field} .*did you mean "{meant}"\?'):
        check_limits(**{field: written})
    with pytest.raises(InvalidRequestError, match=f'did you mean "{meant}"'):
        RunOptions(**{field: written})
    check_limits(**{field: meant})


@pytest.mark.parametrize(
    ("field", "written"),
    [
        *(("timeout", text) for text in ("soon", "-5m", "0", "5 fortnights", "9" * 63, "m5", True)),
        *(("memory", text) for text in ("much", "-1GB", "0GB", "9999999999999TB", ".GB", 2.5)),
        *(("cpu", text) for text in ("all", "-1", "nan", "0", "inf", None.__class__)),
    ],
)
def test_where_nothing_can_be_guessed_only_the_rule_is_said(field: str, written: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        check_limits(**{field: written})
    assert "did you mean" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "meant"), [("chekc", "check"), ("Fill", "fill"), ("zzz", None), ("", None), ("check" * 100_000, None)]
)
def test_the_nearest_of_several_names_is_meant(name: str, meant: str | None) -> None:
    assert name_meant(name, ["fill", "check"]) == meant
