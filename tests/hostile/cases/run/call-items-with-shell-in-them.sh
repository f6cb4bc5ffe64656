# /// case
# promise = "items and optional values with shell characters or placeholders in them are an argument each, and never run"
# status = "success"
# output = ["$(touch /sandbox/out/files/ran)", "`id`; exit 9 # ' \"", "{out}", "--n", "{if input.on}{input.n?}", "-s", "-w=a b", "-w=*"]
# input = { a = ["$(touch /sandbox/out/files/ran)", "`id`; exit 9 # ' \"", "{out}"], n = "{if input.on}{input.n?}", on = true, w = ["a b", "*"] }
# files = []
# options = { call = { script = "main.sh", args = ["{input.a...}", ["--n", "{input.n?}"], ["--m", "{input.m?}"], "{if input.on}-s", "-w={input.w...}"], result = "lines" } }
# ///
printf '%s\n' "$@"
