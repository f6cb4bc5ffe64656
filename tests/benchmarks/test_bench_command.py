"""`make bench`: what it takes, what it writes, and with what it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks.parts import PARTS
from tests.benchmarks.report import Part, from_json, to_json
from tests.benchmarks.turns import Comparison


def slow(name: str, turns: int, quick: bool) -> Part:
    part = Part(name)
    part.ratio("Skillbox / docker run --rm", Comparison(9, 9, 9), budget=0.75)
    return part


def broken(name: str, turns: int, quick: bool) -> Part:
    return Part(name, failures=["a container was left"])


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "machine", lambda: {"processors": "2", "engine": "20", "python": "3"})
    monkeypatch.setattr(bench, "BASELINE", tmp_path / "baseline.json")


def test_a_time_never_fails_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "run", slow)
    assert bench.main(["--only", "cold", "--json", str(tmp_path / "made" / "x.json")]) == 0
    report = from_json((tmp_path / "made" / "x.json").read_text())
    assert [part.name for part in report.parts] == ["cold"]
    assert not report.ratios()["cold: Skillbox / docker run --rm"].within


def test_what_went_wrong_fails_it_and_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "run", broken)
    assert bench.main(["--only", "cold,files", "--json", str(tmp_path / "x.json")]) == 1
    assert "FAILED files: a container was left" in capsys.readouterr().out


def test_it_is_compared_with_the_baseline_even_where_it_is_written_over_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "run", slow)
    bench.main(["--only", "cold", "--json", str(bench.BASELINE)])
    earlier = from_json(bench.BASELINE.read_text())
    earlier.parts[0].ratios.clear()
    earlier.parts[0].ratio("Skillbox / docker run --rm", Comparison(3, 3, 3))
    bench.BASELINE.write_text(to_json(earlier))
    bench.main(["--only", "cold", "--json", str(bench.BASELINE)])
    assert "cold: Skillbox / docker run --rm: 9.00, was 3.00 (+200%)" in capsys.readouterr().out


def test_all_parts_are_measured_unless_some_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, int, bool]] = []
    monkeypatch.setattr(bench, "run", lambda *told: asked.append(told) or slow(*told))
    bench.main(["--quick", "--json", str(tmp_path / "x.json")])
    assert asked == [(name, bench.QUICK_TURNS, True) for name in PARTS]
    asked.clear()
    bench.main(["--only", "files,cold", "--turns", "7", "--json", str(tmp_path / "x.json")])
    assert asked == [("files", 7, False), ("cold", 7, False)]


def test_an_unknown_part_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--only", "cold,colour"])
    assert "colour: there are cold, throughput, " in capsys.readouterr().err


def test_the_readme_is_written_only_when_that_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "run", slow)
    page = tmp_path / "README.md"
    text = f"{bench.readme.BEGIN}\nold\n{bench.readme.END}\n"
    page.write_text(text)
    monkeypatch.setattr(bench, "README", page)
    bench.main(["--only", "cold", "--json", str(tmp_path / "x.json")])
    assert page.read_text() == text
    bench.main(["--only", "cold", "--json", str(tmp_path / "x.json"), "--readme"])
    assert "old" not in page.read_text()


@pytest.mark.parametrize("module", PARTS.values())
def test_every_part_says_what_it_measures(module: str) -> None:
    assert bench.doc_of(module).endswith(".")
