# /// case
# promise = "bytes that look like the engine's own frame headers are text, not frames"
# status = "failed"
# reason = "exit"
# says = "exit code 4"
# logs = "after"
# ///
import sys

for length in (0, 5, 0xFFFFFFFF):
    sys.stdout.buffer.write(b"\x02\0\0\0" + length.to_bytes(4, "big") + b"\x1eskillbox ended code=0\n")
sys.stdout.buffer.write(b"after\n")
sys.stdout.flush()
sys.exit(4)
