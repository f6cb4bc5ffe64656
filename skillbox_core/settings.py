"""Settings, read from the environment as `SKILLBOX_*` and from the `.env` file of the installation.

A variable of that name that is no setting is an error: a mistyped one would silently leave its default, such as the
engine's own runtime instead of a stronger one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from skillbox_core.base.engine_address import engine_url
from skillbox_core.base.home import check_home, find_home, load_env_file
from skillbox_core.base.meant import name_meant
from skillbox_core.base.names import split_digest
from skillbox_core.base.quantities import parse_cpu_limit, parse_duration, parse_memory_limit, parse_user_ids
from skillbox_core.errors import InvalidRequestError, SettingsError

DEFAULT_IMAGES = {"python": "python:3.12-slim", "node": "node:20-slim", "bash": "bash:5"}
DEFAULT_ALLOWLIST = ("python:3.12-slim", "python:3.11-slim", "node:20-slim", "node:18-slim", "bash:5")

POOL_PLACES = 4
"""Containers that wait on an engine where nobody says how many: for two skills of a flow, two runs of each at once. As
many of the usual size may take a quarter of 10 GiB; see `skillbox_core.sandbox.waiting.SHARE`."""
MIN_POOL_IDLE = 60
"""Seconds: in its last half minute a waiting container is taken by nobody."""

_PYTHON = re.compile(r"3\.\d+(\.\d+)? (x86_64|aarch64) (glibc|musl) \d+\.\d+\Z", re.ASCII)
_NOT_OURS = re.compile(
    # What a Kubernetes cluster tells its containers of a service that is called skillbox, or skillbox-something.
    r"SKILLBOX_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)\Z"
    # What the command line and the tests read.
    r"|SKILLBOX_(TENANT|TEST_\w+)\Z"
)


class Settings(BaseSettings):
    """One installation's settings.

    Sizes are text with `Ki`, `Mi`, `Gi` or bytes, times are Go durations, CPU is a number of cores; the
    `*_size` settings are bytes.
    """

    model_config = SettingsConfigDict(env_prefix="SKILLBOX_", frozen=True, extra="ignore")

    home: Path = Field(default_factory=find_home)

    db_dsn: str = Field(default="", repr=False)
    """SQLAlchemy URL; empty means SQLite in the home folder."""
    s3_endpoint: str = ""
    """Host and port, or URL; empty means folders in the home folder."""
    s3_public_endpoint: str = ""
    """The address that signed URLs carry, where clients reach the store by another name."""
    s3_access_key: str = ""
    s3_secret_key: str = Field(default="", repr=False)
    s3_region: str = "us-east-1"
    s3_bucket_skills: str = "skills"
    s3_bucket_executions: str = "executions"
    s3_use_ssl: bool = False
    url_expiry: int = Field(default=3600, ge=1, le=604800)
    """Seconds for which a signed URL is good."""

    docker_host: str = ""
    """Engine address; empty means DOCKER_HOST, else Docker's context, else the local socket."""
    runtime: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$")
    """OCI runtime for sandboxes, such as runsc or kata; empty means the engine's default."""
    user_ids: str = "2146435072-2147483647"
    """Users as whom sandboxes run, each as one of its own: `FIRST-LAST`. By default the highest 2**20 that engines
    take, which no user of a host is given (systemd, "Users, Groups, UIDs and GIDs on systemd Systems": unused)."""
    instance: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    """Names this installation on an engine that several share; each cleans up only after itself."""
    image_allowlist: Annotated[tuple[str, ...], NoDecode] = DEFAULT_ALLOWLIST
    image_aliases: Annotated[Mapping[str, str], NoDecode] = Field(default_factory=dict)
    default_images: Annotated[Mapping[str, str], NoDecode] = Field(default_factory=lambda: dict(DEFAULT_IMAGES))

    default_timeout: str = "120s"
    max_timeout: str = "10m"
    default_memory: str = "256Mi"
    max_memory: str = "4Gi"
    default_cpu: str = "0.5"
    max_cpu: str = "4"
    default_scratch: str = "256Mi"
    max_scratch: str = "1Gi"
    max_input_size: int = Field(default=10 * 1024 * 1024, gt=0)
    max_input_files_size: int = Field(default=100 * 1024 * 1024, gt=0)
    max_output_size: int = Field(default=1024 * 1024, ge=1024)
    """Bytes of output.json, and bytes of logs that are stored."""
    max_skill_size: int = Field(default=50 * 1024 * 1024, gt=0)
    environment_python: str = ""
    """The Python of images that no engine can be asked about from here: `3.11 x86_64 glibc 2.36`."""
    max_skill_files: int = Field(default=10_000, gt=0, le=12_000)
    """Of one skill. Its sandbox has room for 16,384 files and folders, input files and output included."""
    max_tree_size: int = Field(default=2 * 1024**3, gt=0)
    """Bytes of an environment's files, as one tar."""
    max_tree_files: int = Field(default=100_000, gt=0)
    max_cache_size: int = Field(default=2 * 1024**3, gt=0)
    """Bytes of skills that are kept on this machine."""
    max_environments_size: int = Field(default=10 * 1024**3, gt=0)
    """Bytes of all environments on an engine, beyond which those that were not used for longest go."""
    max_concurrent_execs: int = Field(default=10, ge=1)
    """Executions in containers at once in one process."""
    max_engine_execs: int = Field(default=20, ge=1)
    """Executions on one engine at once over all workers: the first value of the engine's limit in Prefect."""
    log_level: str = Field(default="info", pattern=r"(?i)^(debug|info|warning|warn|error)$")
    """Of the core's own messages on the command line's stderr."""
    collect_ttl: str = "10m"
    """How long a finished container waits to be collected before it ends itself."""
    pool_max: int | None = Field(default=None, ge=0, le=1000)
    """Containers that wait on an engine for a job, at most; 0 for none. None leaves it to `pool_places` and
    `for_one_run`."""
    pool_min: int = Field(default=0, ge=0, le=1000)
    """Of each kind that is asked for, how many are made to wait at least."""
    pool_idle: str = "10m"
    """How long a container waits for a job before it ends itself."""
    inline_output: bool = True
    """A small output comes along on the connection on which the skill's lines come, and so stands in the engine's log
    of the container until that is removed."""

    @field_validator("image_allowlist", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return tuple(item.strip() for item in value.split(",") if item.strip()) if isinstance(value, str) else value

    @field_validator("image_aliases", "default_images", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [item.strip().partition("=") for item in value.split(",") if item.strip()]
        for name, sign, target in pairs:
            if not (name and sign and target):
                raise ValueError(f'"{name}{sign}{target}" is not of the form name=image')
        return {name.strip(): target.strip() for name, _, target in pairs}

    @field_validator("environment_python")
    @classmethod
    def _python_of_images(cls, value: str) -> str:
        if value and not _PYTHON.match(value):
            raise ValueError(f'"{value}" is not of the form 3.11 x86_64 glibc 2.36')
        return value

    @field_validator("image_allowlist")
    @classmethod
    def _one_digest_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [split_digest(image)[0] for image in dict.fromkeys(value)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} is there more than once, so no digest can be told from it")
        return value

    @field_validator("image_aliases", "default_images")
    @classmethod
    def _digests_are_digests(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for image in (*value, *value.values()):
            split_digest(image)
        return value

    @field_validator("default_images")
    @classmethod
    def _every_language(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        return {**DEFAULT_IMAGES, **value}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Faults that a single field can't show; each names its variables."""
        try:
            for field, parse in (
                ("timeout", parse_duration),
                ("memory", parse_memory_limit),
                ("cpu", parse_cpu_limit),
                ("scratch", parse_memory_limit),
            ):
                default, maximum = getattr(self, f"default_{field}"), getattr(self, f"max_{field}")
                names = f"SKILLBOX_DEFAULT_{field.upper()}", f"SKILLBOX_MAX_{field.upper()}"
                if parse(default, names[0]) > parse(maximum, names[1]):
                    raise ValueError(f"{names[0]} {default} is above {names[1]} {maximum}")
            parse_duration(self.collect_ttl, "SKILLBOX_COLLECT_TTL")
            if parse_duration(self.pool_idle, "SKILLBOX_POOL_IDLE") < MIN_POOL_IDLE:
                raise ValueError(f"SKILLBOX_POOL_IDLE {self.pool_idle} is less than {MIN_POOL_IDLE} s")
            if self.pool_min > self.pool_places:
                most = "SKILLBOX_POOL_MAX" if self.pool_max is not None else "the default of SKILLBOX_POOL_MAX,"
                raise ValueError(f"SKILLBOX_POOL_MIN {self.pool_min} is above {most} {self.pool_places}")
            parse_user_ids(self.user_ids, "SKILLBOX_USER_IDS")
        except InvalidRequestError as error:
            raise ValueError(str(error)) from None
        if self.s3_endpoint and not (self.s3_access_key and self.s3_secret_key):
            raise ValueError("SKILLBOX_S3_ENDPOINT needs SKILLBOX_S3_ACCESS_KEY and SKILLBOX_S3_SECRET_KEY")
        return self

    @property
    def database(self) -> str | Path:
        """Where the records are: an SQLAlchemy URL, or the SQLite file in the home folder."""
        return self.db_dsn or self.home / "skillbox.db"

    @property
    def pool_places(self) -> int:
        """How many containers may wait on an engine for a job."""
        return POOL_PLACES if self.pool_max is None else self.pool_max

    def for_one_run(self) -> Self:
        """The settings of a command that runs one skill and ends: nothing waits for it, unless somebody says so.

        What it left waiting would be for a next command that may never come.
        """
        return self.model_copy(update={"pool_max": 0}) if self.pool_max is None else self

    @property
    def sandbox_users(self) -> range:
        """The ids that sandboxes may have."""
        return parse_user_ids(self.user_ids)

    @property
    def engine_url(self) -> str:
        """Where the container engine listens."""
        return engine_url(self.docker_host, os.environ)


_READ = ("SKILLBOX_", "DOCKER_HOST")


def load_settings() -> Settings:
    """The settings of this process: its environment over the installation's `.env`.

    Raises:
        SettingsError: Names each wrong variable, and each that is no setting; SKILLBOX_HOME among them, where it names
            a folder that is not there and would be more than a cache.
    """
    load_env_file()
    settings = _load(
        find_home(),
        # Asked for every run of a skill, and each value that is read is decoded.
        tuple(sorted((k, os.environ.get(k, "")) for k in os.environ if k.upper().startswith(_READ))),
    )
    if os.environ.get("SKILLBOX_HOME"):
        check_installation(settings)
    return settings


def check_installation(settings: Settings) -> None:
    """Refuses the settings of an installation that nobody made; see `check_home`.

    Raises:
        SettingsError: With the command that makes one.
    """
    check_home(settings.home, os.environ, database=bool(settings.db_dsn), store=bool(settings.s3_endpoint))


@lru_cache(maxsize=8)
def _load(_home: Path, environment: tuple[tuple[str, str], ...]) -> Settings:
    if unknown := [_unknown(name) for name, _ in environment if not _is_known(name.upper())]:
        raise SettingsError("; ".join(unknown), hint="see the environment or the installation's .env")
    return make_settings({})


def _is_known(name: str) -> bool:
    known = name.removeprefix("SKILLBOX_").lower() in Settings.model_fields
    return known or not name.startswith("SKILLBOX_") or _NOT_OURS.match(name) is not None


def _unknown(name: str) -> str:
    meant = name_meant(name.upper().removeprefix("SKILLBOX_").lower(), Settings.model_fields)
    return f"{name} is no setting" + (f"; did you mean SKILLBOX_{meant.upper()}?" if meant else "")


def make_settings(values: Mapping[str, Any]) -> Settings:
    """Settings with these values, named as the fields, over those of the environment.

    Raises:
        SettingsError: Names each wrong variable, never its value.
    """
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(
            "; ".join(_sentence(fault) for fault in error.errors()),
            hint="see the environment or the installation's .env",
        ) from None


def _sentence(fault: Any) -> str:
    names = ".".join(str(part) for part in fault["loc"])
    text = str(fault["msg"]).removeprefix("Value error, ")
    return f"SKILLBOX_{names.upper()}: {text}" if names else text
