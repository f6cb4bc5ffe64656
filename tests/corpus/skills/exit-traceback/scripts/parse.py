import json
import sys

print("parsing")
value = json.loads(sys.argv[1])
print(json.dumps(value))
sys.exit(1 if value == [] else 0)
