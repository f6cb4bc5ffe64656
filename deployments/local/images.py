"""The images of the three languages: there already, or pulled, or built from the host's own packages."""

from __future__ import annotations

import http.client
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

from deployments.local.common import ENV_FILE, LOGS, STATE, SetupError, apt_install, is_root, tail
from deployments.local.engine import call
from skillbox_core.base import env_file

WANTED = {"python": "python:3.12-slim", "node": "node:20-slim", "bash": "bash:5"}
STANDS_FOR = {
    "python": ("python:3.12-slim", "python:3.11-slim"),
    "node": ("node:20-slim", "node:18-slim"),
    "bash": ("bash:5",),
}
PULL_STALL = 15.0
"""Seconds without a word from the registry after which the images are built instead."""
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def given_aliases() -> dict[str, str]:
    """What the user lets stand in for an image (SKILLBOX_IMAGE_ALIASES), without what an earlier set-up wrote there."""
    name = "SKILLBOX_IMAGE_ALIASES"
    text = os.environ.get(name) or (env_file.read(ENV_FILE).get(name, ""))
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    found = {asked.strip(): used.strip() for asked, _, used in pairs}
    return {asked: used for asked, used in found.items() if _language(used) is None}


def ensure_images(engine: str, given: dict[str, str]) -> tuple[dict[str, str], str]:
    """Makes sure that each language has an image.

    Args:
        given: The user's own aliases, which go above the set-up's.

    Returns:
        Aliases from the images that skills name to those that stand in for them, and a word on what was done.

    Raises:
        SetupError: They can be neither pulled nor built.
    """
    wanted = [given.get(image, image) for image in WANTED.values()]
    if all(has(engine, image) for image in wanted):
        return given, ", ".join(wanted) + " are there" if given else "python, node and bash are there"
    for image in wanted:
        if image in given.values() and not has(engine, image) and (problem := _pull(engine, [image])):
            raise SetupError(
                f"SKILLBOX_IMAGE_ALIASES names {image}, which the engine does not have and can't pull "
                f"({problem[:200]}): load it into the engine, or change the alias"
            )
    built = _built(engine)
    if built:
        return {**aliases(built), **given}, ", ".join(sorted(built.values())) + " are there"
    problem = _pull(engine, wanted)
    if problem is None:
        return given, "pulled"
    built = _build(engine, problem)
    return {**aliases(built), **given}, "built " + ", ".join(sorted(built.values()))


def aliases(built: dict[str, str]) -> dict[str, str]:
    """Which built image stands for which official one.

    Args:
        built: Image by language.
    """
    return {official: built[lang] for lang, names in STANDS_FOR.items() for official in names}


def has(engine: str, image: str) -> bool:
    """Whether an engine has an image."""
    try:
        return bool(call(engine, "GET", f"/images/{quote(image, safe='')}/json"))
    except SetupError:
        return False


def _built(engine: str) -> dict[str, str]:
    """Images of an earlier build, by language; empty unless all are there."""
    found: dict[str, str] = {}
    for image in call(engine, "GET", "/images/json"):
        tags = image.get("RepoTags") or []
        assert isinstance(tags, list)
        for tag in map(str, tags):
            if lang := _language(tag):
                found[lang] = tag
    return found if len(found) == len(WANTED) else {}


def _language(image: str) -> str | None:
    """Whose image of `_build` this is, None for any other."""
    return next((lang for lang in WANTED if image.startswith(f"skillbox/{lang}:")), None)


def _name_and_tag(image: str) -> tuple[str, str]:
    if "@" in image:
        name, _, digest = image.partition("@")
        return name, digest
    name, colon, tag = image.rpartition(":")
    # A registry's port is no tag.
    return (name, tag) if colon and "/" not in tag else (image, "latest")


def _pull(engine: str, images: Iterable[str]) -> str | None:
    """Pulls what is missing; the problem when that is not possible."""
    for image in images:
        if has(engine, image):
            continue
        name, tag = _name_and_tag(image)
        query = urlencode({"fromImage": name, "tag": tag})
        try:
            call(engine, "POST", f"/images/create?{query}", timeout=PULL_STALL)
        except (SetupError, OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
    return None


def _build(engine: str, problem: str) -> dict[str, str]:
    """One root file system with all three languages, under three honest names."""
    if problem_here := cannot_build():
        raise SetupError(
            f"the images can't be pulled ({problem[:200]}), and {problem_here}. "
            f"Load {', '.join(WANTED.values())} into the engine, or set SKILLBOX_IMAGE_ALIASES"
        )
    folder = STATE / "images"
    folder.mkdir(parents=True, exist_ok=True)
    root, versions = folder / "root.tar", folder / "versions"
    ask = 'chroot "$1" dpkg-query -W -f "\\${Package} \\${Version}\\n" python3 nodejs bash > ' + shlex.quote(
        str(versions)
    )
    make_root(root, ["python3", "nodejs"], [ask])
    tags = image_tags(versions.read_text())
    for number, tag in enumerate(tags.values()):
        repository, _, version = tag.partition(":")
        if number == 0:
            load_root(engine, root, tag)
            first = tag
        else:
            call(
                engine,
                "POST",
                f"/images/{quote(first, safe='')}/tag?{urlencode({'repo': repository, 'tag': version})}",
            )
    root.unlink()
    return tags


def cannot_build() -> str | None:
    """What keeps this machine from building images of its own packages."""
    if is_root() and shutil.which("apt-get"):
        return None
    return "building them needs root on Debian or Ubuntu"


def make_root(root: Path, packages: Sequence[str], hooks: Sequence[str] = ()) -> None:
    """Writes a root file system of the host's own release as a tar.

    Args:
        root: The tar.
        packages: What is in it beside the least that a system needs.
        hooks: Shell lines that are run on it, as `$1`.

    Raises:
        SetupError: With the end of the log.
    """
    if not shutil.which("mmdebstrap"):
        apt_install(["mmdebstrap"])
    log = LOGS / "images.log"
    # Debian and Ubuntu have no `python`; skills written for python:slim call it.
    link = 'ln -s python3 "$1/usr/bin/python"'
    lean = 'rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/* "$1"/var/log/*'
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    command += [f"--customize-hook={hook}" for hook in (link, *hooks, lean)]
    with log.open("ab") as out:
        if subprocess.run([*command, _suite(), str(root)], stdout=out, stderr=out, stdin=subprocess.DEVNULL).returncode:
            raise SetupError(f"the images could not be built; the log is {log}:\n{tail(log)}")


def load_root(engine: str, root: Path, image: str) -> None:
    """Makes an image of a root file system's tar, which may take minutes for a large one."""
    repository, _, version = image.partition(":")
    query = urlencode({"fromSrc": "-", "repo": repository, "tag": version, "changes": _PATH})
    with root.open("rb") as data:
        call(engine, "POST", f"/images/create?{query}", body=data, timeout=900)


def image_tags(versions: str) -> dict[str, str]:
    """Names for the built images that say what is inside.

    Args:
        versions: Lines of package and Debian version.
    """
    found = dict(line.split(maxsplit=1) for line in versions.splitlines() if line.strip())

    def short(package: str, parts: int) -> str:
        upstream = found[package].rpartition(":")[2].partition("-")[0].partition("+")[0].partition("~")[0]
        return ".".join(upstream.split(".")[:parts])

    return {
        "python": f"skillbox/python:{short('python3', 2)}",
        "node": f"skillbox/node:{short('nodejs', 1)}",
        "bash": f"skillbox/bash:{short('bash', 2)}",
    }


def _suite() -> str:
    """The host's own release, whose mirrors and keys are at hand."""
    return release("VERSION_CODENAME")


def release(field: str) -> str:
    """What /etc/os-release says of the host."""
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == field:
            return value.strip('"')
    raise SetupError("/etc/os-release names no release to build images from")
