# /// case
# promise = "world-writable folders of an image can't be written"
# status = "success"
# output = "EROFS"
# image = { run = "mkdir -m 1777 /open" }
# ///
import errno, json
try:
    said = open('/open/x', 'w') and 'written'
except OSError as error:
    said = errno.errorcode[error.errno]
json.dump(said, open('/sandbox/out/output.json', 'w'))
