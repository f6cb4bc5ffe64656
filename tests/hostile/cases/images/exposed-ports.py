# /// case
# promise = "ports that an image exposes open nothing"
# status = "success"
# output = ["lo"]
# image = { config = { ExposedPorts = { "80/tcp" = {} } } }
# ///
import json, os
json.dump(os.listdir('/sys/class/net'), open('/sandbox/out/output.json', 'w'))
