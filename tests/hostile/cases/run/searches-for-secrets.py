# /// case
# promise = "no process, file or descriptor in the sandbox holds the secret, but the skill's own environment"
# status = "success"
# output = []
# ///
import json, os

secret, found = os.environ["API_KEY"].encode(), []
for pid in (p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()):
    for name in ("environ", "cmdline"):
        try:
            if secret in open(f"/proc/{pid}/{name}", "rb").read():
                found.append(f"{pid}/{name}")
        except OSError:
            pass
for top, _, files in os.walk("/sandbox"):
    for name in files:
        if secret in open(os.path.join(top, name), "rb").read():
            found.append(name)
json.dump(found, open("/sandbox/out/output.json", "w"))
