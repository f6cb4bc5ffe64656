"""`make fuzz`: each target in turn, for FUZZ_SECONDS in all; what breaks one is kept in the corpus as a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = ("intake", "output", "manifest", "table")
DEFAULT_SECONDS = 60


def main() -> int:
    """Runs the targets; the exit code is 1 when something was found."""
    seconds = int(os.environ.get("FUZZ_SECONDS", "") or DEFAULT_SECONDS)
    wanted = sys.argv[1:] or TARGETS
    found = [name for name in wanted if _run(name, max(seconds // len(wanted), 1))]
    print(f"found something in: {', '.join(found)}" if found else "nothing was found")
    return 1 if found else 0


def _run(name: str, seconds: int) -> int:
    seeds, work = HERE / "corpus" / name, Path.cwd() / ".skillbox" / "fuzz" / name
    work.mkdir(parents=True, exist_ok=True)
    print(f"{name}: {seconds} s", flush=True)
    limits = [f"-max_total_time={seconds}", "-rss_limit_mb=1024", "-timeout=10", "-max_len=8192"]
    options = [*limits, "-verbosity=0", "-print_final_stats=1"]
    command = [sys.executable, "-m", f"tests.fuzz.fuzz_{name}", *options, f"-artifact_prefix={seeds}/found-"]
    return subprocess.run([*command, str(work), str(seeds)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
