import json
import sys

records = json.load(sys.stdin)
least = int(sys.argv[1]) if len(sys.argv) > 1 else 0
json.dump([record for record in records if record["score"] >= least], sys.stdout)
