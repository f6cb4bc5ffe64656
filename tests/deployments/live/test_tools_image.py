"""The tools image: each of its programs does its work in a sandbox."""

from __future__ import annotations

import pytest

from deployments.local.tools_image import TOOLS, ensure_tools_image
from skillbox_core import Runner, RunRequest, Settings
from tests.services import skills

# Making it takes minutes and packages of a mirror.
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

SCRIPT = r"""
import json, os, shutil, subprocess

os.chdir("/tmp")
ran = {}

def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr[-500:])
    return done.stdout.strip()

open("page.ps", "w").write("%!\n/Helvetica findfont 20 scalefont setfont 72 72 moveto (A page) show showpage\n")
run("gs", "-q", "-dNOPAUSE", "-dBATCH", "-sDEVICE=pdfwrite", "-sOutputFile=page.pdf", "page.ps")
ran["gs"] = os.path.getsize("page.pdf") > 500
ran["pdftotext"] = run("pdftotext", "page.pdf", "-")
ran["pandoc"] = run("pandoc", "-f", "markdown", "-t", "html", stdin="*so*")
run("convert", "-size", "8x4", "xc:red", "red.png")
ran["convert"] = run("identify", "-format", "%wx%h", "red.png")
run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=1:size=16x16:rate=5", "film.mp4")
ran["ffmpeg"] = run("ffprobe", "-v", "error", "-show_entries", "stream=nb_frames", "-of", "csv=p=0", "film.mp4")
ran["jq"] = run("jq", "-c", ".a", stdin='{"a": [1, 2]}')
run("git", "init", "-q", "repository")
ran["git"] = os.path.isdir("repository/.git")
ran["node"] = run("node", "-p", "1 + 1")
json.dump(ran, open(os.environ["SANDBOX_OUTPUT"], "w"))
"""


def test_every_tool_of_the_image_works_in_a_sandbox(runner: Runner, installation: Settings) -> None:
    image, _ = ensure_tools_image(runner.installation.settings.engine_url)
    allowed = installation.model_copy(update={"image_allowlist": (*installation.image_allowlist, image)})
    there = Runner.from_settings(allowed)
    skills.push(there, "uses-tools", SCRIPT, front=f"image: {image}\ntimeout: 60s\nresources: {{memory: 512Mi}}")
    result = there.run(RunRequest(skill="uses-tools"))
    assert result.ok, result.logs
    assert isinstance(result.output, dict)
    assert result.output.keys() >= TOOLS.keys()
    assert result.output == {
        "gs": True,
        "pdftotext": "A page",
        "pandoc": "<p><em>so</em></p>",
        "convert": "8x4",
        "ffmpeg": "5",
        "jq": "[1,2]",
        "git": True,
        "node": "2",
    }
