"""What an installation keeps, for those who only look at it: its records and its skills, without an engine.

Each function opens one thing, and imports what that one needs and no more: imports are most of a command's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skillbox_core.settings import Settings, check_installation, load_settings

if TYPE_CHECKING:
    from skillbox_core.storage.database import Database
    from skillbox_core.storage.execution_lists import ExecutionLists
    from skillbox_core.storage.execution_reads import ExecutionRecords
    from skillbox_core.storage.objects import Bucket
    from skillbox_core.storage.registry import Registry
    from skillbox_core.storage.registry_lists import SkillLists
    from skillbox_core.storage.skill_cache import SkillCache


def present_settings() -> Settings:
    """The settings of this process: its environment over the installation's `.env`.

    Raises:
        SettingsError: A setting is wrong, or nobody has made an installation here.
    """
    settings = load_settings()
    check_installation(settings)
    return settings


def open_lists() -> ExecutionLists:
    """The lists of the records of this process's installation; raises as `present_settings`."""
    from skillbox_core.storage.database import Database
    from skillbox_core.storage.execution_lists import ExecutionLists

    return ExecutionLists(Database(present_settings().database))


def open_executions() -> ExecutionRecords:
    """The records of this process's installation, for reading; raises as `present_settings`."""
    from skillbox_core.storage.database import Database
    from skillbox_core.storage.execution_reads import ExecutionRecords
    from skillbox_core.storage.objects import Bucket

    settings = present_settings()
    return ExecutionRecords(Database(settings.database), Bucket(settings, settings.s3_bucket_executions))


def open_registry(settings: Settings | None = None, database: Database | None = None) -> Registry:
    """The skills of an installation, by default of this process's; raises as `present_settings`."""
    from skillbox_core.storage.registry import Registry

    return Registry(*_skills(settings or present_settings(), database))


def open_skill_lists() -> SkillLists:
    """The lists of the skills of this process's installation; raises as `present_settings`."""
    from skillbox_core.storage.registry_lists import SkillLists

    return SkillLists(*_skills(present_settings(), None))


def _skills(settings: Settings, database: Database | None) -> tuple[Bucket, Database, SkillCache, int, int]:
    from skillbox_core.storage.database import Database
    from skillbox_core.storage.objects import Bucket
    from skillbox_core.storage.skill_cache import SkillCache

    size, entries = settings.max_skill_size, settings.max_skill_files
    cache = SkillCache(settings.home / "cache" / "skills", size, settings.max_cache_size, entries)
    bucket = Bucket(settings, settings.s3_bucket_skills)
    return bucket, database or Database(settings.database), cache, size, entries
