# /// case
# promise = "a skill that writes over the supervisor's memory reaches none of it"
# status = "failed"
# reason = "exit"
# says = "exit code 3"
# within = 12.0
# ///
broken = 0
try:
    for line in open("/proc/1/maps"):
        start, end = (int(n, 16) for n in line.split()[0].split("-"))
        if "[heap]" in line or "[stack]" in line:
            for path in ("/proc/1/mem", "/proc/1/task/1/mem"):
                with open(path, "r+b", 0) as memory:
                    memory.seek(start)
                    memory.write(b"\xcc" * (end - start))
                    broken += 1
except OSError as error:
    print(error)
raise SystemExit(3)
