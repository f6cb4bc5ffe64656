"""A new user's first evening: what the terminal and the Prefect UI show, written down to be looked at.

`make evening` builds the two wheels, installs them into a fresh environment, and does in another folder what somebody
does who has just found the project. It writes `transcript.txt` and pictures of the UI, and fails when anything is said
after the last line of a success.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import sync_playwright

from skillbox_core.base import env_file

ROOT = Path(__file__).parents[2]
PACKAGES = [ROOT, ROOT / "flows"]
END = "=== the end ==="
"""What the flows print last."""

SKILLS = {
    "raises": "def load(rows):\n    raise ValueError(f'bad row {rows}')\n\n\nprint('loading')\nload(17)\n",
    "hungry": "kept = []\nwhile True:\n    kept.append(bytearray(10_000_000))\n",
    "slow": "import time\nprint('working', flush=True)\ntime.sleep(60)\n",
}

FLOWS = {
    "batch.py": """
from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_skillbox import skill

hello = skill("hello")


@flow(task_runner=ThreadPoolTaskRunner(max_workers=8))
def batch():
    results = hello.map([{"name": f"row {n}"} for n in range(40)])
    return len([future.result().output for future in results])


print(batch(), "rows")
print("=== the end ===", flush=True)
""",
    "fails.py": """
from prefect import flow
from prefect_skillbox import skill


@flow
def fails():
    skill("raises")({})


fails()
""",
    "mistyped.py": """
from prefect import flow
from prefect_skillbox import skill


@flow
def mistyped():
    skill("helo")({})


mistyped()
""",
    "cancelled.py": """
from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from prefect_skillbox import skill


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def cancelled():
    skill("slow").submit({}).result()


cancelled()
""",
}


class Evening:
    """A shell in a folder of its own, and what it showed.

    Args:
        variables: The environment of its commands.
        where: The folder.
    """

    def __init__(self, variables: Mapping[str, str], where: Path) -> None:
        self.variables = dict(variables)
        self.where = where
        self.text = ""
        self.faults: list[str] = []

    def tell(self, command: str, *, expected: int | None = 0, interrupt_at: str = "") -> str:
        """Runs a command line, writes down what it showed, and gives it.

        Args:
            expected: Its exit code; None for any.
            interrupt_at: Where this is said, the command gets a Ctrl-C a second later.
        """
        self.text += f"$ {command}\n"
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}" if interrupt_at else command],
            cwd=self.where, env=self.variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if interrupt_at and interrupt_at in line:
                interrupt_at = ""
                time.sleep(1)
                process.send_signal(signal.SIGINT)
        code = process.wait(timeout=120)
        self.text += f"{said}[exit code {code}]\n\n"
        if expected is not None and code != expected:
            self.faults.append(f"{command} ended with {code} instead of {expected}")
        if END in said and (after := said.partition(END)[2].strip()):
            self.faults.append(f"{command} says this after its last line: {after[:500]}")
        return said


def install(folder: Path) -> Path:
    """A fresh environment with the two wheels, made without the lock; its folder of programs."""
    wheels = folder / "wheels"
    build = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*build, str(wheels), *map(str, PACKAGES)], check=True, timeout=120)
    uv, venv = str(Path(sys.executable).with_name("uv")), folder / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], check=True, timeout=60)
    command = [uv, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    subprocess.run([*command, *map(str, wheels.glob("*.whl"))], check=True, timeout=300)
    return venv / "bin"


def spend(evening: Evening) -> list[str]:
    """Does what a new user does, and gives the addresses of the flow runs in the UI."""
    tell, where = evening.tell, evening.where
    tell("skillbox setup .")
    tell("skillbox init hello")
    tell("skillbox skill push hello")
    tell("skillbox run hello --input @hello/input.json")
    for name, script in SKILLS.items():
        (where / name).mkdir()
        front = f"name: {name}\ndescription: For an evening.\nlang: python\nresources: {{memory: 64Mi}}\n"
        (where / name / "SKILL.md").write_text(f"---\n{front}---\nRun it.\n")
        (where / name / "main.py").write_text(script)
    tell("skillbox skill push raises hungry slow")
    tell("skillbox run raises", expected=1)
    tell("skillbox run hungry", expected=1)
    tell("skillbox run helo", expected=2)
    tell("skillbox run hello --memroy 1Gi", expected=2)
    tell("skillbox run hello --memory 1GB", expected=2)
    tell("skillbox run slow", expected=130, interrupt_at="working")
    for name, text in FLOWS.items():
        (where / name).write_text(text.lstrip())
    said = [tell("python batch.py")]
    said += [tell(f"python {name}", expected=1) for name in ("fails.py", "mistyped.py")]
    said.append(tell("python cancelled.py", expected=None, interrupt_at="working"))
    tell("skillbox exec list")
    elsewhere = "set -a; . .skillbox/.env; set +a; cd /; skillbox skill list"
    tell(elsewhere)
    tell("cd / && skillbox skill list", expected=2)
    tell("skillbox pool list")
    tell("skillbox doctor", expected=None)
    return [found[0] for text in said if (found := re.search(r"https?://\S+/runs/flow-run/[0-9a-f-]{36}", text))]


def photograph(addresses: list[str], out: Path) -> None:
    """Pictures of the flow runs' pages, for a person to look at."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        print("no Chromium, so no pictures")
        return
    flags = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        for number, address in enumerate(addresses):
            page.goto(address)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=out / f"run-{number}.png")
        browser.close()


def main() -> int:
    """Spends the evening; the exit code says whether anything was said that should not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.evening", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".skillbox" / "evening", help="folder for what was seen")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    ours = env_file.read(ROOT / ".skillbox" / ".env")
    with tempfile.TemporaryDirectory() as folder:
        programs = install(Path(folder))
        where = Path(folder) / "my project"
        where.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SKILLBOX_", "PREFECT_"))}
        # The engine and the images of the checkout's set-up, since there may be no registry to pull from.
        given = {name: ours[name] for name in ("SKILLBOX_DOCKER_HOST", "SKILLBOX_IMAGE_ALIASES", "PREFECT_API_URL")}
        evening = Evening(
            {**kept, **given, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": folder, "NO_COLOR": "1"}, where
        )
        try:
            addresses = spend(evening)
        finally:
            # The engine is the checkout's, and goes on.
            evening.tell("skillbox pool drain", expected=None)
            (out / "transcript.txt").write_text(evening.text.replace(folder, "/home/ada"))
        photograph(addresses, out)
    for fault in evening.faults:
        print(f"fault: {fault}")
    print(f"{out / 'transcript.txt'} and {len(addresses)} pictures; {len(evening.faults)} faults")
    return 1 if evening.faults else 0


if __name__ == "__main__":
    sys.exit(main())
