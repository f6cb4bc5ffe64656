"""Summarises a text by its own most telling sentences."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections import Counter
from pathlib import Path


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


WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]?[A-Z0-9])|\n\s*\n")
ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|[A-Z])\.$")
KEYWORDS = 5
STOPWORDS = frozenset(
    "a about above after again all also am an and any are as at be because been before being but by can cannot "
    "could did do does doing down each few for from further had has have having he her here him his how i if in "
    "into is it its itself just may me might more most must my no nor not of off on once only or other our out "
    "over own same shall she should so some such than that the their them then there these they this those "
    "through to too under until up upon us very was we were what when where which while who whom why will with "
    "would you your".split()
)


def split_sentences(text: str) -> list:
    sentences: list = []
    for piece in filter(None, (part.strip() for part in SENTENCE_END.split(text))):
        if sentences and ABBREVIATION.search(sentences[-1]):
            sentences[-1] += " " + piece
        else:
            sentences.append(piece)
    return [" ".join(sentence.split()) for sentence in sentences]


def terms(text: str) -> list:
    return [word for word in WORD.findall(text.lower()) if word not in STOPWORDS and len(word) > 2]


def summarise(text: str, wanted: int) -> dict:
    sentences = split_sentences(text)
    weights = Counter(terms(text))

    def score(index: int) -> float:
        words = terms(sentences[index])
        # The square root keeps long sentences from winning by length, and short ones by a single word.
        return sum(weights[word] for word in words) / math.sqrt(len(words)) if words else 0.0

    best = sorted(range(len(sentences)), key=lambda i: (-score(i), i))[:wanted]
    return {
        "summary": " ".join(sentences[i] for i in sorted(best)),
        "sentences": len(sentences),
        "words": len(WORD.findall(text)),
        "keywords": sorted(weights, key=lambda word: (-weights[word], word))[:KEYWORDS],
    }


def main() -> None:
    request = read_input()
    text, wanted = request.get("text"), request.get("sentences", 3)
    if not isinstance(text, str) or not WORD.search(text):
        raise BadInput('"text" must be a text with at least one word')
    if type(wanted) is not int or wanted < 1:
        raise BadInput(f'"sentences" must be a whole number of at least 1, not {json.dumps(wanted)}')
    result = summarise(text, wanted)
    write_output(result)
    print(f"chose {min(wanted, result['sentences'])} of {result['sentences']} sentences")


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        print(f"text-summary: {error}", file=sys.stderr)
        sys.exit(2)
