# /// script
# requires-python = ">=3.10"
# dependencies = ["matplotlib>=3.8"]
# ///
"""Draws box plots of a table's figures."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

# Okabe and Ito's colours, which stay apart for colour-blind readers.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
FIGURES = {"med": "50%", "q1": "25%", "q3": "75%", "whislo": "min", "whishi": "max", "mean": "mean"}


class BadInput(Exception):
    """The input breaks a rule; the message says which."""


def read_panels() -> dict[str, list[dict]]:
    """For each column what a box of each group needs."""
    folder = Path(os.environ.get("SANDBOX_INPUT_FILES_DIR") or "/sandbox/in/files")
    panels: dict[str, list[dict]] = {}
    try:
        with next(folder.rglob("summary.csv")).open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                box = {key: float(line[name]) for key, name in FIGURES.items()}
                panels.setdefault(line["column"], []).append({"label": line["group"], **box})
    except StopIteration:
        raise BadInput("no summary.csv was given") from None
    except (KeyError, ValueError) as error:
        raise BadInput(f"summary.csv is not what describe-table leaves: {error!r}") from None
    if not panels:
        raise BadInput("summary.csv has no lines")
    return panels


def draw(panels: dict[str, list[dict]], title: str, path: Path) -> None:
    figure, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 4), squeeze=False, layout="constrained")
    figure.suptitle(title)
    for axis, (column, boxes) in zip(axes[0], panels.items(), strict=True):
        drawn = axis.bxp(boxes, showfliers=False, showmeans=True, patch_artist=True, widths=0.6)
        for number, box in enumerate(drawn["boxes"]):
            box.set(facecolor=PALETTE[number % len(PALETTE)], alpha=0.6)
        axis.set_title(column.replace("_", " "), fontsize="medium")
        axis.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=120)


def main() -> int:
    request = json.loads(Path(os.environ.get("SANDBOX_INPUT_FILE") or "/sandbox/input.json").read_text("utf-8"))
    out = Path(os.environ.get("SANDBOX_FILES_DIR") or "/sandbox/out/files")
    try:
        panels = read_panels()
    except BadInput as error:
        print(f"plot-table: {error}", file=sys.stderr)
        return 2
    draw(panels, request.get("title", ""), out / "boxes.png")
    boxes = sum(map(len, panels.values()))
    answer = {"file": "boxes.png", "boxes": boxes}
    Path(os.environ.get("SANDBOX_OUTPUT") or "/sandbox/out/output.json").write_text(json.dumps(answer), "utf-8")
    print(f"matplotlib {matplotlib.__version__}: drew {boxes} boxes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
