# /// case
# promise = "an error that nothing caught is a failure, though its exit code is named as an answer"
# status = "failed"
# reason = "exit"
# says = "ValueError: bad row"
# options = { call = { script = "main.py", ok_exit_codes = [0, 1] } }
# ///
print('{"findings": []}', flush=True)
raise ValueError("bad row")
