import json
import sys

for number, word in enumerate(sys.argv[1:], 1):
    print(json.dumps({"n": number, "word": word}))
