# /// case
# promise = "an output.json over the limit is refused with the limit, unread"
# status = "failed"
# reason = "output"
# says = ["268", "SKILLBOX_MAX_OUTPUT_SIZE"]
# ///
with open('/sandbox/out/output.json', 'wb') as file:
    file.truncate(268 * 1000 * 1000)
