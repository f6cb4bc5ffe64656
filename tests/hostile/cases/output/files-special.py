# /// case
# promise = "pipes and sockets are left out, and said"
# status = "success"
# logs = "named pipe"
# files = []
# within = 12.0
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
import socket
os.mkfifo(here + 'pipe')
socket.socket(socket.AF_UNIX).bind(here + 'socket')
