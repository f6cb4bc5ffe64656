# /// case
# promise = "an image's own ENTRYPOINT, CMD, USER, WORKDIR and HEALTHCHECK are overridden"
# status = "success"
# output = [true, "/sandbox", "sh"]
# image = { config = { Entrypoint = ["/bin/false"], Cmd = ["x"], User = "0:0", WorkingDir = "/root", StopSignal = "SIGTERM", Healthcheck = { Test = ["CMD", "/bin/false"], Interval = 1000000000 } } }
# ///
import json, os
json.dump([os.getuid() > 2**30, os.getcwd(), open('/proc/1/comm').read().strip()], open('/sandbox/out/output.json', 'w'))
