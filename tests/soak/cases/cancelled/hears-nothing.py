# /// case
# promise = "the same, and it ignores every signal"
# status = "cancelled"
# options = { timeout = "120s" }
# ///
import signal, time

for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
time.sleep(100)
