# /// case
# promise = "filling /sandbox with bytes ends in 'no space' for the skill alone, and the outcome is collected"
# status = "failed"
# reason = "disk"
# says = ["scratch area", "resources.scratch"]
# options = { timeout = "40s", cpu = "2" }
# ///
import json

try:
    with open("/sandbox/big", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
except OSError as error:
    raise SystemExit(str(error))
