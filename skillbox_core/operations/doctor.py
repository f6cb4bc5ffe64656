"""Looks at each part of an installation: what was found, whether that is good, what to do."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from skillbox_core.base.http_address import prefect_headers
from skillbox_core.base.quantities import parse_memory_limit
from skillbox_core.base.text import without_user
from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.operations import canary
from skillbox_core.operations.advisories import Advisory, advisories
from skillbox_core.operations.engine_checks import Check, advisories_check, components, engine_checks, with_command
from skillbox_core.operations.environment_checks import environments_check, skill_image_checks
from skillbox_core.operations.findings import sandbox_check
from skillbox_core.operations.pool_checks import pool_check
from skillbox_core.sandbox.allowlist import resolve_image
from skillbox_core.sandbox.images import local_image
from skillbox_core.settings import Settings, check_installation, load_settings
from skillbox_core.storage.database import Database
from skillbox_core.storage.objects import Bucket


def essential(installation: Installation | None = None) -> Iterator[Check]:
    """The quick checks: what must answer for any skill to run."""
    installation = installation or _installation()
    settings = installation.settings
    yield _guarded("engine", lambda: _engine(installation), "start it; `skillbox setup` finds an engine that answers")
    made = _guarded("installation", lambda: _made(settings), "see SKILLBOX_HOME")
    if made.level == "FAIL":
        yield made
        return
    yield _guarded("database", lambda: _database(settings.database), "see SKILLBOX_DB_DSN")
    for name in (settings.s3_bucket_skills, settings.s3_bucket_executions):
        yield _guarded(f"storage {name}", lambda name=name: _storage(Bucket(settings, name)), "see SKILLBOX_S3_*")  # type: ignore[misc]


def examine(installation: Installation | None = None) -> Iterator[Check]:
    """All checks, each as soon as it is made; ends with a canary in a real sandbox. What is wrong ends in a command."""
    return map(with_command, _examine(installation or _installation()))


def _examine(installation: Installation) -> Iterator[Check]:
    checks = []
    for check in essential(installation):
        checks.append(check)
        yield check
    yield home_check(installation.settings)
    yield prefect_check(os.environ)
    if checks[0].level == "FAIL":
        return
    yield from _engine_parts(installation)
    usable = None
    for lang, image in installation.settings.default_images.items():
        check = _guarded(
            f"image {lang}",
            lambda image=image: _image(installation, image),  # type: ignore[misc]
            "load it, or name another in SKILLBOX_IMAGE_ALIASES; `skillbox setup` pulls it",
        )
        usable = usable or (image if check.level == "OK" else None)
        yield check
    yield from skill_image_checks(installation)
    yield environments_check(installation)
    yield pool_check(installation)
    if usable:
        yield from _canary(installation, usable)


def known_advisories(installation: Installation | None = None) -> list[Advisory]:
    """What is published against the versions below this installation's sandboxes, and against this Python.

    Raises:
        EngineError: The engine does not answer.
    """
    engine = (installation or _installation()).engine
    return _advisories({"python": platform.python_version(), **components(engine.version(), engine.info())})


def _advisories(versions: Mapping[str, str]) -> list[Advisory]:
    return advisories(versions, {"python": sys.base_prefix == "/usr"})


def _installation() -> Installation:
    """The parts that this process's settings name, whether or not somebody has made an installation of them."""
    return Installation.from_settings(load_settings())


def _made(settings: Settings) -> Check:
    check_installation(settings)
    return Check("installation", "OK", str(settings.home))


def _guarded(part: str, look: Callable[[], Check], advice: str) -> Check:
    try:
        return look()
    except SkillboxError as error:
        return Check(part, "FAIL", error.message, error.hint or advice)


def _engine(installation: Installation) -> Check:
    version = installation.engine.version()
    return Check("engine", "OK", f"{version.get('Version', '?')} at {without_user(installation.engine.url)}")


def _database(where: str | Path) -> Check:
    database = Database(where)
    if database.is_missing():
        return Check("database", "OK", f"{database.description} is not there yet; the first push or run makes it")
    with database.session():
        pass
    return Check("database", "OK", database.description)


def _storage(bucket: Bucket) -> Check:
    part = f"storage {bucket.name}"
    if not bucket.exists():
        # Looking makes none.
        return Check(part, "OK", f"{bucket.place} is not there yet; the first `skillbox skill push` or run makes it")
    bucket.check()
    return Check(part, "OK", bucket.place)


def home_check(settings: Settings) -> Check:
    """Whether the installation's folder can be written, is its user's alone, and has room for one process's runs."""
    home = settings.home
    if not home.exists():
        return Check("home", "OK", f"{home} will be made by the first run")
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
        mode, free = home.stat().st_mode & 0o777, shutil.disk_usage(home).free
    except OSError as error:
        return Check(
            "home",
            "FAIL",
            f"{home} can't be written: {error.strerror}",
            "see SKILLBOX_HOME; `skillbox setup` makes one",
        )
    if mode & 0o077:
        return Check(
            "home", "WARN", f"{home} is open to other users (mode {mode:o})", f"`chmod 700 {shlex.quote(str(home))}`"
        )
    # Each run may have this much on its way in and out at once.
    each = settings.max_input_files_size + parse_memory_limit(settings.default_scratch, "SKILLBOX_DEFAULT_SCRATCH")
    wanted = each * settings.max_concurrent_execs
    room = f"{free / 2**30:.1f} GiB free"
    if free < wanted:
        found = f"{home} has {room}; {settings.max_concurrent_execs} runs at once may want {wanted / 2**30:.1f}"
        return Check("home", "WARN", found, "make room, or lower SKILLBOX_MAX_CONCURRENT_EXECS")
    return Check("home", "OK", f"{home}, {room}")


def prefect_check(environment: Mapping[str, str]) -> Check:
    """Whether a Prefect server answers where this environment says, and takes its credentials."""
    api = environment.get("PREFECT_API_URL", "")
    if not api:
        return Check("prefect", "WARN", "PREFECT_API_URL is not set", f"skills run without; {_server_advice()}")
    shown, headers = prefect_headers(api, environment)
    if not api.startswith(("http://", "https://")):
        return Check("prefect", "FAIL", f"PREFECT_API_URL={shown} is no http address", "http://HOST:4200/api")
    request = urllib.request.Request(f"{shown}/admin/version", headers=headers)  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - checked above
            return Check("prefect", "OK", f"server {answer.read(64).decode().strip(chr(34))} at {shown}")
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            advice = "set PREFECT_API_KEY or PREFECT_API_AUTH_STRING"
            return Check("prefect", "FAIL", f"a server is at {shown} and refuses the credentials", advice)
        return Check("prefect", "FAIL", f"what is at {shown} answers {error.code}", "see PREFECT_API_URL")
    except OSError as error:
        return Check("prefect", "FAIL", f"no server answers at {shown}: {error}", _server_advice())


def _server_advice() -> str:
    if find_spec("prefect") is None:
        return "`pip install prefect-skillbox` brings Prefect"
    return "`prefect server start` starts a server, and `export PREFECT_API_URL=http://127.0.0.1:4200/api` names it"


def _engine_parts(installation: Installation) -> Iterator[Check]:
    try:
        version, info = installation.engine.version(), installation.engine.info()
    except SkillboxError as error:
        yield Check("engine parts", "FAIL", error.message, error.hint or "")
        return
    versions = {"python": platform.python_version(), **components(version, info)}
    yield advisories_check(versions, _advisories(versions))
    yield from engine_checks(version, info, installation.settings.runtime, installation.settings.sandbox_users)


def _image(installation: Installation, asked: str) -> Check:
    used = _resolved(installation, asked)
    part = f"image {asked}"
    image = local_image(installation.engine, used)
    if image is None:
        return Check(
            part,
            "WARN",
            f"{used} is not on the engine yet",
            "its first run pulls it, if it can be had; `skillbox setup` does so now",
        )
    stands = "" if used == asked else f", {used} stands in for it"
    return Check(part, "OK", f"{image.id[7:19]}{stands}")


def _resolved(installation: Installation, asked: str) -> str:
    return resolve_image(asked, installation.settings.image_allowlist, installation.settings.image_aliases)


def _canary(installation: Installation, image: str) -> Iterator[Check]:
    try:
        kernel = str(installation.engine.info().get("KernelVersion") or "")
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            findings = canary.probe(installation, _resolved(installation, image), Path(folder))
    except SkillboxError as error:
        yield Check("sandbox", "FAIL", f"the canary could not run: {error.message}", error.hint or "")
        return
    yield sandbox_check(findings, kernel, installation.settings.runtime, time.monotonic() - began)
