"""What the tests need beside the installation: Postgres, a browser, readers of zip files, and Swift for S3."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deployments.local.common import LOGS, ROOT, STATE, SetupError, apt_install, is_root, tail

LOCK = ROOT / "tests" / "services" / "swift.lock"
FOLDER = STATE / "services" / "swift"


def ensure_services() -> str:
    """Installs what is missing, Swift beside the rest; a word on what was found.

    Without root, tests that need what is missing are skipped.
    """
    with ThreadPoolExecutor(1) as pool:
        swift = pool.submit(_ensure_swift)
        return "; ".join([*_ensure_system_packages(), swift.result()])


def _ensure_system_packages() -> list[str]:
    words = []
    missing = [package for package, there in _system_packages().items() if not there]
    if missing and is_root() and shutil.which("apt-get"):
        # The tests make clusters of their own; a machine that had none shall not get one that runs for ever.
        switch = Path("/etc/postgresql-common/createcluster.conf")
        if "postgresql" in missing and not switch.exists():
            switch.parent.mkdir(exist_ok=True)
            switch.write_text("create_main_cluster = false\n")
        apt_install(missing)
        words.append("installed " + ", ".join(missing))
    elif missing:
        words.append(f"without {', '.join(missing)}: their tests are skipped")
    return words


def ensure_gvisor() -> str:
    """Installs gVisor's runsc where it is missing and can be had; a word on what was found."""
    if shutil.which("runsc"):
        return "runsc is there"
    if not (is_root() and shutil.which("apt-get")):
        return "without runsc, which only root can install, on Debian or Ubuntu"
    try:
        apt_install(["runsc"])
    except SetupError as error:
        return f"without runsc: {error}"
    return "installed runsc"


def _system_packages() -> dict[str, bool]:
    postgres = shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return {
        "postgresql": bool(postgres),
        "memcached": bool(shutil.which("memcached")),
        "git": bool(shutil.which("git")),
        "zip": bool(shutil.which("zip")),
        "unzip": bool(shutil.which("unzip")),
        "p7zip-full": bool(shutil.which("7z")),
        "libarchive-tools": bool(shutil.which("bsdtar")),
        "chromium": any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    }


def _ensure_swift() -> str:
    stamp, wanted = FOLDER / ".stamp", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return "swift is there"
    shutil.rmtree(FOLDER, ignore_errors=True)
    log = LOGS / "services.log"
    pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    with log.open("wb") as out:
        for command in ([sys.executable, "-m", "venv", str(FOLDER)], [*pip, "--require-hashes", "-r", str(LOCK)]):
            if subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL).returncode:
                raise SetupError(f"Swift could not be installed; the log is {log}:\n{tail(log)}")
    stamp.write_text(wanted)
    return "swift installed"
