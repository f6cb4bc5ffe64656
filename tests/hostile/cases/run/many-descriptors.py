# /// case
# promise = "open files are limited, and the skill is collected with all of them open"
# status = "success"
# output = true
# ///
import json

files = []
answer = open("/sandbox/out/output.json", "w")
try:
    while True:
        files.append(open("/dev/null"))
except OSError:
    pass
json.dump(900 < len(files) < 1024, answer)
answer.close()
