"""Draws a chart as SVG: points or lines of a table, or bars of group means."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape


class BadInput(Exception):
    """The input breaks a rule; the message says which."""


def number(text: str) -> float:
    """A JSON number; JSON has no NaN and no infinity, and neither has this skill."""
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is not a finite number")
    return int(text) if text.lstrip("-").isdigit() else float(text)


def read_input() -> dict:
    path = Path(os.environ.get("SANDBOX_INPUT_FILE") or "/sandbox/input.json")
    try:
        value = json.loads(
            path.read_text(encoding="utf-8"), parse_int=number, parse_float=number, parse_constant=number
        )
    except (OSError, ValueError) as error:
        raise BadInput(f"the input is not readable JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadInput("the input must be a JSON object")
    return value


def write_output(value: dict) -> None:
    path = Path(os.environ.get("SANDBOX_OUTPUT") or "/sandbox/out/output.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, allow_nan=False), encoding="utf-8")


def files_dir() -> Path:
    path = Path(os.environ.get("SANDBOX_FILES_DIR") or "/sandbox/out/files")
    path.mkdir(parents=True, exist_ok=True)
    return path


# Okabe and Ito's colours, which stay apart for colour-blind readers; each series has its own shape too.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5A5A5A", "#000000"]
UNITS = {"mm", "cm", "m", "km", "mg", "g", "kg", "ms", "s", "min", "h"}
MOST_PANELS = 6
MOST_BARS = 12
WIDTH, HEIGHT = 760, 480
TOP, BOTTOM, LEFT = 64, 64, 76
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#222}"
    ".title{font-size:18px;font-weight:600}.axis{font-size:13px}.tick{font-size:12px;fill:#555}"
    ".grid{stroke:#e4e4e4}.base{stroke:#888}.error{stroke:#222;stroke-width:1.5;fill:none}"
)
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml(value: str) -> str:
    return escape(NOT_XML.sub("\ufffd", value), {'"': "&quot;"})


def short(value: str, most: int) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"


def label(value) -> str:
    if value is None or value == "":
        return "NA"
    return value if isinstance(value, str) else json.dumps(value)


def axis_title(column: str) -> str:
    """`body_mass_g` as "body mass (g)"."""
    *words, last = column.split("_")
    return f"{' '.join(words)} ({last})" if words and last in UNITS else column.replace("_", " ")


def is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Scale(NamedTuple):
    """Maps the values from `low` to `high` to the pixels from `start` to `end`."""

    low: float
    high: float
    step: float
    start: float
    end: float

    @classmethod
    def nice(cls, values: list, start: float, end: float) -> Scale:
        """A scale that begins and ends at a tick; ticks are 1, 2 or 5 times a power of ten apart."""
        low, high = float(min(values)), float(max(values))
        if high <= low:
            margin = abs(low) * 0.1 or 1.0
            low, high = low - margin, high + margin
        if not (high - low) > 1e-12 * max(abs(low), abs(high), 1e-280) or max(abs(low), abs(high)) > 1e300:
            raise BadInput("the values to draw are too large or too close together")
        rough = (high - low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(m for m in (1, 2, 5, 10, 20) if m * power >= rough * 0.9)
        return cls(math.floor(low / step) * step, math.ceil(high / step) * step, step, start, end)

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list:
        """Pairs of pixel and text."""
        decimals = max(0, -math.floor(math.log10(self.step)))
        plain = decimals <= 6 and max(abs(self.low), abs(self.high)) < 1e9
        values = [self.low + i * self.step for i in range(round((self.high - self.low) / self.step) + 1)]
        values = [0.0 if abs(value) < self.step / 2 else value for value in values]
        return [(self.at(value), f"{value:,.{decimals}f}" if plain else f"{value:.3g}") for value in values]


class Drawing:
    """SVG elements, gathered in the order they are painted."""

    def __init__(self, title: str, description: str, width: int) -> None:
        self.width = width
        self.marks = 0
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
            f'viewBox="0 0 {width} {HEIGHT}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{xml(title)}</title>',
            f'<desc id="desc">{xml(description)}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>',
        ]
        self.text(LEFT, 34, short(title, width // 10), "title", "start")

    def text(self, x: float, y: float, content: str, style: str, anchor: str = "middle", turn: bool = False) -> None:
        rotate = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self.parts.append(
            f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{rotate}>{xml(content)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        self.parts.append(f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def y_axis(self, scale: Scale, left: float, right: float, title: str) -> None:
        for y, text in scale.ticks():
            self.line(left, y, right, y, "grid")
            self.text(left - 8, y + 4, text, "tick", "end")
        self.text(left - 56, (scale.start + scale.end) / 2, short(title, 44), "axis", turn=True)

    def mark(self, content: str, tooltip: str) -> None:
        """One datum: `content` is an element's start, without its end."""
        self.marks += 1
        tag = content[1:].split(" ", 1)[0]
        self.parts.append(f'{content} class="mark"><title>{xml(tooltip)}</title></{tag}>')

    def point(self, x: float, y: float, series: int, tooltip: str) -> None:
        self.mark(symbol(x, y, series), tooltip)

    def save(self) -> None:
        svg = "\n".join([*self.parts, "</svg>", ""])
        (files_dir() / "chart.svg").write_text(svg, encoding="utf-8")


def symbol(x: float, y: float, series: int) -> str:
    """The start of an element in the shape and colour of a series."""
    colour = PALETTE[series]
    paint = f'fill="{colour}" fill-opacity="0.75" stroke="#fff" stroke-width="0.75"'
    shape = series % 4
    if shape == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" {paint}'
    if shape == 1:
        return f'<path d="M{x:.1f} {y - 5.5:.1f}l5.5 9.5h-11z" {paint}'
    if shape == 2:
        return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" {paint}'
    return f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" {paint}'


def points_of(rows, request: dict) -> tuple:
    """The points (x, y) of each series, and how many rows lack a value."""
    x, y, color = (request.get(key) for key in ("x", "y", "color"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput('"rows" must be a list of objects')
    known = list(dict.fromkeys(column for row in rows for column in row))
    for key, column in (("x", x), ("y", y), ("color", color)):
        if column not in known and not (key == "color" and column is None):
            raise BadInput(f'"{key}" must name a column ({", ".join(known)}), not {json.dumps(column)}')
    series: dict = {}
    skipped = 0
    for i, row in enumerate(rows):
        pair = (row.get(x), row.get(y))
        if any(value in (None, "", "NA") for value in pair):
            skipped += 1
            continue
        for column, value in zip((x, y), pair):
            if not is_number(value):
                raise BadInput(f"rows[{i}].{column} must be a number, not {short(json.dumps(value), 40)}")
        series.setdefault("" if color is None else label(row.get(color)), []).append(pair)
    if not series:
        raise BadInput("there are no points to draw")
    if len(series) > len(PALETTE):
        raise BadInput(f'column "{color}" has {len(series)} different values, over the limit of {len(PALETTE)} colours')
    return {name: series[name] for name in sorted(series)}, skipped


def draw_points(rows, request: dict) -> tuple:
    kind = request.get("kind", "scatter")
    if kind not in ("scatter", "line"):
        raise BadInput(f'"kind" must be "scatter" or "line", not {json.dumps(kind)}')
    series, skipped = points_of(rows, request)
    x_title, y_title = axis_title(request["x"]), axis_title(request["y"])
    has_legend = request.get("color") is not None
    right, bottom = WIDTH - (150 if has_legend else 28), HEIGHT - BOTTOM
    every = [point for points in series.values() for point in points]
    x_scale = Scale.nice([x for x, _ in every], LEFT, right)
    y_scale = Scale.nice([y for _, y in every], bottom, TOP)

    title = request.get("title") or f"{y_title} by {x_title}"
    by = f", coloured by {axis_title(request['color'])}" if has_legend else ""
    drawing = Drawing(title, f"{kind} chart of {len(every)} points: {y_title} against {x_title}{by}.", WIDTH)
    drawing.y_axis(y_scale, LEFT, right, y_title)
    for x, text in x_scale.ticks():
        drawing.line(x, bottom, x, TOP, "grid")
        drawing.text(x, bottom + 20, text, "tick")
    drawing.line(LEFT, bottom, right, bottom, "base")
    drawing.text((LEFT + right) / 2, bottom + 46, short(x_title, 80), "axis")

    for i, (name, points) in enumerate(series.items()):
        if kind == "line":
            points = sorted(points)
            path = " ".join(f"{x_scale.at(x):.1f},{y_scale.at(y):.1f}" for x, y in points)
            drawing.parts.append(f'<polyline points="{path}" fill="none" stroke="{PALETTE[i]}" stroke-width="2"/>')
        for x, y in points:
            drawing.point(x_scale.at(x), y_scale.at(y), i, f"{name}: {x:g}, {y:g}" if name else f"{x:g}, {y:g}")
    if has_legend:
        drawing.text(right + 20, TOP + 8, short(axis_title(request["color"]), 16), "axis", "start")
        for i, name in enumerate(series):
            y = TOP + 32 + 22 * i
            drawing.parts.append(symbol(right + 26, y, i) + "/>")
            drawing.text(right + 38, y + 4, short(name, 14), "tick", "start")
    return drawing, skipped


def bars_of(stats, column: str) -> dict:
    """For each group its mean and standard deviation of a column."""
    bars = {}
    for group, part in stats["groups"].items():
        described = part.get("columns") if isinstance(part, dict) else None
        details = described.get(column) if isinstance(described, dict) else None
        if not isinstance(details, dict) or "mean" not in details:
            raise BadInput(f'"stats" has no mean of {json.dumps(column)} for the group {json.dumps(group)}')
        mean, stdev = details["mean"], details.get("stdev")
        if mean is not None:
            if not is_number(mean) or not (stdev is None or is_number(stdev)):
                raise BadInput(f"mean and stdev of {json.dumps(column)} must be numbers")
            bars[group] = (mean, stdev or 0)
    if not bars:
        raise BadInput(f"no group has a mean of {json.dumps(column)}")
    return bars


def draw_bars(stats, request: dict) -> tuple:
    if not isinstance(stats, dict) or not isinstance(stats.get("groups"), dict) or not stats["groups"]:
        raise BadInput('"stats" must be the output of the skill stats with "group_by"')
    columns = request.get("columns", [request["column"]] if "column" in request else None)
    if not isinstance(columns, list) or not columns or not all(isinstance(c, str) for c in columns):
        raise BadInput('"columns" must be a list of column names, or "column" one name')
    groups = list(stats["groups"])
    if len(columns) > MOST_PANELS or len(groups) > MOST_BARS:
        raise BadInput(
            f"{len(columns)} columns of {len(groups)} groups are over the limit of {MOST_PANELS} by {MOST_BARS}"
        )
    by = axis_title(stats["group_by"]) if isinstance(stats.get("group_by"), str) else "group"
    names = " and ".join(filter(None, [", ".join(map(axis_title, columns[:-1])), axis_title(columns[-1])]))
    # Each column has its own unit, so each has its own panel and scale.
    room = max(200, 62 * len(groups), (WIDTH - 28) // len(columns) - LEFT)
    width = (LEFT + room) * len(columns) + 28
    description = f"Bar chart of the mean of {names} for each {by}; error bars show one standard deviation."
    drawing = Drawing(request.get("title") or f"Mean {names} by {by}", description, width)
    bottom = HEIGHT - BOTTOM

    for panel, column in enumerate(columns):
        bars = bars_of(stats, column)
        left = LEFT + panel * (LEFT + room)
        ends = [mean + sign * stdev for mean, stdev in bars.values() for sign in (-1, 1)]
        # A bar's length is its value, so the scale always has the zero in it.
        scale = Scale.nice([0, *ends], bottom, TOP)
        drawing.y_axis(scale, left, left + room, f"mean {axis_title(column)}")
        slot = room / len(groups)
        for i, group in enumerate(groups):
            middle = left + slot * (i + 0.5)
            drawing.text(middle, bottom + 20, short(group, max(3, int(slot / 7))), "tick")
            if group not in bars:
                continue
            mean, stdev = bars[group]
            y0, y1 = sorted((scale.at(0), scale.at(mean)))
            bar = min(slot * 0.62, 90)
            drawing.mark(
                f'<rect x="{middle - bar / 2:.1f}" y="{y0:.1f}" width="{bar:.1f}" height="{y1 - y0:.1f}" '
                f'fill="{PALETTE[i % len(PALETTE)]}"',
                f"{group}: {mean:,.4g} ± {stdev:,.4g}",
            )
            if stdev:
                high, low = scale.at(mean + stdev), scale.at(mean - stdev)
                drawing.parts.append(
                    f'<path class="error" d="M{middle - 6:.1f} {high:.1f}h12m-6 0V{low:.1f}m-6 0h12"/>'
                )
        drawing.line(left, scale.at(0), left + room, scale.at(0), "base")
        drawing.text(left + room / 2, bottom + 46, short(f"{by} (mean ± 1 SD)", int(room / 7)), "axis")
    return drawing, 0


def main() -> None:
    request = read_input()
    if ("rows" in request) == ("stats" in request):
        raise BadInput('give either "rows" or "stats"')
    if not isinstance(request.get("title", ""), str):
        raise BadInput('"title" must be a text')
    if "rows" in request:
        drawing, skipped = draw_points(request["rows"], request)
    else:
        drawing, skipped = draw_bars(request["stats"], request)
    drawing.save()
    write_output({"file": "chart.svg", "marks": drawing.marks, "width": drawing.width, "height": HEIGHT})
    print(f"drew {drawing.marks} marks, skipped {skipped} rows without a value")


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        print(f"chart: {error}", file=sys.stderr)
        sys.exit(2)
