# /// case
# promise = "an image whose /sandbox is a link elsewhere gets the scratch area or nothing"
# status = ["success", "failed"]
# reason = ["infrastructure", "policy"]
# image = { run = "ln -s /etc /sandbox" }
# ///
import json
json.dump({}, open('/sandbox/out/output.json', 'w'))
