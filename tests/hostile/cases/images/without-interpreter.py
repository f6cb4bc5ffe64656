# /// case
# promise = "an image without the language's interpreter ends in an error that names it"
# status = "failed"
# reason = "exit"
# logs = "python3"
# image = { run = "rm -f /usr/bin/python3* /usr/bin/python /usr/local/bin/python*" }
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
