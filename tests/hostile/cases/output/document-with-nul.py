# /// case
# promise = "a NUL inside a text of output.json reaches the caller as it is"
# status = "success"
# output = "a\u0000b"
# ///
import json
json.dump('a\0b', open('/sandbox/out/output.json', 'w'))
