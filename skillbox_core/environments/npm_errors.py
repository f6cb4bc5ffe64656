"""What npm says when it fails, as an error that names the package, the rule and the way out. Pure."""

from __future__ import annotations

import re

from skillbox_core.errors import IndexUnavailableError, InvalidSkillError, SkillboxError

_LONGEST = 600
_CREDENTIALS = re.compile(r"(\w+://)[^/@\s]*@")
_PREFIX = re.compile(r"^npm (?:error|ERR!) ?", re.MULTILINE)
_CODE = re.compile(r"^code (\w+)$", re.MULTILINE)
_AWAY = frozenset(
    {
        *("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ERR_SOCKET_TIMEOUT", "EHOSTUNREACH"),
        *("ENETUNREACH", "EPROTO", "E401", "E403", "E407", "E429", "E500", "E502", "E503", "E504", "ENEEDAUTH"),
        *("EINVALIDRESPONSE", "FETCH_ERROR", "ERR_INVALID_URL", "CERT_HAS_EXPIRED", "SELF_SIGNED_CERT_IN_CHAIN"),
        *("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "DEPTH_ZERO_SELF_SIGNED_CERT", "EJSONPARSE"),
    }
)
_MISSING = re.compile(r"'([^'\s]+)' is not in (?:this|the npm) registry|Not Found - GET \S*/([^/\s]+)(?: - |\s|$)")
_TARGET = re.compile(r"No matching version found for (\S+?)\.?(?:\s|$)")
_NOT_ALLOWED = re.compile(r"^EALLOW\w+$")
_PLATFORM = re.compile(r"Unsupported platform for (\S+?):")
_STALE = re.compile(r"^(?:Missing|Invalid): .*$", re.MULTILINE)
_IMAGE = "take another version of it, or use an image that has it (`image:` and `environment: none` in SKILL.md)"


def explained(said: str, folder: str, path: str) -> SkillboxError:
    """The error that npm's output means.

    Args:
        said: Its stderr.
        folder: The temporary folder it worked in, of which no word is shown.
        path: The file of the skill that asks for the packages.
    """
    text = _PREFIX.sub("", _CREDENTIALS.sub(r"\1", said)).replace(folder, "").strip()
    code = found[1] if (found := _CODE.search(text)) else ""
    text = "\n".join(
        line for line in text.splitlines() if not line.startswith(("code ", "errno ", "A complete log", "syscall "))
    )
    if code in _AWAY:
        return IndexUnavailableError(
            f"the registry of Node packages can't be reached: {_short(text)}",
            hint="npm_config_registry, or a person's .npmrc, says where it is",
        )
    if code == "E404":
        missing = _MISSING.search(text)
        name = (missing[1] or missing[2]).replace("%2f", "/") if missing else _short(text)
        return InvalidSkillError(f"{path}: the registry has no package {name}", hint="is its name right?")
    if code == "ETARGET" and (target := _TARGET.search(text)):
        return InvalidSkillError(f"{path}: the registry has no version {target[1]}", hint=_IMAGE)
    if code == "EINTEGRITY":
        return InvalidSkillError(
            f"{path}: the registry has other files than were locked: no SHA-512 fits: {_short(text)}",
            hint="if the registry is right, delete the lock and push a new version",
        )
    if code == "EBADPLATFORM" and (platform := _PLATFORM.search(text)):
        return InvalidSkillError(f"{path}: {platform[1]} is not made for the skill's image", hint=_IMAGE)
    if _NOT_ALLOWED.match(code) or "/nonexistent" in text:
        return InvalidSkillError(
            f"{path}: a package needs another from an address, and only packages of a registry are taken: "
            f"{_short(text)}",
            hint=_IMAGE,
        )
    if stale := _STALE.findall(text):
        return InvalidSkillError(
            f"{path} and its lock do not fit: {_short('; '.join(stale))}", hint="`npm install` mends the lock"
        )
    return InvalidSkillError(f"{path} can't be prepared: {_short(text)}", hint="change the versions that are asked for")


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST else words[:_LONGEST] + " ..."
