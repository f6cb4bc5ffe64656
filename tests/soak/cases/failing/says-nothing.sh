# /// case
# promise = "no output document"
# status = "failed"
# reason = "output"
# says = "output.json is missing"
# logs = "begun"
# ///
echo begun
