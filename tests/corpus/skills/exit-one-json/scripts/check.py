import argparse
import json
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--strict", action="store_true")
parser.add_argument("path")
args = parser.parse_args()
with open(args.path) as file:
    document = json.load(file)
findings = [key for key, value in document.items() if value is None or (args.strict and value == "")]
print(json.dumps({"ok": not findings, "findings": findings}))
sys.exit(1 if findings else 0)
