from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from skillbox_core.base.home import find_home, load_env_file
from skillbox_core.errors import SettingsError
from skillbox_core.settings import POOL_PLACES, Settings, load_settings

DIGEST = f"sha256:{'0' * 64}"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("SKILLBOX_") or name == "DOCKER_HOST":
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("SKILLBOX_HOME", str(tmp_path / "home"))


def test_the_defaults_are_those_of_the_readme() -> None:
    settings = load_settings()
    assert settings.image_allowlist == (
        "python:3.12-slim",
        "python:3.11-slim",
        "node:20-slim",
        "node:18-slim",
        "bash:5",
    )
    assert (settings.default_timeout, settings.max_timeout) == ("120s", "10m")
    assert (settings.default_memory, settings.default_cpu) == ("256Mi", "0.5")
    assert (settings.max_output_size, settings.max_skill_size) == (1_048_576, 52_428_800)
    assert (settings.s3_bucket_skills, settings.s3_bucket_executions) == ("skills", "executions")
    assert (settings.s3_use_ssl, settings.max_concurrent_execs) == (False, 10)
    assert settings.database == settings.home / "skillbox.db"
    assert settings.sandbox_users == range(2**31 - 2**20, 2**31)


@pytest.mark.parametrize(
    ("name", "value", "field", "wanted"),
    [
        ("IMAGE_ALLOWLIST", " a:1 , b:2,", "image_allowlist", ("a:1", "b:2")),
        ("IMAGE_ALLOWLIST", "", "image_allowlist", ()),
        ("IMAGE_ALLOWLIST", f"a:1@{DIGEST}", "image_allowlist", (f"a:1@{DIGEST}",)),
        ("IMAGE_ALIASES", f"bash:5=local:1@{DIGEST}", "image_aliases", {"bash:5": f"local:1@{DIGEST}"}),
        ("RUNTIME", "runsc", "runtime", "runsc"),
        ("USER_IDS", "1000-65533", "sandbox_users", range(1000, 65534)),
        ("RUNTIME", "io.containerd.kata.v2", "runtime", "io.containerd.kata.v2"),
        ("IMAGE_ALIASES", "bash:5=local:1, a=b", "image_aliases", {"bash:5": "local:1", "a": "b"}),
        ("DB_DSN", "postgres://u@h/d", "database", "postgres://u@h/d"),
        ("DOCKER_HOST", "tcp://engine:1", "engine_url", "tcp://engine:1"),
        ("LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
    ],
)
def test_a_variable_sets_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, wanted: object
) -> None:
    monkeypatch.setenv(f"SKILLBOX_{name}", value)
    assert getattr(load_settings(), field) == wanted


def test_a_language_without_its_own_default_image_keeps_the_usual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKILLBOX_DEFAULT_IMAGES", "python=py:1")
    assert load_settings().default_images == {"python": "py:1", "node": "node:20-slim", "bash": "bash:5"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SKILLBOX_MAX_OUTPUT_SIZE", "lots"),
        ("SKILLBOX_MAX_CONCURRENT_EXECS", "0"),
        ("SKILLBOX_USER_IDS", "0-65535"),
        ("SKILLBOX_USER_IDS", "2000-1000"),
        ("SKILLBOX_USER_IDS", "1000"),
        ("SKILLBOX_USER_IDS", "1000-2147483648"),
        ("SKILLBOX_IMAGE_ALIASES", "a"),
        ("SKILLBOX_IMAGE_ALLOWLIST", "a:1@sha256:12"),
        ("SKILLBOX_IMAGE_ALLOWLIST", f"a:1,a:1@{DIGEST}"),
        ("SKILLBOX_IMAGE_ALIASES", "a=b@latest"),
        ("SKILLBOX_DEFAULT_IMAGES", "bash=b@latest"),
        ("SKILLBOX_RUNTIME", "../runc"),
        ("SKILLBOX_INSTANCE", "../x"),
        ("SKILLBOX_S3_USE_SSL", "perhaps"),
        ("SKILLBOX_DEFAULT_TIMEOUT", "11m"),
        ("SKILLBOX_DEFAULT_TIMEOUT", "soon"),
        ("SKILLBOX_MAX_TIMEOUT", "-1s"),
        ("SKILLBOX_DEFAULT_MEMORY", "5Gi"),
        ("SKILLBOX_MAX_MEMORY", "17179869184Gi"),
        ("SKILLBOX_DEFAULT_CPU", "5"),
        ("SKILLBOX_MAX_CPU", "nan"),
        ("SKILLBOX_DEFAULT_SCRATCH", "2Gi"),
        ("SKILLBOX_COLLECT_TTL", "1"),
        ("SKILLBOX_POOL_MAX", "-1"),
        ("SKILLBOX_POOL_MAX", "1001"),
        ("SKILLBOX_POOL_MIN", "5"),
        ("SKILLBOX_POOL_IDLE", "59s"),
        ("SKILLBOX_POOL_IDLE", "soon"),
        ("SKILLBOX_S3_ENDPOINT", "store:9000"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SKILLBOX_RUNTIM", "SKILLBOX_RUNTIM is no setting; did you mean SKILLBOX_RUNTIME?"),
        ("SKILLBOX_S3_SECRETKEY", "did you mean SKILLBOX_S3_SECRET_KEY?"),
        ("SKILLBOX_MAX_CONCURENT_EXECS", "did you mean SKILLBOX_MAX_CONCURRENT_EXECS?"),
        ("SKILLBOX_XYZZY", "SKILLBOX_XYZZY is no setting ("),
    ],
)
def test_a_mistyped_setting_is_refused_not_passed_over(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_mistyped_line_of_the_env_file_is_refused_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "home" / ".env").write_text("SKILLBOX_RUNTIM=runsc\n")
    # What the file puts into the environment is taken out again.
    monkeypatch.setenv("SKILLBOX_RUNTIM", "")
    monkeypatch.delenv("SKILLBOX_RUNTIM")
    with pytest.raises(SettingsError, match="did you mean SKILLBOX_RUNTIME"):
        load_settings()


@pytest.mark.parametrize(
    "name",
    [
        *("SKILLBOX_TENANT", "SKILLBOX_TEST_DEAL", "skillbox_runtime"),
        # A service "skillbox" or "skillbox-broker" of a Kubernetes cluster.
        *("SKILLBOX_SERVICE_HOST", "SKILLBOX_SERVICE_PORT", "SKILLBOX_SERVICE_PORT_HTTP", "SKILLBOX_PORT"),
        *("SKILLBOX_PORT_80_TCP", "SKILLBOX_BROKER_PORT_80_TCP_ADDR", "SKILLBOX_BROKER_SERVICE_HOST"),
    ],
)
def test_what_others_call_so_is_no_fault(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    load_settings()


def test_all_wrong_settings_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILLBOX_MAX_INPUT_SIZE", "x")
    monkeypatch.setenv("SKILLBOX_URL_EXPIRY", "y")
    with pytest.raises(SettingsError, match=r"(?s)MAX_INPUT_SIZE.*URL_EXPIRY|URL_EXPIRY.*MAX_INPUT_SIZE"):
        load_settings()


def test_secrets_are_not_shown() -> None:
    settings = Settings(db_dsn="postgres://u:hunter2@h/d", s3_endpoint="e", s3_access_key="a", s3_secret_key="hunter3")
    assert "hunter" not in repr(settings)


def test_the_environment_goes_before_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SKILLBOX_RUNTIME=runsc\nSKILLBOX_S3_REGION=from-$file\n")
    monkeypatch.setenv("SKILLBOX_RUNTIME", "kata")
    monkeypatch.setenv("SKILLBOX_S3_REGION", "")
    monkeypatch.delenv("SKILLBOX_S3_REGION")
    load_env_file(file)
    settings = load_settings()
    monkeypatch.delenv("SKILLBOX_S3_REGION")
    assert (settings.runtime, settings.s3_region) == ("kata", "from-$file")


def test_the_home_is_the_nearest_one_upwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SKILLBOX_HOME")
    (tmp_path / ".skillbox").mkdir()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_home(below) == tmp_path / ".skillbox"


@pytest.mark.parametrize("what", ["not UTF-8", "of another user", "in a home of another user"])
def test_an_env_file_that_can_not_be_read_is_named(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file = tmp_path / "home" / ".env"
    env_file.write_bytes(b"SKILLBOX_RUNTIME=\xe9\n")

    def refuse(*_: object, **__: object) -> None:
        # Modes don't keep out the superuser, who the tests may be run by.
        raise PermissionError(13, "Permission denied", str(env_file))

    if what == "of another user":
        monkeypatch.setattr("dotenv.main.open", refuse, raising=False)
    elif what == "in a home of another user":
        monkeypatch.setattr(Path, "is_file", refuse)
    reason = "it is not UTF-8" if what == "not UTF-8" else "Permission denied"
    with pytest.raises(SettingsError, match=f"{env_file} can't be read: {reason}"):
        load_settings()


def test_of_the_environment_only_our_own_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is done for every run of a skill, and an environment may have hundreds."""
    read: list[str] = []

    class Noted(dict[str, str]):
        def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
            read.append(name)
            return super().get(name, default)

        def __getitem__(self, name: str) -> str:
            read.append(name)
            return super().__getitem__(name)

        def items(self) -> Any:
            raise AssertionError("all of them")

    monkeypatch.setenv("SKILLBOX_MAX_CPU", "3")
    monkeypatch.setenv("OF_ANOTHER_PROGRAM", "x")
    made = load_settings()
    monkeypatch.setattr(os, "environ", Noted(os.environ))
    assert load_settings() is made
    assert made.max_cpu == "3"
    assert "SKILLBOX_MAX_CPU" in read
    assert "OF_ANOTHER_PROGRAM" not in read


@pytest.mark.parametrize(
    ("said", "places", "of_one_run"), [(None, POOL_PLACES, 0), ("0", 0, 0), ("1", 1, 1), ("7", 7, 7)]
)
def test_containers_wait_by_default_but_not_for_a_command_of_one_run_and_a_number_means_all(
    monkeypatch: pytest.MonkeyPatch, said: str | None, places: int, of_one_run: int
) -> None:
    monkeypatch.delenv("SKILLBOX_POOL_MAX", raising=False)
    if said is not None:
        monkeypatch.setenv("SKILLBOX_POOL_MAX", said)
    settings = load_settings()
    assert (settings.pool_places, settings.for_one_run().pool_places) == (places, of_one_run)
    assert settings.for_one_run().model_copy(update={"pool_max": settings.pool_max}) == settings
