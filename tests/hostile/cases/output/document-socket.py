# /// case
# promise = "an output.json that is a socket is not taken"
# status = "failed"
# reason = "output"
# says = "output.json"
# ///
import socket
socket.socket(socket.AF_UNIX).bind('/sandbox/out/output.json')
