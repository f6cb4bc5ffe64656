# /// case
# promise = "an exit code above 128 of its own is no signal that confuses the supervisor"
# status = "failed"
# reason = "exit"
# says = "exit code 200"
# ///
exit 200
