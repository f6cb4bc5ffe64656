"""Prefect blocks: an installation's configuration, kept in Prefect for a team.

Fields are named as the settings (`skillbox_core.settings.Settings`); what is empty, or 0, is left to the worker's own
settings. This module is loaded wherever Prefect starts, so it imports next to nothing. The names, slugs and fields
are a stable contract: documents of them are in people's databases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

if TYPE_CHECKING:
    from skillbox_core.settings import Settings


class SkillboxEngine(Block):
    """The container engine, and which images may run on it."""

    _block_type_name = "Skillbox Engine"
    _block_type_slug = "skillbox-engine"
    _description = "The container engine that runs skills, and the images that may run on it."

    docker_host: str = Field(default="", description="Address of the engine.")
    instance: str = Field(default="", description="Tells installations on one engine apart.")
    image_allowlist: list[str] = Field(default=[], description="Exact names of the images that may run.")
    image_aliases: dict[str, str] = Field(default={}, description="What stands in for an image here.")
    default_images: dict[str, str] = Field(default={}, description="The image of each language.")
    max_concurrent_execs: int = Field(default=0, description="Skills at once in one process.")


class SkillboxStorage(Block):
    """The object store of skills and files."""

    _block_type_name = "Skillbox Storage"
    _block_type_slug = "skillbox-storage"
    _description = "The S3 service that keeps skills and the files they make."

    s3_endpoint: str = Field(description="Host and port, or URL.")
    s3_access_key: str
    s3_secret_key: SecretStr
    s3_use_ssl: bool = False
    s3_region: str = "us-east-1"
    s3_bucket_skills: str = "skills"
    s3_bucket_executions: str = "executions"
    s3_public_endpoint: str = Field(default="", description="The address in links to files, where it is another.")
    url_expiry: int = Field(default=3600, description="Seconds for which a link to files is good.")


class SkillboxDatabase(Block):
    """The database of executions."""

    _block_type_name = "Skillbox Database"
    _block_type_slug = "skillbox-database"
    _description = "The database that keeps the records of executions."

    db_dsn: SecretStr = Field(description="SQLAlchemy URL, such as postgresql://user:password@host/db.")


class SkillboxLimits(Block):
    """The defaults and the upper bounds of what a skill may use."""

    _block_type_name = "Skillbox Limits"
    _block_type_slug = "skillbox-limits"
    _description = "Defaults and upper bounds of what a skill may use."

    default_timeout: str = Field(default="", description="Such as 120s.")
    max_timeout: str = Field(default="", description="Such as 10m.")
    default_memory: str = Field(default="", description="Such as 256Mi.")
    max_memory: str = Field(default="", description="Such as 4Gi.")
    default_cpu: str = Field(default="", description="Cores, such as 0.5.")
    max_cpu: str = Field(default="", description="Cores, such as 4.")
    default_scratch: str = Field(default="", description="Such as 256Mi.")
    max_scratch: str = Field(default="", description="Such as 1Gi.")
    max_input_size: int = Field(default=0, description="Bytes.")
    max_output_size: int = Field(default=0, description="Bytes.")
    max_skill_size: int = Field(default=0, description="Bytes.")


class SkillboxInstallation(Block):
    """An installation, for `skill(..., installation="name")`."""

    _block_type_name = "Skillbox Installation"
    _block_type_slug = "skillbox-installation"
    _description = "Where skills run and where what they make is kept. What is left out is up to each worker."

    engine: SkillboxEngine | None = Field(default=None, title="Engine")
    storage: SkillboxStorage | None = Field(default=None, title="Storage")
    database: SkillboxDatabase | None = Field(default=None, title="Database")
    limits: SkillboxLimits | None = Field(default=None, title="Limits")

    def settings(self, own: Settings) -> Settings:
        """A worker's own settings with those of this block over them.

        Raises:
            SettingsError: They contradict each other, or one is malformed.
        """
        from skillbox_core.settings import make_settings

        values: dict[str, Any] = own.model_dump()
        for part in (self.engine, self.storage, self.database, self.limits):
            for name in type(part).model_fields if part is not None else ():
                value = getattr(part, name)
                if value or isinstance(value, bool):
                    values[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
        return make_settings(values)
