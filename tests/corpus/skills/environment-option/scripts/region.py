import os

print(os.environ.get("REGION", "nowhere"))
