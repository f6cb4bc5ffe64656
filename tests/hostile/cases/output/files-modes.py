# /// case
# promise = "files without rights, setuid and setgid are stored as plain files"
# status = "success"
# files = ["none", "setgid", "setuid"]
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
for name, mode in (('none', 0), ('setuid', 0o4777), ('setgid', 0o2777)):
    open(here + name, 'w').write('x')
    os.chmod(here + name, mode)
