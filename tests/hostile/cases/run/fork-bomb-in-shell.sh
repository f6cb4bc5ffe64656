# /// case
# promise = "the classic fork bomb of the shell ends at the deadline at the latest"
# status = ["failed", "timeout", "success"]
# reason = ["pids", "exit", "oom", "output"]
# options = { timeout = "3s" }
# gvisor = { why = "has processes of its own; the host ends it as a whole, which takes longer the more there are", status = ["failed", "timeout", "success"], reason = ["pids", "exit", "oom", "output", "infrastructure"], within = 90.0 }
# ///
bomb() { bomb | bomb & }
bomb 2>/dev/null
