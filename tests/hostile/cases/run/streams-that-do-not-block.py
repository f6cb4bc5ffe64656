# /// case
# promise = "a skill that makes its streams non-blocking, and leaves them full for a slow worker, hides no last word"
# status = "success"
# output = "done"
# meddle = "read slowly"
# within = 30.0
# gvisor = { why = "has the host's pipes for streams, whose size it can't change, so the attack ends there", status = "failed", reason = "exit", says = "Bad file descriptor" }
# ///
import fcntl, json, os

json.dump("done", open("/sandbox/out/output.json", "w"))
for stream in (1, 2):
    os.set_blocking(stream, False)
    fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, 4096)
for stream in (1, 2):
    if os.fork() == 0:
        while True:
            try:
                os.write(stream, b"x" * 4000 + b"\n")
            except BlockingIOError:
                pass
full = 0
while full < 20_000:
    try:
        os.write(2, b"x" * 4000 + b"\n")
        full = 0
    except BlockingIOError:
        full += 1
