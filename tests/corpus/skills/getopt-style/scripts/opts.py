import getopt
import json
import sys

options, rest = getopt.getopt(sys.argv[1:], "n:v", ["name=", "verbose"])
print(json.dumps({"options": options, "rest": rest}))
