# /// case
# promise = "a skill that ignores every signal is gone at its deadline"
# status = "timeout"
# options = { timeout = "1s" }
# within = 8.0
# ///
import signal, time

for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
time.sleep(60)
