# /// case
# promise = "input with shell characters in it is never run"
# status = "success"
# output = "$(touch /sandbox/out/files/ran); `id` '; exit 9 #"
# input = "$(touch /sandbox/out/files/ran); `id` '; exit 9 #"
# files = []
# ///
printf '%s' "$SANDBOX_INPUT" >"$SANDBOX_OUTPUT"
