# /// case
# promise = "in an image without tee a script whose result is what it prints fails, and the error names what is missing"
# status = "failed"
# reason = "output"
# says = "the image has no tee"
# logs = "answer"
# options = { call = { script = "main.py" } }
# image = { run = "rm -f /bin/tee /usr/bin/tee" }
# ///
print("answer")
