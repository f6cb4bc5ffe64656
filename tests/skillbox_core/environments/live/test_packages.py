"""Packages that a data team imports: locked now, at the index of this machine, and used in a real sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunRequest, RunResult
from skillbox_core.installation import Installation
from skillbox_core.skills.package import package
from tests.services import index

pytestmark = pytest.mark.long

START = "import json, os\nfiles = os.environ['SANDBOX_FILES_DIR'] + '/'\n"
END = "\nwith open(os.environ['SANDBOX_OUTPUT'], 'w') as file:\n    json.dump(answer, file)\n"


@pytest.fixture(autouse=True)
def an_index() -> None:
    if why := index.missing():
        pytest.skip(why)


PANDAS = """
import pandas as pd
table = pd.DataFrame({"kind": ["a", "b", "a"], "n": [1, 2, 5]})
table.to_parquet(files + "t.parquet", engine="pyarrow")
answer = pd.read_parquet(files + "t.parquet").groupby("kind")["n"].mean().to_dict()
"""
MATPLOTLIB = """
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 2, 3], [1, 4, 9], label="ä")
axes.legend()
figure.savefig(files + "lines.png")
answer = [plt.get_backend().lower(), open(files + "lines.png", "rb").read(4)[1:].decode()]
"""
POLARS = """
import polars as pl
table = pl.DataFrame({"kind": ["a", "b", "a"], "n": [1, 2, 5]})
table.write_parquet(files + "t.parquet")
lazy = pl.scan_parquet(files + "t.parquet").group_by("kind").agg(pl.col("n").sum()).sort("kind")
answer = lazy.collect().rows()
"""
DUCKDB = """
import duckdb
path = files + "t.parquet"
duckdb.sql("select * from (values ('a', 1), ('b', 2), ('a', 5)) t(kind, n)").write_parquet(path)
answer = duckdb.sql(f"select kind, sum(n)::int from '{path}' group by kind order by kind").fetchall()
"""
NUMPY = """
import numpy as np
answer = (np.array([[1.0, 2], [3, 4]]) @ np.array([1.0, 1])).tolist()
"""
SCIPY = """
from scipy import linalg, optimize
answer = [linalg.solve([[3.0, 1], [1, 2]], [9.0, 8]).round(6).tolist(),
          round(optimize.brentq(lambda x: x * x - 4, 0, 9), 6)]
"""
SKLEARN = """
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit([[1], [2], [3]], [2, 4, 6])
answer = round(float(model.predict([[10]])[0]), 6)
"""
PILLOW = """
from PIL import Image
Image.new("RGB", (8, 4), "red").save(files + "red.png")
answer = [*Image.open(files + "red.png").size, *Image.open(files + "red.png").getpixel((3, 3))]
"""
LXML = """
from lxml import etree
answer = etree.fromstring("<a><b n='1'/><b n='2'/></a>").xpath("//b/@n")
"""
YAML = """
import yaml
answer = [yaml.dump({"a": [1, 2]}), yaml.__with_libyaml__]
"""
PYPDF = """
from pypdf import PdfReader, PdfWriter
writer = PdfWriter()
writer.add_blank_page(200, 100)
writer.write(files + "blank.pdf")
answer = len(PdfReader(files + "blank.pdf").pages)
"""
OPENPYXL = """
from openpyxl import Workbook, load_workbook
book = Workbook()
book.active.append(["a", 1])
book.save(files + "book.xlsx")
answer = [cell.value for cell in load_workbook(files + "book.xlsx").active[1]]
"""
BOTO3 = """
import boto3
client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="id", aws_secret_access_key="key")
url = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "key"})
answer = "X-Amz-Signature" in url or "Signature" in url
"""
FAKER = """
from faker import Faker
Faker.seed(7)
first = Faker("de_DE").name()
Faker.seed(7)
answer = bool(first) and first == Faker("de_DE").name()
"""
PYTZ = """
import datetime, pytz
zone = pytz.timezone("Europe/Berlin")
answer = zone.localize(datetime.datetime(2026, 7, 1, 12)).isoformat()
"""
JINJA2 = """
import jinja2
answer = jinja2.Template("{% for x in xs %}{{ x }};{% endfor %}").render(xs=[1, 2])
"""
REQUESTS = """
import requests
sent = requests.Request("POST", "http://example.org/a", params={"q": "ä"}, json={"n": 1}).prepare()
answer = [sent.url, json.loads(sent.body), os.path.isfile(requests.certs.where())]
"""

USED = [
    pytest.param("pandas pyarrow", PANDAS, {"a": 3.0, "b": 2.0}, id="pandas"),
    pytest.param("matplotlib", MATPLOTLIB, ["agg", "PNG"], id="matplotlib"),
    *(
        pytest.param(name, script, answer, id=name, marks=pytest.mark.nightly)
        for name, script, answer in (
            ("polars", POLARS, [["a", 6], ["b", 2]]),
            ("duckdb", DUCKDB, [["a", 6], ["b", 2]]),
            ("numpy", NUMPY, [3.0, 7.0]),
            ("scipy", SCIPY, [[2.0, 3.0], 2.0]),
            ("scikit-learn", SKLEARN, 20.0),
            ("pillow", PILLOW, [8, 4, 255, 0, 0]),
            ("lxml", LXML, ["1", "2"]),
            ("pyyaml", YAML, ["a:\n- 1\n- 2\n", True]),
            ("pypdf", PYPDF, 1),
            ("openpyxl", OPENPYXL, ["a", 1]),
            ("boto3", BOTO3, True),
            ("faker", FAKER, True),
            ("pytz", PYTZ, "2026-07-01T12:00:00+02:00"),
            ("jinja2", JINJA2, "1;2;"),
            ("requests", REQUESTS, ["http://example.org/a?q=%C3%A4", {"n": 1}, True]),
        )
    ),
]


def used(installation: Installation, folder: Path, packages: str, script: str) -> RunResult:
    """Pushes a skill that asks for packages, and runs it."""
    source = folder / "skill"
    source.mkdir()
    front = "name: s\ndescription: d\nlang: python\nresources: {cpu: '1', memory: 1Gi}\n"
    (source / "SKILL.md").write_text(f"---\n{front}---\n")
    asked = json.dumps(packages.split())
    (source / "main.py").write_text(f"# /// script\n# dependencies = {asked}\n# ///\n{START}{script}{END}")
    locker = installation.environments.locker("default", lambda _: None)
    archive = package(source, folder / "s.zip", installation.settings.max_skill_size, locker=locker)
    installation.registry.push("default", archive.path)
    return Runner(installation).run(RunRequest(skill="s"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("packages", "script", "answer"), USED)
def test_a_skill_uses(local: Installation, tmp_path: Path, packages: str, script: str, answer: Any) -> None:
    result = used(local, tmp_path, packages, script)
    assert (result.status.value, result.error, result.output) == ("success", None, answer), result.logs
    assert result.diagnosis is None, "a success that is warned of"
