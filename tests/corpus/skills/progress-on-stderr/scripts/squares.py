import json
import sys

numbers = [int(word) for word in sys.argv[1:]]
for done, number in enumerate(numbers, 1):
    print(f"{done}/{len(numbers)}: {number}", file=sys.stderr)
print(json.dumps([number * number for number in numbers]))
