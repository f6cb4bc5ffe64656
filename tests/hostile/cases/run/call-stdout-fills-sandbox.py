# /// case
# promise = "a script that prints its scratch area full fails, and its half answer is no result"
# status = "failed"
# reason = ["output", "disk"]
# options = { call = { script = "main.py", result = "text" }, timeout = "60s", cpu = "2" }
# front = "resources: {scratch: 4Mi}"
# within = 90.0
# ///
for _ in range(6 * 1024):
    print("x" * 1023)
