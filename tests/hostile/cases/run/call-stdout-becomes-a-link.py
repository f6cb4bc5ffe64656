# /// case
# promise = "a link in the place of what a script printed is not followed"
# status = "failed"
# reason = "output"
# never_tells = "root:"
# options = { call = { script = "main.py", result = "text" } }
# ///
import os

os.remove("/sandbox/.stdout")
os.symlink("/etc/passwd", "/sandbox/.stdout")
print("answer")
