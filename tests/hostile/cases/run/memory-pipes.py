# /// case
# promise = "kernel memory behind pipes and sockets is limited"
# status = "success"
# output = true
# ///
import fcntl, json, os

filled, ends = 0, []
try:
    while True:
        pair = os.pipe()
        ends.append(pair)
        os.set_blocking(pair[1], False)
        try:
            while True:
                filled += os.write(pair[1], bytes(65536))
        except BlockingIOError:
            pass
except OSError:
    pass
for pair in ends:
    os.close(pair[0]), os.close(pair[1])
json.dump(filled < 512 << 20, open("/sandbox/out/output.json", "w"))
