import json

with open("/sandbox/input.json") as file:
    given = json.load(file)
with open("/sandbox/out/output.json", "w") as file:
    json.dump({"main": given}, file)
