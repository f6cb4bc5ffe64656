# /// case
# promise = "a named result that is a link is missing; nobody follows it"
# status = "failed"
# reason = "output"
# says = ["r.json", "is missing"]
# never_tells = "root:"
# options = { call = { script = "main.py", result = "file:r.json" } }
# ///
import os

os.symlink("/etc/passwd", "/sandbox/out/files/r.json")
