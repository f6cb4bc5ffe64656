# /// case
# promise = "names of dots that are no parents are taken"
# status = "success"
# files = ["...", "..x"]
# ///
import json, os
json.dump({}, open('/sandbox/out/output.json', 'w'))
here = '/sandbox/out/files/'
open(here + '...', 'w')
open(here + '..x', 'w')
