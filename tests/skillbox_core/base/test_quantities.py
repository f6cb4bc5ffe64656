from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.names import split_digest
from skillbox_core.base.quantities import (
    MIN_CPU_QUOTA_US,
    format_bytes,
    parse_cpu_limit,
    parse_duration,
    parse_memory_limit,
)
from skillbox_core.errors import ImageNotAllowedError, InvalidRequestError
from skillbox_core.models import RunOptions
from skillbox_core.run.limits import resolve_limits
from skillbox_core.sandbox.allowlist import resolve_image, validate_image
from skillbox_core.settings import Settings
from skillbox_core.skills.manifest import Manifest, Resources

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


def manifest(timeout: str | None = None, **resources: str) -> Manifest:
    return Manifest("s", "1.0.0", "d", timeout=timeout, resources=Resources(**resources))


def test_the_callers_word_goes_before_the_skills_and_that_before_the_default() -> None:
    settings = Settings()
    assert resolve_limits(settings, manifest(), RunOptions()).timeout == 120
    assert resolve_limits(settings, manifest("30s"), RunOptions()).timeout == 30
    assert resolve_limits(settings, manifest("30s"), RunOptions(timeout="5s")).timeout == 5
    limits = resolve_limits(settings, manifest(cpu="2", memory="1Gi", scratch="64Mi"), RunOptions(cpu="1"))
    assert (limits.cpu_quota, limits.memory, limits.scratch) == (100_000, 2**30, 64 * 2**20)


@pytest.mark.parametrize(
    ("skill", "options", "words"),
    [
        (manifest("11m"), RunOptions(), ["timeout", "11m", "10m", "SKILLBOX_MAX_TIMEOUT"]),
        (manifest(), RunOptions(timeout="1h"), ["timeout", "1h", "10m"]),
        (manifest(cpu="64"), RunOptions(), ["cpu", "64", "limit of 4", "SKILLBOX_MAX_CPU"]),
        (manifest(memory="99Gi"), RunOptions(), ["memory", "99Gi", "4Gi", "SKILLBOX_MAX_MEMORY"]),
        (manifest(scratch="2Gi"), RunOptions(), ["scratch", "2Gi", "1Gi", "SKILLBOX_MAX_SCRATCH"]),
        (manifest(), RunOptions(memory="1Mi"), ["memory", "1Mi", "16Mi"]),
        (manifest(), RunOptions(memory="17179869184Gi"), ["memory"]),
        (manifest(), RunOptions(cpu="nan"), ["cpu"]),
    ],
)
def test_over_the_cap_is_an_error_with_the_limit_and_the_way_out(
    skill: Manifest, options: RunOptions, words: list[str]
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        resolve_limits(Settings(), skill, options)
    for word in words:
        assert word in str(caught.value)


def test_an_image_on_the_allowlist_is_allowed() -> None:
    validate_image("bash:5", ["python:3.12-slim", "bash:5"])


@pytest.mark.parametrize("image", ["", "Bash:5", "bash", "bash:5 ", "bash:50", "docker.io/library/bash:5"])
def test_an_image_that_is_not_exactly_on_the_allowlist_is_refused(image: str) -> None:
    with pytest.raises(ImageNotAllowedError):
        validate_image(image, ["bash:5", ""])


@pytest.mark.parametrize("nothing", [[], (), None])
def test_an_empty_allowlist_refuses_everything(nothing: list[str] | None) -> None:
    with pytest.raises(ImageNotAllowedError, match="none"):
        validate_image("bash:5", nothing)


ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")


@pytest.mark.parametrize(
    ("asked", "allowlist", "aliases", "used"),
    [
        ("a", ["a"], {}, "a"),
        ("a", ["a"], {"a": "b", "b": "c"}, "b"),
        ("a", [f"a@{ONE}"], {}, f"a@{ONE}"),
        (f"a@{ONE}", [f"a@{ONE}"], {}, f"a@{ONE}"),
        # A pin on the allowlist holds for whatever stands in, unless the alias has one of its own.
        ("a", [f"a@{ONE}"], {"a": "b"}, f"b@{ONE}"),
        ("a", [f"a@{ONE}"], {"a": f"b@{TWO}"}, f"b@{TWO}"),
        ("a", ["a"], {"a": f"b@{TWO}"}, f"b@{TWO}"),
        (f"a@{ONE}", [f"a@{ONE}"], {"a": f"b@{TWO}"}, f"b@{TWO}"),
    ],
)
def test_an_image_is_aliased_once_and_keeps_its_digest(
    asked: str, allowlist: list[str], aliases: dict[str, str], used: str
) -> None:
    validate_image(asked, allowlist)
    assert resolve_image(asked, allowlist, aliases) == used


@pytest.mark.parametrize("asked", [f"a@{TWO}", "a@", "a@sha256:1", f"b@{ONE}", ONE])
def test_a_digest_that_is_not_on_the_allowlist_is_refused(asked: str) -> None:
    with pytest.raises(ImageNotAllowedError):
        validate_image(asked, [f"a@{ONE}"])


@pytest.mark.parametrize(
    "image", ["a@", "a@b", "a@sha256:12", f"a@{ONE.upper()}", f"a@{ONE}\n", f"@{ONE}", f"a@{ONE}@{TWO}"]
)
def test_what_is_no_digest_is_refused(image: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        split_digest(image)
