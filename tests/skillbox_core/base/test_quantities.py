from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.quantities import (
    MIN_CPU_QUOTA_US,
    format_bytes,
    parse_cpu_limit,
    parse_duration,
    parse_memory_limit,
)
from skillbox_core.errors import InvalidRequestError

PARSERS = [parse_cpu_limit, parse_memory_limit, parse_duration]


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("0.5", 50_000),
        ("1", 100_000),
        ("2.25", 225_000),
        (".5", 50_000),
        ("5.", 500_000),
        ("0.000001", 1_000),
        ("0.123456", 12_346),
        ("1.999999", 200_000),
        ("0.010005", 1_001),
        (" 0.5", 50_000),
        ("1\n", 100_000),
    ],
)
def test_cpu_becomes_microseconds_per_100_ms(text: str, quota: int) -> None:
    assert parse_cpu_limit(text) == quota


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "0",
        "0.0",
        "-1",
        "+1",
        "nan",
        "inf",
        "Infinity",
        "1e3",
        "1e400",
        "1,5",
        "0x1",
        "1_0",
        "½",
        "١",
        "1 1",
    ],
)
def test_cpu_that_is_no_positive_decimal_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"resources\.cpu"):
        parse_cpu_limit(text, "resources.cpu")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1024", 1024),
        ("1Ki", 1024),
        ("256Mi", 256 * 2**20),
        ("4Gi", 2**32),
        ("8589934591Gi", 8589934591 * 2**30),
        (" 5Mi ", 5 * 2**20),
        ("1\r\n", 1),
    ],
)
def test_memory_becomes_bytes(text: str, size: int) -> None:
    assert parse_memory_limit(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0Mi",
        "-1",
        "+1",
        "1.5Gi",
        "1G",
        "1M",
        "1KB",
        "1ki",
        "Mi",
        "1 Mi",
        "1Ti",
        "1e9",
        "nan",
        "١Mi",
        "\n",
    ],
)
def test_memory_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="memory"):
        parse_memory_limit(text)


@pytest.mark.parametrize("text", ["17179869184Gi", "8589934592Gi", "9223372036854775808", "9" * 20, "9" * 5000])
def test_memory_that_overflows_is_refused_and_not_unlimited(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        parse_memory_limit(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("1h30m", 5400),
        ("1.5m", 90),
        ("300ms", 0.3),
        ("1h1m1s", 3661),
        ("+5s", 5),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("1μs", 1e-6),
        (".5s", 0.5),
        ("1.s", 1),
        (" 1m\n", 60),
    ],
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0s",
        "60",
        "-1s",
        "1e9h",
        "1:30",
        "s",
        ".s",
        "1 s",
        "1S",
        "1d",
        "nan",
        "inf",
        "+",
        "++1s",
        "9999999999h",
        "1s" * 99,
    ],
)
def test_durations_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="timeout"):
        parse_duration(text)


@given(st.sampled_from(PARSERS), st.text(max_size=80) | st.text("0123456789.eE+-KMGihmsnµ", max_size=30))
def test_a_parser_gives_a_positive_finite_number_or_a_short_printable_refusal(parse, text: str) -> None:  # type: ignore[no-untyped-def]
    try:
        value = parse(text)
    except InvalidRequestError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) < 1000
    else:
        assert 0 < value < 2**63


@given(st.integers(1, 10**9), st.integers(0, 999_999))
def test_cpu_quotas_are_proportional_above_the_kernels_minimum(whole: int, millionths: int) -> None:
    text = f"{whole % 1000}.{millionths:06d}"
    cores = (whole % 1000) * 1_000_000 + millionths
    if cores:
        assert parse_cpu_limit(text) == max((cores + 5) // 10, MIN_CPU_QUOTA_US)


@pytest.mark.parametrize(
    ("size", "text"), [(1, "1 bytes"), (1024, "1Ki"), (1536, "1.5Ki"), (50 * 2**20, "50Mi"), (2**30, "1Gi")]
)
def test_sizes_are_shown_in_the_unit_they_are_written_in(size: int, text: str) -> None:
    assert format_bytes(size) == text
