import argparse
import csv
import json

parser = argparse.ArgumentParser()
parser.add_argument("table")
parser.add_argument("--out", required=True)
args = parser.parse_args()
with open(args.table, newline="") as file:
    rows = list(csv.DictReader(file))
totals = {}
for row in rows:
    totals[row["kind"]] = totals.get(row["kind"], 0) + int(row["amount"])
with open(args.out, "w") as file:
    json.dump({"rows": len(rows), "totals": totals}, file)
print(f"Report written to {args.out}")
