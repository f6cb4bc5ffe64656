# /// case
# promise = "filling /tmp with bytes ends in 'no space' for the skill alone, and the outcome is collected"
# status = "success"
# output = "No space left on device"
# options = { timeout = "40s", cpu = "2" }
# ///
import json

try:
    with open("/tmp/big", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
except OSError as error:
    json.dump(error.strerror, open("/sandbox/out/output.json", "w"))
