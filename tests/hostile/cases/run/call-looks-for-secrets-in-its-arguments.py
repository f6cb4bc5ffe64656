# /// case
# promise = "a secret of the environment is in no process's arguments and in no file of the sandbox"
# status = "success"
# output = []
# options = { call = { script = "main.py", args = ["{input.a}"], stdin = "{input}" } }
# input = { a = "b" }
# ///
import json, os

secret = os.environ["API_KEY"].encode()
found = []
for process in filter(str.isdigit, os.listdir("/proc")):
    if secret in open(f"/proc/{process}/cmdline", "rb").read():
        found.append(process)
for folder, _, names in os.walk("/sandbox"):
    found += [file for file in names if os.path.isfile(f"{folder}/{file}") and secret in open(f"{folder}/{file}", "rb").read()]
print(json.dumps(found))
