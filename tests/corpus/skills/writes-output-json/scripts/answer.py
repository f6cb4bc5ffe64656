import json
import os

print("thinking")
with open(os.environ["SANDBOX_OUTPUT"], "w") as file:
    json.dump({"answer": 42}, file)
