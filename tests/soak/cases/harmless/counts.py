# /// case
# promise = "a skill that echoes its number, says three lines and makes a file"
# status = "success"
# ///
import json

number = json.load(open("/sandbox/input.json"))["n"]
for line in range(3):
    print("line", line)
open("/sandbox/out/files/number.txt", "w").write(f"{number}\n" * 5000)
json.dump({"n": number}, open("/sandbox/out/output.json", "w"))
