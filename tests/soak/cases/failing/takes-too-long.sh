# /// case
# promise = "a skill that is not done at its deadline"
# status = "timeout"
# options = { timeout = "1500ms" }
# says = "deadline"
# ///
sleep 60
