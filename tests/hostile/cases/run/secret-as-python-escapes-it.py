# /// case
# promise = "a secret is redacted in every form in which Python prints it"
# env = { ODD = "pässwört 'x' 0815" }
# status = "failed"
# reason = "exit"
# never_tells = ["ssw", "0815"]
# ///
import json, os, sys, urllib.parse

odd = os.environ["ODD"]
for form in (odd, repr(odd), ascii(odd), repr(odd.encode()), json.dumps([odd]), urllib.parse.quote(odd)):
    print(form)
    print(form, file=sys.stderr)
raise ValueError(ascii({"odd": odd}))
