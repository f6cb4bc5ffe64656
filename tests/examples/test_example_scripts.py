"""The example skills, run as programs on this machine: what each answers, and how each refuses bad input."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.errors import InvalidRequestError
from skillbox_core.skills.manifest import parse_manifest
from skillbox_core.skills.scaffold import scaffold
from skillbox_core.skills.validation import find_breach

EXAMPLES = Path(__file__).parents[2] / "examples"
SKILLS = sorted(folder.name for folder in (EXAMPLES / "skills").iterdir())
TABLES = sorted(folder.name for folder in (EXAMPLES / "tables").iterdir())
"""Skills that need packages; live/test_tables.py runs them."""
SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Ran:
    """What a script left behind."""

    code: int
    stdout: str
    stderr: str
    output: Any
    files: Path

    def svg(self) -> ET.Element:
        return ET.parse(self.files / "chart.svg").getroot()

    def marks(self) -> list[ET.Element]:
        return [element for element in self.svg().iter() if element.get("class") == "mark"]

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.files / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def no_constant(text: str) -> None:
    pytest.fail(f"{text} is not JSON")


def run_folder(folder: Path, tmp_path: Path, request: str | bytes) -> Ran:
    script = next(folder.glob("main.*"))
    program = {".py": sys.executable, ".js": shutil.which("node"), ".sh": shutil.which("bash")}[script.suffix]
    if program is None:
        pytest.skip(f"nothing here runs {script.name}")
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    (out / "files").mkdir(parents=True)
    given = tmp_path / "request.json"
    given.write_bytes(request.encode() if isinstance(request, str) else request)
    env = {
        "PATH": os.environ["PATH"],
        "SANDBOX_INPUT_FILE": str(given),
        "SANDBOX_INPUT_FILES_DIR": str(tmp_path / "in"),
        "SANDBOX_OUTPUT": str(out / "output.json"),
        "SANDBOX_FILES_DIR": str(out / "files"),
    }
    done = subprocess.run([program, str(script)], env=env, capture_output=True, encoding="utf-8", timeout=60)
    answer = out / "output.json"
    output = json.loads(answer.read_bytes(), parse_constant=no_constant) if answer.exists() else None
    return Ran(done.returncode, done.stdout, done.stderr, output, out / "files")


@pytest.fixture
def run(tmp_path):
    def run(name: str, request: Any) -> Ran:
        text = request if isinstance(request, str | bytes) else json.dumps(request)
        return run_folder(EXAMPLES / "skills" / name, tmp_path, text)

    return run


@pytest.fixture
def answer(run):
    def answer(name: str, request: Any) -> Any:
        ran = run(name, request)
        assert (ran.code, ran.stderr) == (0, "")
        return ran.output

    return answer


# Every skill


@pytest.mark.parametrize("name", [*SKILLS, *TABLES])
def test_skill_md_is_valid_and_named_as_its_folder(name):
    folder = "tables" if name in TABLES else "skills"
    manifest = parse_manifest((EXAMPLES / folder / name / "SKILL.md").read_bytes())
    assert (manifest.name, manifest.warnings) == (name, ())


@pytest.mark.parametrize("name", [name for name in SKILLS if name not in ("always-fails", "slow")])
def test_the_ready_input_runs(run, name):
    ran = run(name, (EXAMPLES / "inputs" / f"{name}.json").read_bytes())
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.output
    assert ran.stdout.strip()


def test_there_is_one_ready_input_for_each_skill():
    assert sorted(path.stem for path in (EXAMPLES / "inputs").iterdir()) == sorted(SKILLS + TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_the_ready_input_of_a_skill_with_packages_fits_its_schema(name):
    manifest = parse_manifest((EXAMPLES / "tables" / name / "SKILL.md").read_bytes())
    given = (EXAMPLES / "inputs" / f"{name}.json").read_text()
    assert find_breach(json.dumps(manifest.input_schema), given) is None


@pytest.mark.parametrize("file", [path.name for path in (EXAMPLES / "data").iterdir() if path.name != "README.md"])
def test_the_data_is_what_its_page_says(file):
    page = (EXAMPLES / "data" / "README.md").read_text()
    digest = hashlib.sha256((EXAMPLES / "data" / file).read_bytes()).hexdigest()
    assert f"SHA-256: `{digest}`" in page.partition(f"## {file}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("request_text", ["", "{", "[]", "null", "7", b"\xff\xfe", '{"a": NaN}'])
@pytest.mark.parametrize("name", [name for name in SKILLS if name not in ("always-fails", "fingerprint")])
def test_an_input_that_is_no_json_object_is_refused(run, name, request_text):
    ran = run(name, request_text)
    assert (ran.code, ran.output) == (2, None)
    assert ran.stderr.startswith(f"{name}: ")
    assert ran.stderr.count("\n") == 1


ROWS = [{"x": 1, "y": 2, "c": "a"}]
REFUSED = [
    ("clean-csv", {}, '"csv" must be a text'),
    ("clean-csv", {"csv": "\n\n"}, "empty"),
    ("clean-csv", {"csv": "a,a\n1,2"}, '"a" is in the header twice'),
    ("clean-csv", {"csv": "a,\n1,2"}, "column 2 of the header has no name"),
    ("clean-csv", {"csv": "a,b\n1,2\n1,2,3"}, "line 3: 3 fields"),
    ("clean-csv", {"csv": 'a\n"x\ny'}, "line 2: a quoted field is never closed"),
    ("clean-csv", {"csv": 'a\n"x"y'}, "line 2: text follows a closing quote"),
    ("clean-csv", {"csv": 'a\nx"y'}, "line 2: a quote inside a field"),
    ("clean-csv", {"csv": "a\n1", "required": ["b"]}, '"b" is not in the header (a)'),
    ("clean-csv", {"csv": "a\n1", "required": "a"}, '"required" must be a list'),
    ("stats", {}, 'either "rows" or "csv"'),
    ("stats", {"rows": [], "csv": ""}, 'either "rows" or "csv"'),
    ("stats", {"rows": []}, "no rows"),
    ("stats", {"rows": [1]}, "rows[0] must be an object"),
    ("stats", {"rows": [{"a": [1]}]}, "rows[0].a must be a single value"),
    ("stats", {"rows": ROWS, "group_by": "z"}, '"z" (columns: x, y, c)'),
    ("stats", {"rows": ROWS, "columns": ["z"]}, '"z"'),
    ("stats", {"rows": [{"a": 1e308}, {"a": -1e308}, {"a": 1e308}]}, "too large"),
    ("stats", {"csv": "a,b\n1"}, "row 1 of the CSV has 1 fields"),
    ("chart", {}, 'either "rows" or "stats"'),
    ("chart", {"rows": ROWS, "x": "x", "y": "z"}, '"y" must name a column (x, y, c), not "z"'),
    ("chart", {"rows": ROWS, "x": "x", "y": "c"}, "rows[0].c must be a number"),
    ("chart", {"rows": ROWS, "x": "x", "y": "y", "kind": "pie"}, '"scatter" or "line"'),
    ("chart", {"rows": ROWS, "x": "x", "y": "y", "title": 7}, '"title" must be a text'),
    ("chart", {"rows": [{"x": None, "y": 1}], "x": "x", "y": "y"}, "no points"),
    ("chart", {"rows": [{"x": 1e308, "y": 1}, {"x": -1e308, "y": 1}], "x": "x", "y": "y"}, "too large"),
    (
        "chart",
        {"rows": [{"x": i, "y": i} for i in range(9)], "x": "x", "y": "y", "color": "x"},
        "9 different values",
    ),
    ("chart", {"stats": {}, "column": "a"}, 'the output of the skill stats with "group_by"'),
    (
        "chart",
        {"stats": {"groups": {"a": {"columns": {}}}}, "column": "n"},
        'no mean of "n" for the group "a"',
    ),
    ("chart", {"stats": {"groups": {"a": {"columns": [1]}}}, "column": "n"}, 'no mean of "n"'),
    ("chart", {"stats": {"groups": {"a": {}}}}, '"columns" must be a list'),
    ("text-summary", {"text": " 12 "}, "at least one word"),
    ("text-summary", {"text": "One.", "sentences": 0}, "at least 1, not 0"),
    ("text-summary", {"text": "One.", "sentences": True}, "not true"),
    ("word-count", {"text": ["a"]}, '"text" must be a text'),
    ("slow", {"seconds": -1}, "from 0 to 3600, not -1"),
    ("slow", {"seconds": "1"}, 'not "1"'),
    ("merge-tables", {"source": 7}, "name of a column"),
    ("split-table", {"rows": [], "by": "x"}, "one or more objects"),
    ("split-table", {"rows": ROWS, "by": "z"}, '"by" must name a column (x, y, c), not "z"'),
    ("split-table", {"rows": [{"x": i} for i in range(201)], "by": "x"}, "limit of 200"),
]


@pytest.mark.parametrize(("name", "request_", "message"), REFUSED)
def test_a_bad_request_is_refused_in_one_sentence(run, name, request_, message):
    ran = run(name, request_)
    assert (ran.code, ran.output) == (2, None)
    assert message in ran.stderr
    assert ran.stderr.count("\n") == 1


# clean-csv

CSV_ROWS = [
    ("a,b\n1,2\n", [{"a": 1, "b": 2}]),
    ("a,b\r\n1,2\r\n", [{"a": 1, "b": 2}]),
    ("a,b\r1,2", [{"a": 1, "b": 2}]),
    ("\ufeffa\n1", [{"a": 1}]),
    ('\ufeff"a"\n1', [{"a": 1}]),
    ("a\n\n1\n\n", [{"a": 1}]),
    ('a,b\n"x, y","say ""hi"""\n', [{"a": "x, y", "b": 'say "hi"'}]),
    ('a,b\n"one\r\ntwo",3\n', [{"a": "one\r\ntwo", "b": 3}]),
    ("a\n-1.5e3\n0\n", [{"a": -1500}, {"a": 0}]),
    (
        "a\n007\n12345678901234567890\n1e999\n0x10\n",
        [{"a": v} for v in ("007", "12345678901234567890", "1e999", "0x10")],
    ),
    ("__proto__,b\n1,2\n", [{"__proto__": 1, "b": 2}]),
    ("a\nNA\n", []),
]


@pytest.mark.parametrize(("text", "rows"), CSV_ROWS)
def test_clean_csv_reads(answer, text, rows):
    assert answer("clean-csv", {"csv": text})["rows"] == rows


@pytest.mark.parametrize("text", ["a,b\n1,", 'a,b\n1,""', "a,b\n1,NA\n"])
def test_clean_csv_keeps_a_missing_value_that_is_not_required(answer, text):
    assert answer("clean-csv", {"csv": text, "required": ["a"]}) == {
        "columns": ["a", "b"],
        "rows": [{"a": 1, "b": None}],
        "dropped": 0,
        "missing": {"a": 0, "b": 1},
    }


def test_clean_csv_agrees_with_the_csv_module_on_the_penguins(answer):
    text = (EXAMPLES / "data" / "penguins.csv").read_text(encoding="utf-8")
    expected = [row for row in csv.DictReader(text.splitlines()) if "NA" not in row.values()]
    result = answer("clean-csv", {"csv": text})
    assert [{k: str(v) for k, v in row.items()} for row in result["rows"]] == [
        {k: str(float(v)).removesuffix(".0") if v[0].isdigit() else v for k, v in row.items()} for row in expected
    ]
    assert (result["dropped"], result["missing"]["sex"]) == (11, 11)


# stats


def test_stats_agree_with_the_statistics_module(answer):
    values = [3, 1.5, -4, 10, 2, 2, 7.25]
    rows = [{"n": value} for value in values] + [{"n": None}, {}]
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    assert answer("stats", {"rows": rows}) == {
        "rows": 9,
        "columns": {
            "n": {
                "count": 7,
                "missing": 2,
                "mean": pytest.approx(statistics.mean(values)),
                "stdev": pytest.approx(statistics.stdev(values)),
                "min": -4,
                "q1": pytest.approx(q1),
                "median": pytest.approx(median),
                "q3": pytest.approx(q3),
                "max": 10,
            }
        },
    }


def test_stats_describe_each_group_and_write_the_same_as_csv(run):
    rows = [{"g": "a", "n": 1}, {"g": "a", "n": 3}, {"g": None, "n": 5}, {"g": "b", "n": None}]
    ran = run("stats", {"rows": rows, "group_by": "g"})
    groups = ran.output["groups"]
    assert {name: part["rows"] for name, part in groups.items()} == {"NA": 1, "a": 2, "b": 1}
    assert groups["a"]["columns"]["n"]["mean"] == 2
    assert groups["NA"]["columns"]["n"]["stdev"] is None
    assert groups["b"]["columns"]["n"]["mean"] is None
    lines = ran.table("stats.csv")
    assert [(line["group"], line["count"], line["mean"]) for line in lines] == [
        ("", "3", "3"),
        ("NA", "1", "5"),
        ("a", "2", "2"),
        ("b", "0", ""),
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "a", "b", ""], {"count": 3, "missing": 1, "distinct": 2, "top": "b"}),
        (["b", "a"], {"count": 2, "missing": 0, "distinct": 2, "top": "a"}),
        ([True, False, True], {"count": 3, "missing": 0, "distinct": 2, "top": "true"}),
        ([1, "x"], {"count": 2, "missing": 0, "distinct": 2, "top": "1"}),
        ([None, "NA"], {"count": 0, "missing": 2, "distinct": 0, "top": None}),
    ],
)
def test_stats_describe_what_is_not_numbers(answer, values, expected):
    assert answer("stats", {"rows": [{"t": value} for value in values]})["columns"]["t"] == expected


def test_stats_take_csv_as_well_as_rows(answer):
    from_csv = answer("stats", {"csv": '\ufeffk,n\r\n"a, b",1\r\n007,2.5\r\nNA,\r\n', "group_by": "k"})
    rows = [{"k": "a, b", "n": 1}, {"k": "007", "n": 2.5}, {"k": None, "n": None}]
    assert from_csv == answer("stats", {"rows": rows, "group_by": "k"})


# chart


@pytest.mark.parametrize("kind", ["scatter", "line"])
def test_chart_draws_one_mark_for_each_complete_row(run, kind):
    rows = [{"t": i, "v": i * i, "c": f"c{i % 8}"} for i in range(20)] + [{"t": 1, "v": None, "c": "c0"}]
    ran = run("chart", {"rows": rows, "x": "t", "y": "v", "color": "c", "kind": kind})
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.output == {"file": "chart.svg", "marks": 20, "width": 760, "height": 480}
    assert len(ran.marks()) == 20
    assert len(list(ran.svg().iter(f"{SVG}polyline"))) == (8 if kind == "line" else 0)


def test_chart_draws_a_bar_for_each_group_and_column_with_its_deviation(run, answer):
    rows = [{"g": g, "len_mm": n, "w": n * 100} for g in "abc" for n in (1, 2, 4)]
    stats = answer("stats", {"rows": rows, "group_by": "g"})
    ran = run("chart", {"stats": stats, "columns": ["len_mm", "w"]})
    assert ran.output["marks"] == len(ran.marks()) == 6
    assert len([e for e in ran.svg().iter() if e.get("class") == "error"]) == 6
    texts = [e.text for e in ran.svg().iter(f"{SVG}text")]
    assert "mean len (mm)" in texts
    one = run("chart", {"stats": stats, "column": "w"})
    assert one.output["marks"] == len(one.marks()) == 3


def test_chart_bars_are_as_long_as_their_means(run):
    def part(mean):
        return {"columns": {"n": {"mean": mean, "stdev": None}}}

    ran = run("chart", {"stats": {"groups": {"a": part(10), "b": part(20), "c": part(-10)}}, "column": "n"})
    a, b, c = (float(bar.attrib["height"]) for bar in ran.marks())
    assert b == pytest.approx(2 * a, abs=0.2)
    assert c == pytest.approx(a, abs=0.2)


def test_chart_text_from_the_input_can_not_become_markup(run):
    evil = '</text><script>"&\x00\ud800'
    ran = run("chart", {"rows": [{evil: 1, "y": 1, "c": evil}], "x": evil, "y": "y", "color": "c", "title": evil})
    assert ran.code == 0, ran.stderr
    assert not list(ran.svg().iter(f"{SVG}script"))
    assert ran.svg().findtext(f"{SVG}title") == '</text><script>"&\ufffd\ufffd'


def test_chart_has_a_title_and_a_description_for_screen_readers(run):
    svg = run("chart", {"rows": ROWS, "x": "x", "y": "y"}).svg()
    assert svg.get("role") == "img"
    assert svg.findtext(f"{SVG}title") == "y by x"
    assert "1 points" in (svg.findtext(f"{SVG}desc") or "")


@pytest.mark.parametrize("values", [[0, 0], [5], [-3, 1e9], [1e-9, 3e-9], [0.1, 0.3], [-1e250, 1e250]])
def test_chart_keeps_every_mark_inside_the_picture(run, values):
    ran = run("chart", {"rows": [{"x": v, "y": v} for v in values], "x": "x", "y": "y"})
    assert ran.code == 0, ran.stderr
    for mark in ran.marks():
        assert 76 <= float(mark.attrib["cx"]) <= 760
        assert 64 <= float(mark.attrib["cy"]) <= 416


# The others


def test_text_summary_chooses_sentences_in_their_order(answer):
    text = "Dr. Ada likes rivers. It rained. Rivers carry water, and rivers carry sand. Good night!"
    result = answer("text-summary", {"text": text, "sentences": 2})
    assert result["summary"] == "Dr. Ada likes rivers. Rivers carry water, and rivers carry sand."
    assert (result["sentences"], result["words"], result["keywords"][:2]) == (4, 15, ["rivers", "carry"])
    assert answer("text-summary", {"text": text, "sentences": 99})["summary"] == text


def test_word_count_ignores_case_and_joins_at_apostrophes(answer):
    assert answer("word-count", {"text": "Don't stop -- don't, STOP! Ünder 42"}) == {
        "total_words": 6,
        "unique_words": 4,
        "top_words": [
            {"word": "don't", "count": 2},
            {"word": "stop", "count": 2},
            {"word": "42", "count": 1},
            {"word": "ünder", "count": 1},
        ],
    }
    assert answer("word-count", {"text": ""}) == {"total_words": 0, "unique_words": 0, "top_words": []}


@pytest.mark.parametrize("request_", [b"{}", b'{"a":\n1}\n', b"\xff\x00"])
def test_fingerprint_is_of_the_exact_bytes(run, request_):
    ran = run("fingerprint", request_)
    digest = hashlib.sha256(request_).hexdigest()
    assert ran.output == {"sha256": digest, "bytes": len(request_), "lines": request_.count(b"\n")}
    manifest = (ran.files / "manifest.txt").read_text().splitlines()
    assert [line.split()[2] for line in manifest] == ["SKILL.md", "main.sh", "request.json"]
    assert manifest[2] == f"{digest}  {len(request_)}  request.json"


def test_always_fails_fails(run):
    ran = run("always-fails", {})
    assert (ran.code, ran.output) == (3, None)
    assert (ran.stdout.count("\n"), ran.stderr.count("\n")) == (2, 1)


def test_slow_says_each_second(run):
    ran = run("slow", {"seconds": 1})
    assert (ran.stdout, ran.output) == ("second 1 of 1\n", {"slept": 1})


def test_split_table_writes_a_file_for_each_group_under_a_safe_name(run):
    rows = [
        {"k": "../etc", "t": 'a,"b"\nc'},
        {"k": "A b", "n": 1.5},
        {"k": "a-b", "n": True},
        {"k": "日本"},
        {"k": None},
    ]
    ran = run("split-table", {"rows": rows, "by": "k"})
    assert [(f["group"], f["file"], f["rows"]) for f in ran.output["files"]] == [
        ("../etc", "groups/etc.csv", 1),
        ("A b", "groups/a-b.csv", 1),
        ("NA", "groups/na.csv", 1),
        ("a-b", "groups/a-b-2.csv", 1),
        ("日本", "groups/group.csv", 1),
    ]
    assert len(list((ran.files / "groups").iterdir())) == 5
    assert ran.table("groups/etc.csv") == [{"k": "../etc", "t": 'a,"b"\nc', "n": ""}]
    assert ran.table("groups/a-b-2.csv") == [{"k": "a-b", "t": "", "n": "true"}]
    assert "[groups/a-b-2.csv](groups/a-b-2.csv)" in (ran.files / "index.md").read_text(encoding="utf-8")


def test_merge_tables_keeps_all_columns_and_says_where_a_row_came_from(run, tmp_path):
    (tmp_path / "in" / "groups").mkdir(parents=True)
    (tmp_path / "in" / "b.csv").write_text('\ufeffx,y\n1,"a, b"\n', encoding="utf-8")
    (tmp_path / "in" / "groups" / "a.csv").write_text("y,z\r\n2,3\r\n4,5\r\n")
    (tmp_path / "in" / "notes.md").write_text("not a table")
    ran = run("merge-tables", {"source": "file"})
    assert ran.output == {"rows": 3, "columns": ["file", "x", "y", "z"], "tables": {"b.csv": 1, "groups/a.csv": 2}}
    assert [list(row.values()) for row in ran.table("merged.csv")] == [
        ["b.csv", "1", "a, b", ""],
        ["groups/a.csv", "", "2", "3"],
        ["groups/a.csv", "", "4", "5"],
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a,b\n1\n", "longer or shorter"),
        ("a\n1,2\n", "longer or shorter"),
        ('a\n"x', "malformed"),
        ("file\n1\n", "must not name a column"),
    ],
)
def test_merge_tables_names_the_table_that_it_can_not_take(run, tmp_path, table, message):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text(table)
    ran = run("merge-tables", {"source": "file"})
    assert (ran.code, ran.output) == (2, None)
    assert "t.csv" in ran.stderr
    assert message in ran.stderr


# Schemas


@pytest.mark.parametrize("name", SKILLS)
def test_the_ready_input_and_its_answer_fit_the_skills_own_schemas(run, name):
    manifest = parse_manifest((EXAMPLES / "skills" / name / "SKILL.md").read_bytes())
    given = json.loads((EXAMPLES / "inputs" / f"{name}.json").read_text())
    if manifest.input_schema is not None:
        assert find_breach(json.dumps(manifest.input_schema), json.dumps(given)) is None
    if manifest.output_schema is not None:
        given = {"seconds": 1} if name == "slow" else given
        assert find_breach(json.dumps(manifest.output_schema), json.dumps(run(name, given).output)) is None


# Scaffold


@pytest.mark.parametrize("lang", ["python", "node", "bash"])
def test_a_new_skill_is_valid_and_runs_as_it_is(tmp_path, lang):
    folder = tmp_path / "skills" / "my-skill"
    written = scaffold(folder, "my-skill", lang)
    assert sorted(written) == sorted(folder.iterdir())
    manifest = parse_manifest((folder / "SKILL.md").read_bytes())
    assert (manifest.name, manifest.lang, manifest.warnings) == ("my-skill", lang, ())
    ran = run_folder(folder, tmp_path, (folder / "input.json").read_text())
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.output == ({"bytes": 16} if lang == "bash" else {"greeting": "Hello, Ada!"})
    assert ran.stdout
    assert len(list(ran.files.iterdir())) == 1
    if lang != "bash":
        assert find_breach(json.dumps(manifest.output_schema), json.dumps(ran.output)) is None


@pytest.mark.parametrize("lang", ["python", "node"])
def test_a_new_skill_refuses_an_input_without_a_name(tmp_path, lang):
    scaffold(tmp_path / "s", "s", lang)
    ran = run_folder(tmp_path / "s", tmp_path, "{}")
    assert (ran.code, ran.output) == (1, None)
    assert '"name" must be a text' in ran.stderr


def test_scaffold_never_overwrites(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidRequestError, match="is not empty"):
        scaffold(tmp_path, "mine", "python")
    with pytest.raises(InvalidRequestError, match=r"mine\.txt"):
        scaffold(tmp_path / "mine.txt", "mine", "python")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("name", "lang"), [("My Skill", "python"), ("../up", "python"), ("ok", "perl")])
def test_scaffold_refuses_a_bad_name_or_language_before_writing(tmp_path, name, lang):
    with pytest.raises(InvalidRequestError):
        scaffold(tmp_path / "new", name, lang)
    assert not (tmp_path / "new").exists()
