"""What a deployment gives its runs: files, secrets, retries, a schedule; and what is wrong is said when it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from prefect.utilities.schema_tools.validation import ValidationError, validate

from prefect_skillbox.flows.deploy import Given, deploy, plan
from prefect_skillbox.flows.deployed_files import asked_files, default_files, files_field, sources
from prefect_skillbox.flows.form import SETTINGS
from prefect_skillbox.flows.run_settings import RunSettings, retry_options
from prefect_skillbox.flows.schedule import cron_schedule
from skillbox_core.errors import InvalidRequestError
from skillbox_core.inputs.sources import input_files
from skillbox_core.models import Call, DeclaredFile
from skillbox_core.skills.archive import SkillArchive
from skillbox_core.skills.overlay import EntryPoint
from skillbox_core.skills.package import package

pytestmark = pytest.mark.once

ORDERS = DeclaredFile("orders.csv", media_type="text/csv", description="One row for each order.")
REGIONS = DeclaredFile("in/*.parquet", required=False)
FRONT = """input_files:
  - {name: orders.csv, media_type: text/csv, description: One row for each order.}
  - {name: "in/*.parquet", required: false}
"""
SCHEMA = "input_schema: {type: object, required: [n], properties: {n: {type: integer}}}\n"


def skill(folder: Path, front: str) -> SkillArchive:
    (folder / "s").mkdir()
    (folder / "s" / "SKILL.md").write_text(f"---\nname: s\ndescription: d\n{front}---\nDo it.\n")
    (folder / "s" / "main.py").write_text("")
    return package(folder / "s", folder / "s.zip", 1024**2)


def test_each_declared_file_is_a_field_beside_those_of_the_input(tmp_path: Path) -> None:
    made = plan(skill(tmp_path, FRONT + SCHEMA), "s", Given())
    shown: Any = made._parameter_openapi_schema.model_dump(exclude_unset=True)
    assert (list(shown["properties"]), shown["required"]) == (["n", "files"], ["n", "files"])
    assert shown["propertyNames"] == {"enum": ["n", "files", "skillbox"]}
    files = shown["properties"]["files"]
    assert (files["position"], files["required"]) == (1, ["orders.csv"])
    orders, regions = files["properties"]["orders.csv"], files["properties"]["in/*.parquet"]
    assert (orders["type"], orders["description"]) == ("string", "One row for each order. text/csv")
    assert (regions["type"], regions["items"]["type"], regions["minItems"]) == ("array", "string", 0)
    assert made.parameters == {"skillbox": {"skill": "default/s", "files": True}}


@pytest.mark.parametrize(
    ("given", "good"),
    [
        ({"orders.csv": "/data/orders.csv"}, True),
        ({"orders.csv": "https://example.org/o.csv?a=b", "in/*.parquet": ["/in/*.parquet", "s3://b/k"]}, True),
        ({}, False),
        ({"orders.csv": "orders.csv"}, False),
        ({"orders.csv": ""}, False),
        ({"orders.csv": ["/a"]}, False),
        ({"orders.csv": "/a", "in/*.parquet": "/b"}, False),
        ({"orders.csv": "/a", "in/*.parquet": ["b"]}, False),
        ({"orders.csv": "/a", "order.csv": "/b"}, False),
    ],
)
def test_the_form_takes_absolute_paths_and_urls_under_the_declared_names(given: dict[str, Any], good: bool) -> None:
    assert Draft202012Validator(files_field([ORDERS, REGIONS])).is_valid(given) is good


def test_a_required_pattern_needs_one_place_at_least() -> None:
    field = Draft202012Validator(files_field([DeclaredFile("*")]))
    assert [field.is_valid({"*": places}) for places in ([], ["/a"])] == [False, True]


def test_without_an_input_schema_files_are_a_field_beside_input(tmp_path: Path) -> None:
    given = Given({"a": 1}, [("orders.csv", "/o")], {"KEY": "my-key"}, 2, "30s")
    made = plan(skill(tmp_path, FRONT), "s@^1", given, tenant="acme")
    shown: Any = made._parameter_openapi_schema.model_dump(exclude_unset=True)
    assert (list(shown["properties"]), shown["required"]) == (["input", "files"], ["files"])
    names = shown["propertyNames"]["enum"]
    assert len(names) == len(set(names)) > 10
    assert made.parameters == {
        "skill": "s@^1",
        "tenant": "acme",
        "input": {"a": 1},
        "files": {"orders.csv": "/o"},
        "secrets": {"KEY": "my-key"},
        "retries": 2,
        "retry_delay": "30s",
    }


STATED = Given({"n": 1}, secrets={"KEY": "my-key"})


@pytest.mark.parametrize(
    ("front", "given", "changed", "good"),
    [
        (SCHEMA, Given(), {"n": 2}, True),
        (SCHEMA, STATED, {"skillbox": {"skill": "acme/s", "secrets": {"KEY": "my-key"}}}, True),
        (SCHEMA, STATED, {"skillbox": "acme/s"}, False),
        (SCHEMA, STATED, {"skillbox": {"skill": "other/leak", "files": True, "secrets": {"X": "prod-db"}}}, False),
        (SCHEMA.replace("required", "additionalProperties: true, required"), STATED, {"skillbox": "a/leak"}, False),
        ("", STATED, {"input": 2, "timeout": "30s", "retries": 1, "skill": "s", "tenant": "acme"}, True),
        ("", STATED, {"secrets": {"KEY": "my-key"}}, True),
        ("", STATED, {"skill": "leak"}, False),
        ("", STATED, {"tenant": "other"}, False),
        ("", STATED, {"secrets": {"KEY": "prod-db"}}, False),
        ("", STATED, {"secrets": None}, False),
        ("", Given(), {"secrets": {"X": "prod-db"}}, False),
        ("", STATED, {"installation": "other"}, False),
    ],
)
def test_a_run_has_the_skill_the_tenant_and_the_secrets_of_its_deployment(
    front: str, given: Given, changed: dict[str, Any], good: bool, tmp_path: Path
) -> None:
    made = plan(skill(tmp_path, front), "s", given, tenant="acme")
    schema: Any = made._parameter_openapi_schema.model_dump(exclude_unset=True)
    # As Prefect's server does it: the deployment's own parameters, and over them those of the run.
    asked = {**({"n": 1} if front else {}), **made.parameters, **changed}
    assert not {"skillbox", "skill", "tenant", "secrets"} & schema["properties"].keys()
    if good:
        validate(asked, schema, raise_on_error=True)
        return
    with pytest.raises(ValidationError):
        validate(asked, schema, raise_on_error=True)


def test_an_input_with_a_field_called_files_is_one_field_beside_the_files(tmp_path: Path) -> None:
    schema = "input_schema: {type: object, properties: {files: {type: integer}}}\n"
    with_files = plan(skill(tmp_path, FRONT + schema), "s", Given())
    assert list(with_files._parameter_openapi_schema.properties) == ["input", "files"]
    (tmp_path / "other").mkdir()
    without = plan(skill(tmp_path / "other", schema), "s", Given({"files": 1}))
    assert list(without._parameter_openapi_schema.properties) == ["files"]
    assert without.parameters == {"files": 1, "skillbox": "default/s"}


def test_settings_of_a_deployment_are_read_as_they_were_written(tmp_path: Path) -> None:
    given = Given({"n": 1}, [("orders.csv", "/o")], {"KEY": "my-key"}, 3, "10s")
    parameters = plan(skill(tmp_path, FRONT + SCHEMA), "s@^1", given, tenant="acme").parameters
    assert parameters == {
        "n": 1,
        "files": {"orders.csv": "/o"},
        SETTINGS: {
            "skill": "acme/s@^1",
            "files": True,
            "secrets": {"KEY": "my-key"},
            "retries": 3,
            "retry_delay": "10s",
        },
    }
    settings = RunSettings.of(parameters[SETTINGS])
    assert settings == RunSettings("acme/s@^1", files=True, secrets={"KEY": "my-key"}, retries=3, retry_delay="10s")
    assert settings.reference == ("acme", "s@^1")
    assert RunSettings.of("default/s#e") == RunSettings("default/s#e")
    assert RunSettings.of(None).reference == ("", "")


def test_a_relative_path_is_one_of_the_folder_where_the_deployment_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    given = [("orders.csv", "o.csv"), ("in/*.parquet", "/a/b"), ("in/*.parquet", "~/c"), ("in/*.parquet", "s3://b/k")]
    given += [("in/*.parquet", "~nobody_x/d"), ("in/*.parquet", "sftp://me@x/e")]
    assert default_files("s", [ORDERS, REGIONS], given) == {
        "orders.csv": f"{tmp_path}/o.csv",
        "in/*.parquet": ["/a/b", "/home/me/c", "s3://b/k", f"{tmp_path}/~nobody_x/d", "sftp://me@x/e"],
    }


@pytest.mark.parametrize(
    ("front", "given", "said"),
    [
        (
            FRONT,
            {"files": [("order.csv", "/o")]},
            r's declares no input file "order\.csv" \(did you mean orders\.csv\?\)',
        ),
        (FRONT, {"files": [("x", "/o")]}, r"\(it declares orders\.csv, in/\*\.parquet\)"),
        ("", {"files": [("x", "/o")]}, r'no input file "x" \(it declares none, in input_files\)'),
        (FRONT, {"files": [("orders.csv", "/o")] * 2}, "orders.csv is given twice, and it is one file"),
        (FRONT, {"files": [("orders.csv", "")]}, r"orders.csv is an empty text \(is a variable not set\?\)"),
        (FRONT, {"files": [("orders.csv", "https://me:hunter2@x/o")]}, "orders.csv holds a password"),
        (FRONT, {"files": [("orders.csv", "https://hunter2@x/o")]}, "holds a user name, which may be a token, which"),
        (FRONT, {"files": [("orders.csv", "HTTP://hunter2@x/o")]}, "orders.csv holds a user name"),
        (FRONT, {"files": [("orders.csv", "sftp://me:hunter2@x/o")]}, "orders.csv holds a password"),
        (FRONT, {"files": [("orders.csv", "https://[x")]}, "URL of the file orders.csv can't be read"),
        (FRONT, {"secrets": {"a b": "x"}}, "environment name 'a b' is not valid"),
        (FRONT, {"secrets": {"PATH": "x"}}, "environment name 'PATH' may not be set by a caller"),
        (FRONT, {"retries": -1}, "retries -1 must be 0 to 100"),
        (FRONT, {"retries": 101}, "retries 101 must be 0 to 100"),
        (FRONT, {"retries": 1, "retry_delay": "10"}, r'retry_delay .*10.*did you mean "10s"\?'),
        (FRONT, {"retry_delay": "10s"}, "retry_delay 10s is between retries, and there are none"),
        (FRONT + SCHEMA, {"input": {"n": 1, "files": {}}}, 'a deployment of s has no parameter "files"'),
    ],
)
def test_what_its_runs_could_not_have_is_said(front: str, given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        plan(skill(tmp_path, front), "s", Given(**given))
    assert "hunter2" not in str(caught.value)


def test_a_schedule_has_all_that_its_runs_must_have(tmp_path: Path) -> None:
    archive, daily = skill(tmp_path, FRONT + SCHEMA), cron_schedule("0 6 * * *", "Europe/Berlin")
    with pytest.raises(InvalidRequestError, match=r"s needs the file orders\.csv.*\(--file orders\.csv=PATH\)"):
        plan(archive, "s", Given({"n": 1}), schedule=daily)
    with pytest.raises(InvalidRequestError, match=r"does not fit the input_schema of s: .*n"):
        plan(archive, "s", Given(files=[("orders.csv", "/o")]), schedule=daily)
    made = plan(archive, "s", Given({"n": 1}, [("orders.csv", "/o")]), schedule=daily)
    assert [(one.schedule.cron, one.schedule.timezone) for one in made.schedules or []] == [  # type: ignore[union-attr]
        ("0 6 * * *", "Europe/Berlin")
    ]


@pytest.mark.parametrize(
    ("schema", "problem"), [("{type: object}", False), ("{required: [n]}", True), ("{type: array}", True)]
)
def test_a_run_that_a_schedule_starts_without_an_input_has_an_empty_object(
    schema: str, problem: bool, tmp_path: Path
) -> None:
    archive, daily = skill(tmp_path, f"input_schema: {schema}\n"), cron_schedule("0 6 * * *", None)
    if problem:
        with pytest.raises(InvalidRequestError, match="the input does not fit the input_schema of s"):
            plan(archive, "s", Given(), schedule=daily)
        plan(archive, "s", Given())
    else:
        assert plan(archive, "s", Given(), schedule=daily).schedules


@pytest.mark.parametrize(
    ("cron", "timezone", "said"),
    [
        ("at noon", None, '"at noon" is not a cron schedule'),
        ("0 6 * * *", "Europe/Berln", r'there is no time zone "Europe/Berln" \(did you mean Europe/Berlin\?\)'),
        ("0 6 * * *", "europe/berlin", r"did you mean Europe/Berlin\?"),
        ("0 6 * * *", "berlin", r"did you mean Europe/Berlin\?"),
        ("0 6 * * *", "Berln", r"did you mean Europe/Berlin\?"),
        ("0 6 * * *", "New York", r"did you mean America/New_York\?"),
        ("0 6 * * *", "", r'there is no time zone "" \(for example Europe/Berlin, or UTC\)'),
        ("0 6 * * *", "../etc/passwd", r'no time zone "\.\./etc/passwd"'),
    ],
)
def test_a_schedule_that_there_can_not_be_is_told(cron: str, timezone: str | None, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        cron_schedule(cron, timezone)


def test_a_time_zone_without_a_schedule_is_an_error() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"the time zone UTC is that of a schedule, and there is none \(--cron"
    ):
        deploy("s", timezone="UTC")


@pytest.mark.parametrize(
    ("retries", "delay", "options"),
    [
        (0, None, {}),
        (2, None, {"retries": 2}),
        (2, "1m30s", {"retries": 2, "retry_delay_seconds": 90.0}),
    ],
)
def test_retries_are_those_of_the_skills_task(retries: int, delay: str | None, options: dict[str, Any]) -> None:
    assert retry_options(retries, delay) == options


@pytest.mark.parametrize(
    ("files", "meant"),
    [
        (None, []),
        ({}, []),
        ({"orders.csv": None, "in/*.csv": []}, []),
        ("/a/b.csv", ["b.csv"]),
        (["/a/b.csv", "/a/c"], ["b.csv", "c"]),
        ({"orders.csv": "/a/b.csv"}, ["orders.csv"]),
        ({"in": ["/a/b.csv", "/a/c"]}, ["in/b.csv", "in/c"]),
        ({"*.csv": ["/a/b.csv", "/a/c.csv"]}, ["b.csv", "c.csv"]),
        ({"in/*.csv": ["/a/b.csv"], "in/x/?": ["/c"]}, ["in/b.csv", "in/x/c"]),
        ({"a[1].csv": "/b"}, ["a[1].csv"]),
    ],
)
def test_files_of_a_pattern_keep_their_names_and_others_have_the_names_that_they_are_given(
    files: Any, meant: list[str]
) -> None:
    found = input_files(sources(files, anywhere=False))
    own = [file.at.rpartition("/")[2] for file in found]
    assert [
        file.name + name if file.name.endswith("/") else file.name or name
        for file, name in zip(found, own, strict=True)
    ] == meant


@pytest.mark.parametrize("files", ["o.csv", ["/a", "o.csv"], {"orders.csv": "o.csv"}, {"*": ["", "/a"]}])
def test_a_relative_path_is_refused_where_it_means_nothing(files: Any) -> None:
    with pytest.raises(InvalidRequestError, match="is no absolute path"):
        sources(files, anywhere=False)
    assert sources(files)


@pytest.mark.parametrize("files", [1, [1], {"a": {"b": "c"}}, [["/a"]]])
def test_files_that_are_no_paths_are_refused(files: Any) -> None:
    with pytest.raises(InvalidRequestError, match="files must be paths and URLs"):
        sources(files, anywhere=False)


def test_a_call_and_a_declaration_that_speak_of_one_file_are_one_field() -> None:
    declared = (
        DeclaredFile("*.pdf", media_type="application/pdf"),
        DeclaredFile("*.csv", required=False, media_type="text/csv"),
        DeclaredFile("b.csv", required=False),
        DeclaredFile("c.csv"),
    )
    call = Call(script="a.py", args=("{file:in.pdf}", "{file:b.csv?}", "{file:c.csv?}", "{file:d?}"))
    assert asked_files(EntryPoint("e", call, input_files=declared), call) == (
        DeclaredFile("in.pdf", media_type="application/pdf"),
        DeclaredFile("b.csv", required=False),
        DeclaredFile("c.csv"),
        DeclaredFile("d", required=False),
        DeclaredFile("*.csv", required=False, media_type="text/csv"),
    )
    call = Call(script="a.py", args=("{file:in.pdf?}",))
    assert [(one.name, one.required) for one in asked_files(EntryPoint("e", call, input_files=declared[:1]), call)] == [
        ("in.pdf", False),
        ("*.pdf", True),
    ]
