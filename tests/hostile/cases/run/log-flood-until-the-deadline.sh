# /// case
# promise = "output without end ends at the deadline, capped"
# status = "timeout"
# logs = "bytes of log are missing here"
# options = { timeout = "2s" }
# within = 30.0
# ///
exec yes "a line of a flood"
