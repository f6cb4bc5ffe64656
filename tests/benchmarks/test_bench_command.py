"""`make bench`: what it takes, what it writes, and with what it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks.parts import PARTS
from tests.benchmarks.report import Part, from_json, to_json
from tests.benchmarks.turns import Comparison


def slow(name: str, turns: int, quick: bool) -> Part:
    part = Part(name, turns=turns, quick=quick)
    part.ratio("Skillbox / docker run --rm", Comparison(9, 9, 9), budget=0.75)
    return part


def broken(name: str, turns: int, quick: bool) -> Part:
    return Part(name, turns=turns, quick=quick, failures=["a container was left"])


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
    assert "colour: there are cold, waiting, throughput, " in capsys.readouterr().err


@pytest.mark.parametrize("turns", ["-3", "0", "1.5", "", "many"])
def test_a_number_of_turns_that_measures_nothing_is_refused(turns: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main([f"--turns={turns}"])
    assert f"{turns!r} is no number of turns: it is a whole number from 1 on" in capsys.readouterr().err


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A README with an old table."""
    file = tmp_path / "README.md"
    file.write_text(f"{bench.readme.BEGIN}\nold\n{bench.readme.END}\n")
    monkeypatch.setattr(bench, "README", file)
    return file


@pytest.mark.parametrize("only", ["cold", "cold,files"])
@pytest.mark.parametrize("asked", [True, False])
def test_the_readme_is_written_when_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: Path, only: str, asked: bool
) -> None:
    monkeypatch.setattr(bench, "run", slow)
    bench.main(["--only", only, "--json", str(tmp_path / "x.json"), *(["--readme"] if asked else [])])
    assert ("old" in page.read_text()) is not asked


@pytest.mark.parametrize(
    ("arguments", "measure", "why"),
    [
        (["--only", "files"], slow, "the part `cold`, which its table is of, was not measured: `--only cold`"),
        (["--only", "cold"], broken, "something of the part `cold` failed: a container was left"),
        (["--only", "cold", "--quick"], slow, "its table is of 20 turns at least, and this was a short run"),
        (["--only", "cold", "--turns", "19"], slow, "its table is of 20 turns at least, and this was a short run"),
        (["--only", "cold", "--quick", "--turns", "20"], slow, "its table is of 20 turns at least"),
    ],
)
def test_a_run_that_is_not_fit_for_the_readme_leaves_it_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    page: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    measure: Callable[[str, int, bool], Part],
    why: str,
) -> None:
    monkeypatch.setattr(bench, "run", measure)
    before = page.read_text()
    bench.main([*arguments, "--json", str(tmp_path / "x.json"), "--readme"])
    assert page.read_text() == before
    assert f"README.md is left as it is: {why}" in capsys.readouterr().out


def test_parts_that_are_measured_one_by_one_come_together_in_one_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "run", slow)
    file = tmp_path / "x.json"
    for only in ("files,prefect", "cold", "prefect"):
        turns = "3" if only == "prefect" else "20"
        bench.main(["--only", only, "--turns", turns, "--json", str(file)])
    report = from_json(file.read_text())
    assert [(part.name, part.turns) for part in report.parts] == [("cold", 20), ("prefect", 3), ("files", 20)]
    assert all(part.date == report.date for part in report.parts)
    assert "kept in it from before: cold, files" in capsys.readouterr().out


def test_what_is_kept_is_not_compared_once_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "run", slow)
    for only in ("cold", "files"):
        bench.main(["--only", only, "--json", str(bench.BASELINE)])
    capsys.readouterr()
    bench.main(["--only", "files", "--json", str(bench.BASELINE)])
    assert "none of 1 ratio is more than 15% worse" in capsys.readouterr().out


def test_who_stops_it_keeps_the_parts_that_are_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(name: str, turns: int, quick: bool) -> Part:
        if name == "files":
            raise KeyboardInterrupt
        return slow(name, turns, quick)

    monkeypatch.setattr(bench, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        bench.main(["--only", "cold,files", "--json", str(tmp_path / "x.json")])
    assert [part.name for part in from_json((tmp_path / "x.json").read_text()).parts] == ["cold"]


def test_parts_that_were_measured_on_another_machine_are_not_kept_with_those_of_this_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "run", slow)
    file = tmp_path / "x.json"
    bench.main(["--only", "cold", "--json", str(file)])
    monkeypatch.setattr(bench, "machine", lambda: {"processors": "2", "engine": "28", "python": "3"})
    bench.main(["--only", "files", "--json", str(file)])
    assert [part.name for part in from_json(file.read_text()).parts] == ["files"]
    assert f"the parts in {file} are not kept: it has another engine" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["{}", "no JSON", '{"format": 1}', '{"format": 1, "date": "", "machine": {}, "parts": [3]}']
)
def test_a_file_of_another_kind_is_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.setattr(bench, "run", None)
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(SystemExit):
        bench.main(["--json", str(file)])
    assert "name another file, or remove this one" in capsys.readouterr().err
    assert file.read_text() == text


@pytest.mark.parametrize("module", PARTS.values())
def test_every_part_says_what_it_measures(module: str) -> None:
    assert bench.doc_of(module).endswith(".")
