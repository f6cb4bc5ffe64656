# /// case
# promise = "a secret is redacted in the names of what is left out, escaped by the skill or by us, and where they are cut"
# env = { ODD = "pässwört 0815" }
# status = "success"
# output = 1
# never_tells = ["ssw", "0815"]
# ///
import json, os, urllib.parse

odd, folder = os.environ["ODD"], "/sandbox/out/files/"
os.mkfifo(folder + odd)
os.mkfifo(folder + ascii(odd))
os.symlink("/", folder + urllib.parse.quote(odd))
long = "a" * 200 + "/" + "b" * 92 + odd
os.makedirs(folder + long)
json.dump(1, open("/sandbox/out/output.json", "w"))
