# /// case
# promise = "the supervisor's limits can't be lowered by the skill, which then says itself why it ends"
# status = "failed"
# reason = "exit"
# says = "exit code 3"
# logs = "refused: 16 of 16"
# ///
import ctypes, resource, sys

libc, refused = ctypes.CDLL(None, use_errno=True), 0
for number in range(16):
    try:
        resource.prlimit(1, number, (0, 0))
    except PermissionError:
        refused += 1
print("refused:", refused, "of 16")
# The kernel reads half of the register; a filter that compared all of it would take this for another process.
none = (ctypes.c_ulong * 2)(0, 0)
libc.syscall(302, ctypes.c_ulong(2**32 + 1), ctypes.c_ulong(resource.RLIMIT_NPROC), none, None)
sys.exit(3)
