# /// case
# promise = "the classic fork bomb of the shell ends at the deadline at the latest"
# status = ["failed", "timeout", "success"]
# reason = ["pids", "exit", "oom", "output"]
# options = { timeout = "3s" }
# ///
bomb() { bomb | bomb & }
bomb 2>/dev/null
