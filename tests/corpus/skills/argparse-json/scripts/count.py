#!/usr/bin/env python3
"""Count the words of a text file."""
import argparse
import json
from collections import Counter

parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("--top", type=int, default=3)
parser.add_argument("--min-length", type=int, default=1)
args = parser.parse_args()
with open(args.path) as file:
    words = [word.lower() for word in file.read().split()]
counted = Counter(word for word in words if len(word) >= args.min_length)
print(json.dumps({"words": len(words), "top": counted.most_common(args.top)}, indent=2))
