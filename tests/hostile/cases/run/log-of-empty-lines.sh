# /// case
# promise = "millions of empty lines do not fill the worker's memory"
# status = "timeout"
# options = { timeout = "2s" }
# within = 30.0
# ///
exec yes ""
