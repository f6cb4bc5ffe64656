# /// case
# promise = "a shell that closes all its descriptors still ends properly"
# status = "failed"
# reason = "output"
# says = "output.json is missing"
# ///
exec <&- >&- 2>&-
exit 0
