# /// case
# promise = "a skill that is cancelled long before it would end"
# status = "cancelled"
# options = { timeout = "120s" }
# ///
echo begun
sleep 100
