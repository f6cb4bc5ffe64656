# /// case
# promise = "shared memory and messages that outlive their processes are the skill's memory, and said to be"
# status = "failed"
# reason = "oom"
# front = "resources: {memory: 32Mi, scratch: 1Mi}"
# ///
import ctypes, os

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
message = ctypes.create_string_buffer(8 + 8192)
ctypes.c_long.from_buffer(message).value = 1


def segment(size):
    found = libc.shmat(libc.shmget(0, ctypes.c_size_t(size), 0o1600), None, 0)
    ctypes.memset(found, 1, size)


def queues():
    for _ in range(500):
        queue = libc.msgget(0, 0o1600)
        while libc.msgsnd(queue, message, 8192, 0o4000) == 0:
            pass


def until_it_is_killed(act, *arguments):
    while True:
        if (child := os.fork()) == 0:
            act(*arguments)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            return


for size in (16 << 20, 1 << 20, 1 << 16, 1 << 12):
    until_it_is_killed(segment, size)
until_it_is_killed(queues)
raise SystemExit(1)
