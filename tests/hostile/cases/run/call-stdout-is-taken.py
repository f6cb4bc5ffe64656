# /// case
# promise = "what lies in the place of a script's standard output gives way to it"
# status = "success"
# output = "answer\n"
# options = { call = { script = "main.py", result = "text" } }
# ///
import os

os.makedirs("/sandbox/out/stdout/deep/er")
open("/sandbox/out/stdout/.stdout", "w").write("forged")
os.chmod("/sandbox/out", 0o500)
print("answer")
