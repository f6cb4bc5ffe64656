# /// case
# promise = "arguments and standard input with shell characters in them are never run"
# status = "success"
# output = "[$(touch /sandbox/out/files/ran)][`id`; exit 9 # ' \"\n][{input.a}]$(touch /sandbox/out/files/ran)"
# input = { a = "$(touch /sandbox/out/files/ran)", b = "`id`; exit 9 # ' \"\n", c = "{input.a}" }
# files = []
# options = { call = { script = "main.sh", args = ["{input.a}", "x{input.b}", "{input.c}"], stdin = "{input.a}", result = "text" } }
# ///
printf '[%s][%s][%s]' "$1" "${2#x}" "$3"
cat
