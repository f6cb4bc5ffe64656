# /// case
# promise = "all scratch areas full and memory full at the same time: still collected, still named"
# status = "failed"
# reason = ["disk", "oom"]
# options = { timeout = "60s", cpu = "2" }
# ///
for place in ("/tmp", "/dev/shm", "/sandbox"):
    try:
        with open(place + "/big", "wb") as file:
            while True:
                file.write(bytes(1 << 20))
    except OSError as error:
        print(place, error)
data = bytearray(2 << 30)
