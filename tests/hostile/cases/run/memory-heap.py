# /// case
# promise = "a heap that grows without end ends as out of memory, named so, with its peak"
# status = "failed"
# reason = "oom"
# says = ["ran out of memory", "resources.memory", "peak"]
# needs = "memory accounting"
# ///
data = bytearray(900 * 1024 * 1024)
