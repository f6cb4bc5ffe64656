# /// case
# promise = "folders, links and files that a skill leaves where its file systems are probed do not make them look full"
# status = "failed"
# reason = "exit"
# says = "exit code 3"
# ///
import os, sys

for place in ("/sandbox", "/tmp", "/dev/shm"):
    os.makedirs(f"{place}/.probe/deep")
    os.makedirs(f"{place}/.probe0/deep")
    os.symlink("/nowhere", f"{place}/.probe1")
    os.symlink("/proc/self/mem", f"{place}/.probe2")
    os.mkfifo(f"{place}/.probe3")
    open(f"{place}/.probe4", "w").close()
    os.chmod(f"{place}/.probe0", 0)
sys.exit(3)
