"""What is made of a run: JSON, tables, a comparison with an earlier one, and the README's table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks import readme
from tests.benchmarks.baseline import BASELINE, MARGIN, verdict, worse
from tests.benchmarks.names import COMMAND
from tests.benchmarks.report import (
    Figure,
    Part,
    Ratio,
    Report,
    figure_line,
    from_json,
    ratio_line,
    short,
    to_json,
)
from tests.benchmarks.turns import Comparison, Times

MACHINE = {"processors": "2 processors (a kind)", "engine": "20.10.24", "python": "3.11.7"}


def a_part() -> Part:
    part = Part("cold")
    part.times("Skillbox", Times({1: 0.2, 2: 0.25, 3: 0.3}))
    part.times("docker run --rm", Times({1: 0.4, 2: 0.5, 3: 0.6}))
    part.times("another", Times(problem="no index answers"))
    part.ratio("Skillbox / docker run --rm", Comparison(0.5, 0.48, 0.52), budget=0.75)
    part.ratio("Skillbox, until gone / docker run --rm", Comparison(0.8, 0.7, 0.9))
    return part


def a_report() -> Report:
    return Report("2026-11-29", MACHINE, [a_part()])


def ratio(value: float, **more: bool) -> Ratio:
    return Ratio("x", value, value, value, **more)


def test_a_report_is_read_back_from_its_json() -> None:
    report = a_report()
    report.parts[0].fail("a container was left")
    report.parts[0].date, report.parts[0].turns, report.parts[0].quick = "2026-11-28", 5, True
    assert from_json(to_json(report)) == report


def test_json_has_medians_percentiles_and_what_was_not_measured() -> None:
    (part,) = json.loads(to_json(a_report()))["parts"]
    assert part["figures"][0] == {
        "name": "Skillbox", "unit": "ms", "value": 250.0, "low": 210.0, "high": 290.0, "turns": 3, "budget": None,
    }  # fmt: skip
    assert part["skipped"] == {"another": "no index answers"}


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 0}', '{"format": 2}'])
def test_json_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no report of the benchmarks of format 1"):
        from_json(text)


@pytest.mark.parametrize(
    ("value", "budget", "more_is_better", "within"),
    [(0.7, 0.75, False, True), (0.8, 0.75, False, False), (9, 10, True, False), (11, 10, True, True), (99, None, 0, 1)],
)
def test_a_budget_is_a_most_or_of_rates_a_least(
    value: float, budget: float | None, more_is_better: bool, within: bool
) -> None:
    found = Ratio("x", value, value, value, budget, more_is_better)
    assert found.within == within
    assert ("MISSED" in ratio_line(found)) is not within


def test_a_line_says_the_budget_of_a_figure_and_whether_it_is_kept() -> None:
    assert "budget 0.3: MISSED" in figure_line(Figure("skillbox --help", "s", 0.4, 0.4, 0.4, 1, 0.3))
    assert figure_line(Figure("skillbox --help", "s", 0.2, 0.2, 0.2, 1, 0.3)).endswith("budget 0.3")


@pytest.mark.parametrize(("value", "text"), [(10925, "10,925"), (271.4, "271"), (35.25, "35.2"), (0.0351, "0.0351")])
def test_figures_have_as_many_digits_as_are_worth_reading(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("was", "now", "named"),
    [
        (ratio(1.0), ratio(1.0), False),
        (ratio(1.0), ratio(1.0 + MARGIN - 0.01), False),
        (ratio(1.0), ratio(1.0 + MARGIN + 0.01), True),
        (ratio(1.0), ratio(0.2), False),
        (ratio(10.0, more_is_better=True), ratio(20.0, more_is_better=True), False),
        (ratio(10.0, more_is_better=True), ratio(8.0, more_is_better=True), True),
        (ratio(0.0), ratio(0.1), True),
        (ratio(0.0), ratio(0.0), False),
    ],
)
def test_a_ratio_that_got_worse_by_more_than_the_margin_is_named(was: Ratio, now: Ratio, named: bool) -> None:
    assert bool(worse({"cold: x": was}, {"cold: x": now})) is named


def test_the_worst_is_named_first_with_what_it_was() -> None:
    lines = verdict({"a": ratio(1), "b": ratio(1)}, {"a": ratio(1.5), "b": ratio(3), "new": ratio(9)}, "it")
    assert lines == [
        "2 of 2 ratios are more than 15% worse than in it:",
        "b: 3.00, was 1.00 (+200%)",
        "a: 1.50, was 1.00 (+50%)",
        "1 ratio not compared, not in it: new",
    ]


def test_what_only_one_of_both_has_is_said_of_the_parts_that_were_measured() -> None:
    was = {"cold: a": ratio(1), "cold: gone": ratio(1), "files: f": ratio(1)}
    now = {"cold: a": ratio(1), "cold: new": ratio(1), "cold: newer": ratio(1)}
    assert verdict(was, now, "it")[1:] == [
        "2 ratios not compared, not in it: cold: new, cold: newer",
        "1 ratio of it not measured now: cold: gone",
    ]
    assert all("with --quick what is long has other names" in line for line in verdict(was, now, "it", quick=True)[1:])


def test_nothing_to_compare_with_is_said() -> None:
    assert verdict({}, {"a": ratio(1)}, "baseline.json") == [
        "nothing in baseline.json to compare with",
        "1 ratio not compared, not in baseline.json: a",
    ]
    assert verdict({"a": ratio(1)}, {"a": ratio(1)}, "it") == ["none of 1 ratio is more than 15% worse than in it"]


def test_the_committed_baseline_is_a_report_without_failures() -> None:
    report = from_json(BASELINE.read_text("utf-8"))
    assert report.ratios()
    assert report.failures == []


def test_the_table_has_both_figures_their_ratio_and_the_machine() -> None:
    table = readme.table(a_report())
    assert table.splitlines()[2:4] == [
        "| Skillbox | 250 ms | | |",
        "| docker run --rm | 500 ms | 0.50 | 0.80 |",
    ]
    assert "2 processors (a kind), engine 20.10.24, Python 3.11.7, 2026-11-29" in table


def test_the_table_has_each_thing_once_and_is_of_cold_runs_alone() -> None:
    report = a_report()
    report.parts[0].figure("other", "ms", 125)
    report.parts[0].ratio("Skillbox / other", Comparison(2, 2, 2))
    report.parts.append(Part("throughput"))
    report.parts[1].figure("a", "runs/s", 2)
    report.parts[1].figure("b", "runs/s", 1)
    report.parts[1].ratio("a / b", Comparison(2, 2, 2), more_is_better=True)
    lines = readme.table(report).splitlines()
    assert lines[2:6] == [
        "| Skillbox | 250 ms | | |",
        "| docker run --rm | 500 ms | 0.50 | 0.80 |",
        "| other | 125 ms | 2.00 | - |",
        "",
    ]
    assert lines[-1] == "Not measured: another."


def test_the_table_has_the_command_and_what_it_is_beside_another_command() -> None:
    report = a_report()
    report.parts[0].figure(COMMAND, "ms", 750)
    report.parts[0].ratio(f"{COMMAND} / docker run --rm", Comparison(1.5, 1.5, 1.5))
    lines = readme.table(report).splitlines()
    assert lines[2:4] == ["| Skillbox | 250 ms | | |", f"| {COMMAND} | 750 ms | | |"]
    assert "`skillbox run` is 1.50 of `docker run --rm`, a command too." in lines


def test_only_what_is_between_the_markers_is_written_anew() -> None:
    text = f"# A\n\n{readme.BEGIN}\nold\n{readme.END}\n\n## B\n"
    assert readme.rewritten(text, "new") == f"# A\n\n{readme.BEGIN}\nnew\n{readme.END}\n\n## B\n"
    assert readme.rewritten(readme.rewritten(text, "x"), "new") == readme.rewritten(text, "new")


@pytest.mark.parametrize(
    "text",
    [
        "# A\n",
        f"{readme.BEGIN}\n",
        f"{readme.END}\n{readme.BEGIN}\n",
        f"{readme.BEGIN}\n{readme.END}\n{readme.BEGIN}\n{readme.END}\n",
        f"{readme.BEGIN}\n{readme.BEGIN}\n{readme.END}\n",
    ],
)
def test_a_page_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"README\.md needs the lines"):
        readme.rewritten(text, "new")


def test_the_readme_has_the_markers() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert readme.rewritten(text, "new") != text
