# /// case
# promise = "an error of the skill's own"
# status = "failed"
# reason = "exit"
# says = "exit code 1"
# logs = "KeyError"
# ///
{}["missing"]
