# /// case
# promise = "a script that prints more than a result may have fails, and says which limit"
# status = "failed"
# reason = "output"
# says = ["the limit of a result is", "SKILLBOX_MAX_OUTPUT_SIZE"]
# options = { call = { script = "main.py" } }
# ///
for _ in range(1100):
    print("x" * 1023)
